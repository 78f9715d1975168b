use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use sluice_crds::connect_cluster::{PluginStatus, Summary};
use sluice_crds::{ConnectCluster, ConnectClusterStatus};

use super::names::COMPONENT;
use super::plan::{foreign, ready};
use super::wanted::Wanted;
use crate::condition::{self, Verdict};
use crate::view::Sight;
use crate::view::connect::ConnectView;

/// The most names of foreign connectors that are listed; the message has their number.
const LISTED: usize = 100;

/// The status that says `verdict`. `wanted` is `None` for a spec that was refused: then what was known stays.
pub fn status(
    connect: &ConnectCluster,
    wanted: Option<&Wanted>,
    verdict: &Verdict,
    pods: &[Pod],
    rest: Option<&Sight<ConnectView>>,
    now: Timestamp,
) -> ConnectClusterStatus {
    let previous = connect.status.clone().unwrap_or_default();
    let generation = connect.metadata.generation;
    let conditions = condition::build(verdict, generation, now, &previous.conditions);
    let mut status = ConnectClusterStatus { observed_generation: generation, conditions, ..previous };
    let Some(wanted) = wanted else { return status };
    let up = ready(wanted, pods);
    status.replicas = i32::try_from(pods.len()).unwrap_or(i32::MAX);
    status.ready_replicas = up;
    let selector = wanted.owner.selector(COMPONENT);
    let selector: Vec<_> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    status.selector = Some(selector.join(","));
    status.summary = Some(Summary { workers: format!("{up}/{}", wanted.replicas) });
    status.url = Some(wanted.url());
    if let Some(view) = rest.and_then(Sight::latest) {
        status.version = Some(view.version.clone());
        status.connectors = Some(i32::try_from(view.connectors.len()).unwrap_or(i32::MAX));
        status.foreign_connectors = foreign(wanted, view).take(LISTED).map(str::to_owned).collect();
        let connectors =
            view.plugins.iter().filter(|plugin| plugin.kind == "source" || plugin.kind == "sink");
        status.plugins = connectors
            .map(|plugin| PluginStatus {
                class: plugin.class.clone(),
                kind: plugin.kind.clone(),
                version: plugin.version.clone(),
            })
            .collect();
    }
    status
}
