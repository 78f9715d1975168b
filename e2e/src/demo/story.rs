//! What a user would look at.

use std::process::Command;

use anyhow::Result;
use kube::Client;

use super::shop::{NAMESPACE, Shop, TABLES};
use crate::agent::latency::Latency;
use crate::install::{command, tool};
use crate::scene::{Agent, Place};
use crate::ui::Ui;

pub async fn cluster(ui: &Ui, client: &Client) -> Result<()> {
    let version = client.apiserver_version().await?.git_version;
    let config = std::env::var("KUBECONFIG").unwrap_or_else(|_| "~/.kube/config".into());
    ui.say(format!("Kubernetes {version}, from {config}\n"));
    Ok(())
}

pub async fn tell(ui: &Ui, place: &Place, agent: &Agent, shop: &Shop, latency: Latency) -> Result<()> {
    let gets: [&[&str]; 2] = [&["get", "sluice"], &["get", "pods,pvc"]];
    for get in gets {
        let text = command(Command::new(tool("kubectl")).args(["-n", NAMESPACE]).args(get)).await?;
        ui.say(format!("\n$ kubectl -n {NAMESPACE} {}\n{}", get.join(" "), text.trim_end()));
    }
    ui.say(format!("\n{:<12} {:>8} {:>10}  same rows", "table", "shop", "warehouse"));
    for (table, columns) in TABLES {
        let there = shop.sum(agent, &shop.source, table, columns).await?;
        let here = shop.sum(agent, &shop.sink, table, columns).await?;
        let rows = |sum: &str| sum.split(' ').next().unwrap_or_default().to_owned();
        let verdict = if there == here { "yes (checksum)" } else { "NO" };
        ui.say(format!("{table:<12} {:>8} {:>10}  {verdict}", rows(&there), rows(&here)));
    }
    let Latency { changes, p50_ms, p99_ms, max_ms, .. } = latency;
    ui.say(format!("\nfrom commit in the shop to the row in the warehouse, {changes} changes:"));
    ui.say(format!("median {p50_ms:.0} ms, p99 {p99_ms:.0} ms, slowest {max_ms:.0} ms"));
    let pod = format!("{}-0", "shop-db");
    ui.say(format!(
        "\nTry next:
  kubectl -n {NAMESPACE} describe cdc shop                      what it sees, and its lag
  kubectl -n {NAMESPACE} exec {pod} -- psql -U postgres shop \\
    -c \"UPDATE products SET price = 1 WHERE sku = 'SKU-1'\"    a change that arrives in a blink
  kubectl -n {NAMESPACE} delete svc kafka-bootstrap             a child that comes back
  kubectl -n {NAMESPACE} delete pod -l app.kubernetes.io/name=kafka --wait=false
                                                         all brokers at once; Kafka returns
  make demo-down                                         remove all of it"
    ));
    place.task.goes_on();
    Ok(())
}
