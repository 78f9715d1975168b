//! Measures Sluice on the cluster at hand. How each figure comes about stands in `docs/benchmarks/README.md`.
//!
//! `cluster` (apply → Ready, a deleted child) → `memory` → `topics` (250 and 2,000, with them `idle`: requests while nothing
//! changes) → `users` (2,000) → `flow` (a failed task, commit to sink) → `verify` (a million rows compared) → `planner` (moves, seconds) →
//! `cluster` (again after deletion) → `roll` (six brokers); `machine` says on what.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use crate::kubernetes::objects::Space;
use crate::kubernetes::operator::Operator;
use crate::scene::{Agent, Place};
use crate::ui::Ui;
use crate::{install, kubernetes};

mod cluster;
mod flow;
mod idle;
mod machine;
mod memory;
mod planner;
mod roll;
mod topics;
mod users;
mod verify;
mod watch;

/// Namespace of all that is measured.
const NAMESPACE: &str = "e2e-bench";

#[derive(clap::Args)]
pub struct Args {
    /// Where the figures go, one flat JSON object; default docs/benchmarks/latest.json
    #[arg(long)]
    out: Option<PathBuf>,
    /// Measure only this, and write no file: cluster, topics, rest, users, flow, roll or planner
    #[arg(long)]
    only: Option<Part>,
    /// Leave the namespace as it is at the end
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Cluster,
    Topics,
    Rest,
    Users,
    Flow,
    Roll,
    Planner,
}

pub struct Bench<'a> {
    pub ui: &'a Ui,
    pub place: Place,
    pub agent: Agent,
    pub operator: Operator,
    figures: BTreeMap<String, Value>,
}

impl Bench<'_> {
    pub fn note(&mut self, key: &str, figure: f64) {
        let rounded = (figure * 100.0).round() / 100.0;
        self.ui.say(format!("  {key:<34} {rounded:>10}"));
        self.figures.insert(key.into(), rounded.into());
    }
}

pub async fn main(args: Args) -> Result<ExitCode> {
    let ui = Ui::new();
    let client = kubernetes::connect().await?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => install::repository()?.join("docs/benchmarks/latest.json"),
    };
    let figures = ui.during(async {
        let place = Place::new(Space::new(client.clone(), NAMESPACE), ui.begin("bench"));
        place.remove_space().await?;
        place.space.create().await?;
        let agent = Agent::start(&place).await?;
        let operator = Operator::find(&client).await?;
        let mut bench = Bench { ui: &ui, place, agent, operator, figures: machine::describe(&client).await? };
        measure(&mut bench, args.only).await?;
        if !args.keep {
            bench.place.clear().await?;
            bench.place.remove_space().await?;
        }
        anyhow::Ok(bench.figures)
    });
    let figures = Box::pin(figures).await?;
    if args.only.is_some() {
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(out.parent().unwrap_or(&out))?;
    std::fs::write(&out, serde_json::to_string_pretty(&figures)? + "\n")?;
    ui.say(format!("written to {}", out.display()));
    Ok(ExitCode::SUCCESS)
}

async fn measure(bench: &mut Bench<'_>, only: Option<Part>) -> Result<()> {
    let wanted = |part| only.is_none_or(|only| only == part);
    if wanted(Part::Planner) {
        bench.place.task.rename("planner");
        tokio::task::block_in_place(|| planner::plans(bench))?;
    }
    if !matches!(only, Some(Part::Planner | Part::Roll)) {
        three(bench, wanted).await?;
    }
    if wanted(Part::Roll) {
        bench.place.task.rename("six brokers");
        roll::six(bench).await?;
    }
    Ok(())
}

/// All that is measured of a cluster of three nodes.
async fn three(bench: &mut Bench<'_>, wanted: impl Fn(Part) -> bool) -> Result<()> {
    bench.place.task.rename("cluster");
    let kafka = cluster::fresh(bench).await?;
    if wanted(Part::Cluster) {
        bench.place.task.rename("repair");
        cluster::repaired(bench).await?;
        bench.place.task.rename("memory");
        memory::idle(bench, "rss_idle_mb").await?;
    }
    if wanted(Part::Topics) {
        bench.place.task.rename("250 topics");
        topics::lifecycle(bench, 250).await?;
    }
    if wanted(Part::Topics) || wanted(Part::Rest) {
        bench.place.task.rename("2,000 topics");
        topics::many(bench, 2000, async |bench| {
            if wanted(Part::Rest) {
                memory::idle(bench, "rss_2000_topics_mb").await?;
                idle::kubernetes(bench).await?;
                idle::kafka(bench).await?;
            }
            Ok(())
        })
        .await?;
    }
    if wanted(Part::Users) {
        bench.place.task.rename("2,000 users");
        users::many(bench, 2000, async |bench| memory::idle(bench, "rss_2000_users_mb").await).await?;
    }
    if wanted(Part::Flow) {
        bench.place.task.rename("flow");
        flow::failure(bench, &kafka).await?;
        flow::latency(bench).await?;
        bench.place.task.rename("a million rows");
        verify::million(bench).await?;
    }
    if wanted(Part::Cluster) {
        bench.place.task.rename("cluster again");
        cluster::again(bench).await?;
    }
    cluster::gone(bench).await
}
