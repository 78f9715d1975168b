//! Resident memory of the operator's process.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use serde_json::Value;

use super::Bench;
use crate::wait::seconds;

/// How long nothing happens before a reading.
const REST: std::time::Duration = seconds(30);

pub async fn idle(bench: &mut Bench<'_>, key: &str) -> Result<()> {
    bench.place.stays("nothing is asked of the operator", REST, async || Ok(())).await?;
    let bytes = match on_this_machine()? {
        Some(bytes) => bytes,
        None => from_kubelet(bench).await?,
    };
    #[allow(clippy::cast_precision_loss)] // two decimals of megabytes are kept
    bench.note(key, bytes as f64 / 1e6);
    Ok(())
}

/// `VmRSS` of the operator's process, where its node is a test bed's on this machine: it counts the pages of the
/// binary too, which the kubelet's figure does not.
fn on_this_machine() -> Result<Option<u64>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let named = |path: &[u8]| {
            Path::new(&*String::from_utf8_lossy(path)).file_name().is_some_and(|n| n == "sluice")
        };
        if let [program, b"run", ..] = words.as_slice()
            && named(program)
            && let Some(bytes) = resident(&entry.path())
        {
            found.insert(bytes);
        }
    }
    ensure!(found.len() < 2, "more than one operator runs on this machine");
    Ok(found.pop_first())
}

fn resident(process: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// What the kubelet says of the container, on any cluster.
async fn from_kubelet(bench: &Bench<'_>) -> Result<u64> {
    let pods = bench.operator.pods().await?;
    let pod = pods.first().context("no operator pod")?;
    let node = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.node_name.clone())
        .context("the operator's pod has no node")?;
    let request = http::Request::get(format!("/api/v1/nodes/{node}/proxy/stats/summary")).body(Vec::new())?;
    let summary: Value = bench.place.space.client.request(request).await?;
    let pods = summary["pods"].as_array().context("no pods in the kubelet's summary")?;
    let ours = pods
        .iter()
        .find(|p| p["podRef"]["name"] == *pod.name_any())
        .context("not in the kubelet's summary")?;
    ours["containers"][0]["memory"]["rssBytes"].as_u64().context("the kubelet gives no rssBytes")
}
