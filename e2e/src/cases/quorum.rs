//! Controllers that come and leave.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, Topic};

use crate::kubernetes::conditions::ready;
use crate::kubernetes::exec;
use crate::scene::{Scene, kafka};
use crate::wait::{said, seconds};

const FIRST: i32 = 100;

fn pools(controllers: i32) -> Value {
    let mut nodes = kafka::spec(2)["pools"][0].clone();
    nodes["roles"] = json!(["broker"]);
    nodes["firstNodeId"] = 0.into();
    let mut quorum = nodes.clone();
    let own =
        json!({"name": "quorum", "replicas": controllers, "roles": ["controller"], "firstNodeId": FIRST});
    quorum
        .as_object_mut()
        .into_iter()
        .for_each(|quorum| quorum.extend(own.as_object().cloned().unwrap_or_default()));
    json!([quorum, nodes])
}

pub async fn k11_the_quorum_follows_the_spec(s: &Scene<'_>) -> Result<()> {
    let mut spec = kafka::spec(2);
    spec["pools"] = pools(1);
    let kafka = kafka::bring_up(s, "kafka", spec).await?;
    s.apply::<Topic>(
        "safe",
        json!({"clusterRef": {"name": "kafka"}, "partitions": 3, "replicationFactor": 2}),
    )
    .await?;
    s.ready::<Topic>("safe", seconds(20)).await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, "safe", "quorum").await?;
    for controllers in [3, 1] {
        s.merge::<KafkaCluster>("kafka", json!({"spec": {"pools": pools(controllers)}})).await?;
        let wanted: Vec<_> = (FIRST..FIRST + controllers).collect();
        s.eventually("the quorum to follow", seconds(180), async || {
            let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
            let quorum = cluster.status.clone().and_then(|status| status.quorum).unwrap_or_default();
            let mut voters = quorum.voters.clone();
            voters.sort_unstable();
            ready(&cluster)?;
            let follows = voters == wanted && quorum.leader.is_some();
            if follows { Ok(()) } else { Err(format!("{quorum:?}")) }
        })
        .await?;
        let pods = kafka::pods(s, "kafka").await?.len();
        ensure!(i32::try_from(pods)? == controllers + 2, "{pods} pods with {controllers} controllers");
        // and it still takes what needs a controller
        let name = format!("made-with-{controllers}");
        s.apply::<Topic>(&name, json!({"clusterRef": {"name": "kafka"}})).await?;
        s.ready::<Topic>(&name, seconds(20)).await?;
    }
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed meanwhile: {produced:?}");
    Ok(())
}

pub async fn k18_the_founder_loses_the_log_of_the_quorum(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    let safe = json!({"clusterRef": {"name": "kafka"}, "partitions": 3, "replicationFactor": 3});
    s.apply::<Topic>("safe", safe).await?;
    s.ready::<Topic>("safe", seconds(20)).await?;
    let id = s.get::<Topic>("safe").await?.status.and_then(|status| status.topic_id);
    let producing = s.agent().start_producing(&kafka.bootstrap, "safe", "founder").await?;
    // one byte of its first batch: Kafka throws away all that follows what it cannot repair
    let damage = "cd /var/lib/kafka/data/__cluster_metadata-0 && \
        printf '\\377' | dd of=00000000000000000000.log bs=1 seek=30 conv=notrunc";
    exec::run(&s.space.api(), "kafka-nodes-0", "kafka", &["sh", "-c", damage]).await?;
    s.space.kill::<Pod>("kafka-nodes-0").await?;
    let goes_on = async || {
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        let mut voters = cluster.status.clone().and_then(|status| status.quorum).unwrap_or_default().voters;
        voters.sort_unstable();
        ready(&cluster)?;
        if voters == [0, 1, 2] { Ok(()) } else { Err(format!("voters {voters:?}")) }
    };
    s.eventually("the trouble to be seen", seconds(20), async || match goes_on().await {
        Ok(()) => Err("all is well".into()),
        Err(_) => Ok(()),
    })
    .await?;
    s.eventually("the founder to vote with the others", seconds(120), goes_on).await?;
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed meanwhile: {produced:?}");
    let consumed = s.agent().consume(&kafka.bootstrap, "safe", "founder").await?;
    ensure!(consumed.distinct == produced.acked, "{} records acknowledged, {consumed:?}", produced.acked);
    let now = s.get::<Topic>("safe").await?.status.and_then(|status| status.topic_id);
    ensure!(now == id, "the topic was made anew: {id:?}, {now:?}");
    s.apply::<Topic>("later", json!({"clusterRef": {"name": "kafka"}})).await?;
    s.ready::<Topic>("later", seconds(20)).await.map(drop)
}
