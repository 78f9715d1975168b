//! Plays the cases: those that keep to themselves side by side, then one by one those that disturb Sluice or the
//! cluster itself. A line per case; a folder with everything for each that failed.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use futures::{FutureExt, StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use crate::cases::{CASES, Case, Company, Home};
use crate::kubernetes::objects::{OURS, Space, background, gone_is_fine};
use crate::kubernetes::operator::Operator;
use crate::kubernetes::{self, dump};
use crate::scene::{Place, SHARED, Scene, Stage};
use crate::ui::{Task, Ui};
use crate::wait::{chain, eventually, said, seconds};

#[derive(clap::Args)]
pub struct Args {
    /// Cases to play, by number; all that are not open without it
    #[arg(long = "case", value_delimiter = ' ')]
    cases: Vec<String>,
    /// Only list the cases
    #[arg(long)]
    list: bool,
    /// Leave namespaces and objects as they are at the end
    #[arg(long)]
    keep: bool,
    /// Cases that run at a time, where they do not disturb each other
    #[arg(long, default_value_t = 3)]
    parallel: usize,
    /// Where folders of failed cases go
    #[arg(long, default_value = "e2e/out")]
    out: PathBuf,
}

struct Outcome {
    case: &'static Case,
    failure: Option<anyhow::Error>,
}

