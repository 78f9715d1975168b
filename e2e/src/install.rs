//! Images and charts onto the cluster.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;

use crate::kubernetes;
use crate::kubernetes::objects::Space;
use crate::kubernetes::operator::Operator;
use crate::ui::{Task, Ui};
use crate::wait::{eventually, said, seconds};

/// Release and namespace of the operator.
pub const RELEASE: &str = "sluice";
pub const NAMESPACE: &str = "sluice-system";

#[derive(clap::Args)]
pub struct Args {
    /// Image archives to import into the test bed's nodes first
    #[arg(long = "image", value_name = "TAR")]
    images: Vec<PathBuf>,
    /// Values for the chart `sluice`, as for helm
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub async fn main(args: Args) -> Result<ExitCode> {
    let ui = Ui::new();
    ui.during(run(&ui, &args.images, &args.set)).await?;
    Ok(ExitCode::SUCCESS)
}

pub async fn run(ui: &Arc<Ui>, images: &[PathBuf], set: &[String]) -> Result<()> {
    let root = repository()?;
    let task = ui.begin("install");
    if !images.is_empty() {
        task.waits_for("images on the nodes");
        command(Command::new(root.join("e2e/testbed/testbed")).arg("load").args(images)).await?;
    }
    let helm = tool("helm");
    let upgrade = ["upgrade", "--install", "--create-namespace", "--namespace", NAMESPACE];
    task.waits_for("the CRDs' chart");
    command(Command::new(&helm).args(upgrade).arg("sluice-crds").arg(root.join("charts/sluice-crds")))
        .await?;
    task.waits_for("the operator's chart");
    let values = set.iter().flat_map(|value| ["--set", value]);
    command(Command::new(&helm).args(upgrade).arg(RELEASE).arg(root.join("charts/sluice")).args(values))
        .await?;
    Operator::find(&kubernetes::connect().await?).await?.set_points(None).await?;
    deployed(&task).await
}

async fn deployed(task: &Task) -> Result<()> {
    let space = Space::new(kubernetes::connect().await?, NAMESPACE);
    eventually(task, "the operator to be available", seconds(90), async || {
        let deployment: Deployment = space.get(RELEASE).await.map_err(said)?;
        let wanted = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
        let status = deployment.status.unwrap_or_default();
        let fresh = status.observed_generation == deployment.metadata.generation;
        let (updated, available) =
            (status.updated_replicas.unwrap_or(0), status.available_replicas.unwrap_or(0));
        let all = fresh && updated == wanted && available == wanted && status.replicas == Some(wanted);
        all.then_some(()).ok_or_else(|| format!("{updated} updated, {available} available of {wanted}"))
    })
    .await
}

/// `helm` or `kubectl`: the pinned one of the test bed where there is one, else the user's.
pub fn tool(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let pinned = cache.map(|cache| cache.join("sluice/testbed/bin").join(name)).filter(|tool| tool.exists());
    pinned.unwrap_or_else(|| name.into())
}

/// The folder with the charts: this one, or the nearest above it.
pub fn repository() -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|folder| folder.join("charts/sluice/Chart.yaml").exists());
    root.map(Path::to_owned).context("run this inside Sluice's repository")
}

/// Runs a command; its words are shown only when it fails.
pub async fn command(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null());
    let shown = format!("{command:?}");
    let mut owned = std::mem::replace(command, Command::new("true"));
    let output = tokio::task::spawn_blocking(move || owned.output()).await?;
    let output = output.with_context(|| shown.clone())?;
    ensure!(
        output.status.success(),
        "{shown}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let Ok(text) = String::from_utf8(output.stdout) else { bail!("{shown}: its output is not text") };
    Ok(text)
}
