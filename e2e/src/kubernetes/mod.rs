//! The cluster under test.
//!
//! `objects` (apply, read, delete in one namespace) · `conditions` (what a status says) · `exec` (run something in a
//! pod) · `operator` (Sluice itself: kill, stop, log) · `dump` (everything a person wants to see after a failure).

use anyhow::{Context, Result};
use kube::{Client, Config};

pub mod conditions;
pub mod dump;
pub mod exec;
pub mod objects;
pub mod operator;

/// A client of the cluster that `KUBECONFIG` names, with its own connections.
pub async fn connect() -> Result<Client> {
    let config = Config::infer().await.context("no cluster: set KUBECONFIG, or `make cluster`")?;
    Client::try_from(config).context("a client from KUBECONFIG")
}

/// One that takes the first answer: an eviction that a PodDisruptionBudget refuses is refused as 429, which is tried
/// again and again else.
pub async fn impatient() -> Result<Client> {
    let mut config = Config::infer().await.context("no cluster: set KUBECONFIG, or `make cluster`")?;
    config.default_retry = false;
    Client::try_from(config).context("a client from KUBECONFIG")
}
