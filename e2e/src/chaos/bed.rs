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

pub struct Bed {
    testbed: PathBuf,
    /// Machines that run neither the producer nor Sluice: who watches is not switched off.
    pub machines: Vec<u32>,
}

impl Bed {
    /// `None` where the machines are not ours.
    pub async fn find(place: &Place) -> Result<Option<Self>> {
        let folder = install::repository()?.join("e2e/testbed");
        let kind = command(Command::new(folder.join("cluster")).arg("kind")).await?;
        if kind.trim() != "testbed" {
            return Ok(None);
        }
        let agents = place.space.list::<Pod>("").await?;
        let agents = agents.into_iter().filter(|pod| pod.name_any() == crate::scene::agent::POD);
        let all: kube::Api<Pod> = kube::Api::all(place.space.client.clone());
        let sluices = all.list(&kube::api::ListParams::default().labels(SELECTOR)).await?.items;
        let watching: Vec<_> =
            agents.chain(sluices).filter_map(|pod| pod.spec.and_then(|spec| spec.node_name)).collect();
        let machines = (1..=3).filter(|n| !watching.contains(&format!("node-{n}"))).collect();
        Ok(Some(Self { testbed: folder.join("testbed"), machines }))
    }

    /// `kill`, `up`, `cut` or `heal`.
    pub async fn node(&self, verb: &str, machine: u32) -> Result<()> {
        command(Command::new(&self.testbed).args(["node", verb, &machine.to_string()])).await.map(drop)
    }

    /// All on, and connected.
    pub async fn restore(&self) -> Result<()> {
        for machine in &self.machines {
            self.node("up", *machine).await?;
            self.node("heal", *machine).await?;
        }
        Ok(())
    }
}

/// Does `down` to a machine, and `up` so many seconds later.
pub async fn off(bed: Option<&Bed>, [down, up]: [&str; 2], machine: u32, pause: u64) -> Result<()> {
    let bed = bed.context("the machines are not ours")?;
    bed.node(down, machine).await?;
    tokio::time::sleep(seconds(pause)).await;
    bed.node(up, machine).await
}
