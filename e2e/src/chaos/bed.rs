//! Power and network of the machines, where the cluster is the test bed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use crate::install::{self, command};
use crate::kubernetes::operator::SELECTOR;
use crate::scene::Place;
use crate::wait::seconds;

const MACHINES: u32 = 3;

pub struct Bed {
    testbed: PathBuf,
}

impl Bed {
    /// `None` where the machines are not ours.
    pub async fn find() -> Result<Option<Self>> {
        let folder = install::repository()?.join("e2e/testbed");
        let kind = command(Command::new(folder.join("cluster")).arg("kind")).await?;
        Ok((kind.trim() == "testbed").then(|| Self { testbed: folder.join("testbed") }))
    }

    /// Those that run neither the producer nor Sluice now: who watches is not switched off. Sluice may run elsewhere after each time that it
    /// was killed.
    async fn spare(place: &Place) -> Result<Vec<u32>> {
        let agents = place.space.list::<Pod>("").await?;
        let agents = agents.into_iter().filter(|pod| pod.name_any() == crate::scene::agent::POD);
        let all: kube::Api<Pod> = kube::Api::all(place.space.client.clone());
        let sluices = all.list(&kube::api::ListParams::default().labels(SELECTOR)).await?.items;
        let watching: Vec<_> =
            agents.chain(sluices).filter_map(|pod| pod.spec.and_then(|spec| spec.node_name)).collect();
        Ok((1..=MACHINES).filter(|n| !watching.contains(&format!("node-{n}"))).collect())
    }

    /// `kill`, `up`, `cut` or `heal`.
    pub async fn node(&self, verb: &str, machine: u32) -> Result<()> {
        command(Command::new(&self.testbed).args(["node", verb, &machine.to_string()])).await.map(drop)
    }

    /// All on, and connected.
    pub async fn restore(&self) -> Result<()> {
        for machine in 1..=MACHINES {
            self.node("up", machine).await?;
            self.node("heal", machine).await?;
        }
        Ok(())
    }
}

/// Machines that may be switched off now: none where they are not ours.
pub async fn machines(bed: Option<&Bed>, place: &Place) -> Result<Vec<u32>> {
    if bed.is_some() { Bed::spare(place).await } else { Ok(Vec::new()) }
}

/// The machine that was drawn, or the next one that may be switched off.
pub fn machine(drawn: u32, spare: &[u32]) -> Option<u32> {
    (drawn..drawn + MACHINES).map(|n| n % MACHINES + 1).find(|n| spare.contains(n))
}

/// Does `down` to a machine, and `up` so many seconds later.
pub async fn off(bed: Option<&Bed>, [down, up]: [&str; 2], machine: u32, pause: u64) -> Result<()> {
    let bed = bed.context("the machines are not ours")?;
    bed.node(down, machine).await?;
    tokio::time::sleep(seconds(pause)).await;
    bed.node(up, machine).await
}