pub async fn main(args: Args) -> Result<ExitCode> {
    let chosen = choose(&args.cases)?;
    if args.list {
        for case in chosen {
            println!("{:<4} {}", case.id, case.sentence);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let client = kubernetes::connect().await?;
    let ui = Ui::new();
    let failed = ui.during(play(&ui, &client, &args, &chosen)).await?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(names: &[String]) -> Result<Vec<&'static Case>> {
    let known = |name: &String| CASES.iter().any(|case| case.id.eq_ignore_ascii_case(name));
    if let Some(name) = names.iter().filter(|name| !name.is_empty()).find(|name| !known(name)) {
        bail!("there is no case {name}; `e2e run --list` names them");
    }
    let wanted = |case: &&Case| names.iter().any(|name| case.id.eq_ignore_ascii_case(name));
    let all = names.iter().all(String::is_empty);
    Ok(CASES.iter().filter(|case| all || wanted(case)).collect())
}

async fn play(
    ui: &std::sync::Arc<Ui>,
    client: &Client,
    args: &Args,
    chosen: &[&'static Case],
) -> Result<usize> {
    let leftovers: Vec<String> = own_names(chosen).collect();
    gone(&ui.begin("stage"), "leftovers of an earlier run to go", client, &leftovers).await?;
    let stage = Stage::set(client.clone(), std::sync::Arc::clone(ui), args.out.clone()).await?;
    let (mut beside, alone): (Vec<_>, Vec<_>) =
        chosen.iter().copied().partition(|case| case.company == Company::Beside);
    // the longest first, so that none of them is what everybody waits for at the end
    beside.sort_by_key(|case| std::cmp::Reverse(case.about));
    let mut outcomes: Vec<Outcome> = stream::iter(beside)
        .map(|case| one(&stage, case, args.keep))
        .buffer_unordered(args.parallel.max(1))
        .collect()
        .await;
    for case in alone {
        outcomes.push(one(&stage, case, args.keep).await);
    }
    let left = if args.keep { Ok(()) } else { leave(&stage, chosen).await };
    let unclean = left.is_err();
    if let Err(error) = left {
        ui.say(format!("     FAIL  cleaning up: {}", chain(error.as_ref())));
    }
    Ok(summary(ui, &args.out, &outcomes, unclean))
}

async fn one(stage: &Stage, case: &'static Case, keep: bool) -> Outcome {
    let name = match case.home {
        Home::Shared => SHARED.to_owned(),
        Home::Own => own(case),
    };
    let scene =
        Scene { stage, place: Place::new(Space::new(stage.client.clone(), name), stage.ui.begin(case.id)) };
    let played = async {
        scene.space.create().await?;
        let deadline = Duration::from_secs(case.about * 3 + 120);
        let scenario = AssertUnwindSafe((case.scenario)(&scene)).catch_unwind();
        match tokio::time::timeout(deadline, scenario).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(anyhow!("panicked: {}", panic_text(panic.as_ref()))),
            Err(_) => Err(anyhow!("not done after {} s", deadline.as_secs())),
        }
    };
    let mut failure = played.await.err();
    let took = scene.task.elapsed();
    if failure.is_some() {
        let operator = Operator::find(&stage.client).await.ok();
        let spaces: Vec<&Space> = match case.home {
            Home::Shared => vec![&scene.space],
            Home::Own => vec![&scene.space, &stage.home.space],
        };
        let folder = stage.out.join(case.id);
        let _ = std::fs::remove_dir_all(&folder);
        if let Err(error) = dump::write(&folder, &spaces, operator.as_ref(), took).await {
            stage.ui.say(format!("{:<4} could not write {}: {error:#}", case.id, folder.display()));
        }
        if let Some(failure) = &failure {
            let _ = std::fs::write(folder.join("failure.txt"), chain(failure.as_ref()));
        }
    }
    if !keep && let Err(error) = scene.clear().await {
        failure.get_or_insert(error);
    }
    if !keep && case.home == Home::Own {
        let all: Api<Namespace> = Api::all(stage.client.clone());
        if let Err(error) = all.delete(&scene.space.name, &background()).await {
            failure.get_or_insert(error.into());
        }
    }
    report(stage, case, failure.as_ref(), took);
    Outcome { case, failure }
}

fn own(case: &Case) -> String {
    format!("e2e-{}", case.id.to_ascii_lowercase())
}

fn report(stage: &Stage, case: &Case, failure: Option<&anyhow::Error>, took: Duration) {
    let verdict = if failure.is_some() { "FAIL" } else { "ok" };
    stage.ui.say(format!("{:<4} {verdict:<4} {:>6.1} s  {}", case.id, took.as_secs_f64(), case.sentence));
    if let Some(failure) = failure {
        stage.ui.say(format!("              {}", chain(failure.as_ref())));
        stage.ui.say(format!("              everything about it: {}", stage.out.join(case.id).display()));
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Until none of these namespaces is there. One that does not go hangs on something of ours.
async fn gone(task: &Task, what: &str, client: &Client, names: &[String]) -> Result<()> {
    let all: Api<Namespace> = Api::all(client.clone());
    for name in names {
        gone_is_fine(all.delete(name, &background()).await.map(drop))?;
    }
    // the namespace controller looks again after half of the longest grace period, a broker's, and once more if it came too early
    eventually(task, what, seconds(300), async || {
        let found = all.list(&ListParams::default().labels(OURS)).await.map_err(said)?;
        let left = found.items.iter().map(ResourceExt::name_any).filter(|name| names.contains(name));
        let left: Vec<_> = left.collect();
        if left.is_empty() { Ok(()) } else { Err(left.join(" ")) }
    })
    .await
}

/// Removes what is left of the run.
async fn leave(stage: &Stage, chosen: &[&Case]) -> Result<()> {
    stage.home.clear().await?;
    let names: Vec<String> = own_names(chosen).chain([SHARED.to_owned()]).collect();
    gone(&stage.home.task, "the namespaces of this run to be gone", &stage.client, &names).await
}

fn own_names<'a>(chosen: &'a [&Case]) -> impl Iterator<Item = String> + 'a {
    chosen.iter().filter(|case| case.home == Home::Own).map(|case| own(case))
}

fn summary(ui: &Ui, out: &Path, outcomes: &[Outcome], unclean: bool) -> usize {
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
    if !failed.is_empty() {
        let names: Vec<_> = failed.iter().map(|outcome| outcome.case.id).collect();
        ui.say(format!("\nfailed: {}; folders in {}", names.join(" "), out.display()));
    }
    let bad = failed.len() + usize::from(unclean);
    ui.say(format!("{} passed, {bad} failed", outcomes.len() - failed.len()));
    bad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_chosen_by_its_number_whatever_the_letters() {
        let chosen = choose(&["k1".into(), "T6".into()]).unwrap();
        assert_eq!(chosen.iter().map(|case| case.id).collect::<Vec<_>>(), ["K1", "T6"]);
        assert!(choose(&["K99".into()]).is_err());
        assert_eq!(choose(&[]).unwrap().len(), CASES.len());
    }

    #[test]
    fn no_number_is_given_twice() {
        let mut ids: Vec<_> = CASES.iter().map(|case| case.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CASES.len());
    }
}
