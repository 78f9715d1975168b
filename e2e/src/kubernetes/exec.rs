//! Runs a command in a container, through the API server.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, AttachParams, AttachedProcess};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A command that has been started. Its output is read when it ends, so it must be short (a line).
pub struct Running {
    process: AttachedProcess,
    command: String,
}

pub async fn start(pods: &Api<Pod>, pod: &str, container: &str, command: &[&str]) -> Result<Running> {
    let params = AttachParams::default().container(container).stdin(true).stdout(true).stderr(true);
    let what = command.join(" ");
    let process =
        pods.exec(pod, command.iter().copied(), &params).await.with_context(|| format!("exec {what}"))?;
    Ok(Running { process, command: what })
}

pub async fn run(pods: &Api<Pod>, pod: &str, container: &str, command: &[&str]) -> Result<String> {
    start(pods, pod, container, command).await?.finish().await
}

impl Running {
    /// Ends its stdin, waits for its end, and gives its stdout.
    pub async fn finish(mut self) -> Result<String> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let streams =
            (self.process.stdin(), self.process.stdout(), self.process.stderr(), self.process.take_status());
        let (Some(mut stdin), Some(mut out), Some(mut err), Some(status)) = streams else {
            bail!("exec {}: no streams", self.command);
        };
        // a command that has ended on its own closed stdin before us
        let _ = stdin.shutdown().await;
        let (a, b, status) = tokio::join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr), status);
        a.and(b).with_context(|| format!("exec {}: read its output", self.command))?;
        let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
        match status {
            Some(status) if status.status.as_deref() == Some("Success") => {
                Ok(String::from_utf8_lossy(&stdout).into_owned())
            }
            Some(status) => bail!("{}: {} {stderr}", self.command, status.message.unwrap_or_default()),
            None => bail!("{}: the connection ended before it did. {stderr}", self.command),
        }
    }
}
