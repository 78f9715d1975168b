//! Sluice's own records.

use anyhow::{Result, ensure};
use kube::ResourceExt as _;
use serde_json::json;
use sluice_crds::canary::CanaryStatus;
use sluice_crds::{KafkaCluster, Topic, User};

use crate::kubernetes::conditions::condition;
use crate::kubernetes::objects::Object;
use crate::scene::{Scene, kafka, with};
use crate::wait::{said, seconds};

/// As Kafka knows it, and the object.
const TOPIC: &str = "sluice-canary";
const OBJECT: &str = "kafka-canary";

pub async fn k20_records_go_through_every_listener(s: &Scene<'_>) -> Result<()> {
    let more = json!({"listeners": kafka::listeners(), "canary": {"interval": "1s"}});
    let kafka = kafka::bring_up(s, "kafka", with(kafka::spec(1), more)).await?;
    let rows = s
        .eventually("records to go through each listener", seconds(30), async || {
            let rows = told(s).await?;
            let through = rows.iter().filter(|row| row.latency_ms.is_some() && row.failing.is_none()).count();
            if through == 5 { Ok(rows) } else { Err(format!("{rows:?}")) }
        })
        .await?;
    ensure!(rows.iter().all(|row| row.latency_ms.is_some_and(|ms| ms > 0)), "{rows:?}");
    ensure!(degraded(s).await.is_err(), "records go through, and it is Degraded");

    // the brokers take nothing any more, whoever asks
    let most = |bytes: Option<u32>| json!({"spec": {"config": {"message.max.bytes": bytes}}});
    s.merge::<KafkaCluster>("kafka", most(Some(1))).await?;
    s.eventually("status to say that records do not get through", seconds(10), async || {
        let message = degraded(s).await?;
        let named = ["plain", "open", "apps", "bare", "certs"].iter().all(|name| message.contains(name));
        if named && message.contains("MESSAGE_TOO_LARGE") { Ok(()) } else { Err(message) }
    })
    .await?;
    s.merge::<KafkaCluster>("kafka", most(None)).await?;
    s.eventually("status to say that records get through again", seconds(20), async || {
        match degraded(s).await {
            Ok(message) => Err(message),
            Err(_) => Ok(()),
        }
    })
    .await?;

    // what is deleted comes back
    comes_back::<Topic>(s).await?;
    comes_back::<User>(s).await?;

    s.merge::<KafkaCluster>("kafka", json!({"spec": {"canary": null}})).await?;
    s.gone::<Topic>(OBJECT, seconds(20)).await?;
    for user in [OBJECT, "kafka-canary-tls"] {
        s.gone::<User>(user, seconds(20)).await?;
    }
    ensure!(s.agent().topic(&kafka.bootstrap, TOPIC).await?.is_none(), "the topic is still in Kafka");
    s.eventually("status to say nothing of records", seconds(10), async || {
        let rows = told(s).await?;
        if rows.is_empty() { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await
}

async fn comes_back<K: Object>(s: &Scene<'_>) -> Result<()> {
    let before = s.get::<K>(OBJECT).await?.uid();
    s.space.delete::<K>(OBJECT).await?;
    s.eventually("another one", seconds(20), async || {
        let now: K = s.space.get(OBJECT).await.map_err(said)?;
        if now.uid() == before { Err("the one that is deleted".to_owned()) } else { Ok(()) }
    })
    .await?;
    s.ready::<K>(OBJECT, seconds(20)).await.map(drop)
}

async fn told(s: &Scene<'_>) -> Result<Vec<CanaryStatus>, String> {
    let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
    let health = cluster.status.and_then(|status| status.health).unwrap_or_default();
    Ok(health.canary)
}

/// What `Degraded` says of records.
async fn degraded(s: &Scene<'_>) -> Result<String, String> {
    let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
    let told = condition(&cluster, "Degraded").filter(|told| told.reason == "CanaryFailing");
    told.map(|told| told.message).ok_or_else(|| "it is not Degraded for it".to_owned())
}
