//! What the figures were measured on.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::core::v1::Node;
use kube::Client;
use kube::api::{Api, ListParams};
use serde_json::Value;

pub async fn describe(client: &Client) -> Result<BTreeMap<String, Value>> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items;
    let info = nodes.first().and_then(|node| node.status.as_ref()?.node_info.clone());
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kilobytes = field(&read("/proc/meminfo"), "MemTotal").replace(" kB", "").parse::<u64>().unwrap_or(0);
    Ok([
        ("measured_at", Value::from(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string())),
        ("machine_cpu", field(&read("/proc/cpuinfo"), "model name").into()),
        ("machine_cores", cores.into()),
        ("machine_memory_gib", (kilobytes >> 20).into()),
        ("machine_kernel", read("/proc/sys/kernel/osrelease").trim().into()),
        ("kubernetes_nodes", nodes.len().into()),
        ("kubernetes_version", client.apiserver_version().await?.git_version.into()),
        ("container_runtime", info.map(|info| info.container_runtime_version).unwrap_or_default().into()),
        ("sluice_version", env!("CARGO_PKG_VERSION").into()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect())
}
