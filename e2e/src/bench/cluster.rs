//! A cluster of three nodes: from apply to Ready, the same after deletion, and its children when they are deleted.

use std::time::Instant;

use anyhow::Result;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::runtime::watcher::Config;
use serde_json::{Value, json};
use sluice_crds::KafkaCluster;

use super::Bench;
use super::watch::until;
use crate::kubernetes::conditions::ready;
use crate::kubernetes::objects::Object;
use crate::kubernetes::operator::is_ready;
use crate::scene::{Kafka, kafka};
use crate::wait::seconds;

pub const NAME: &str = "kafka";
const PODS: &str = "app.kubernetes.io/name=kafka,app.kubernetes.io/instance=kafka";

/// As in the cases, and with JMX open on loopback, by which `idle` counts requests.
fn spec() -> Value {
    let mut spec = kafka::spec(3);
    let jmx = ["port=9999", "rmi.port=9999", "host=127.0.0.1", "authenticate=false", "ssl=false"]
        .map(|option| format!("-Dcom.sun.management.jmxremote.{option}"));
    let more = jmx.into_iter().chain(["-Djava.rmi.server.hostname=127.0.0.1".into()]);
    spec["pools"][0]["jvm"]["options"] = kafka::FLAGS.map(String::from).into_iter().chain(more).collect();
    spec["pools"][0]["jvm"]["heap"] = "512Mi".into();
    spec["listeners"] = json!([
        {"name": "plain", "port": 9092},
        {"name": "apps", "port": 9094, "tls": true, "authentication": "scram-sha-512"},
    ]);
    spec
}

struct Start {
    ready: f64,
    /// Ready, less when the last of the brokers' pods was.
    overhead: f64,
}

async fn start(bench: &Bench<'_>) -> Result<Start> {
    let (place, within) = (&bench.place, seconds(300));
    let began = Instant::now();
    place.apply::<KafkaCluster>(NAME, spec()).await?;
    let pods = async {
        until(place.space.api(), Config::default().labels(PODS), within, is_ready, |seen| {
            seen.values().filter(|ready| **ready).count() == 3
        })
        .await?;
        anyhow::Ok(began.elapsed())
    };
    let cluster = async {
        until(
            place.space.api(),
            Config::default(),
            within,
            |c: &KafkaCluster| ready(c).is_ok(),
            |seen| seen.get(NAME).is_some_and(|ready| *ready),
        )
        .await?;
        anyhow::Ok(began.elapsed())
    };
    let (pods, cluster) = tokio::try_join!(pods, cluster)?;
    Ok(Start { ready: cluster.as_secs_f64(), overhead: cluster.as_secs_f64() - pods.as_secs_f64() })
}

pub async fn fresh(bench: &mut Bench<'_>) -> Result<Kafka> {
    let start = start(bench).await?;
    bench.note("cluster_ready_s", start.ready);
    bench.note("cluster_ready_overhead_s", start.overhead);
    kafka::bring_up(&bench.place, NAME, spec()).await
}

/// The same name once more, as soon as the first is gone with its pods and volumes.
pub async fn again(bench: &mut Bench<'_>) -> Result<()> {
    let began = Instant::now();
    gone(bench).await?;
    bench.note("cluster_gone_s", began.elapsed().as_secs_f64());
    let start = start(bench).await?;
    bench.note("cluster_recreated_ready_s", start.ready);
    Ok(())
}

/// Deletes the cluster, and waits for the end of its pods and volumes.
pub async fn gone(bench: &Bench<'_>) -> Result<()> {
    let place = &bench.place;
    place.remove::<KafkaCluster>(NAME, seconds(120)).await?;
    place
        .eventually("pods and volumes of the cluster to be gone", seconds(180), async || {
            let pods = place.space.list::<Pod>(PODS).await.map_err(crate::wait::said)?.len();
            let claims =
                place.space.list::<PersistentVolumeClaim>(PODS).await.map_err(crate::wait::said)?.len();
            if pods + claims == 0 { Ok(()) } else { Err(format!("{pods} pods, {claims} claims")) }
        })
        .await
}

/// The slowest of all Services and budgets.
pub async fn repaired(bench: &mut Bench<'_>) -> Result<()> {
    let slowest = slowest::<Service>(bench).await?.max(slowest::<PodDisruptionBudget>(bench).await?);
    bench.note("service_repaired_s", slowest);
    Ok(())
}

async fn slowest<K: Object + Send + Sync + 'static>(bench: &Bench<'_>) -> Result<f64> {
    let place = &bench.place;
    let mut slowest = 0_f64;
    for child in place.space.list::<K>(PODS).await? {
        let (name, old) = (child.name_any(), child.uid());
        let back = until(
            place.space.api(),
            Config::default(),
            seconds(300),
            |c: &K| c.uid(),
            |seen| seen.get(&name).is_some_and(|uid| *uid != old),
        );
        let deleted = async {
            let began = Instant::now();
            place.space.delete::<K>(&name).await?;
            anyhow::Ok(began)
        };
        let (began, ()) = tokio::try_join!(deleted, back)?;
        slowest = slowest.max(began.elapsed().as_secs_f64());
    }
    Ok(slowest)
}
