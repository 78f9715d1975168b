use sluice_crds::common::LocalRef;
use sluice_crds::kafka_cluster::{Listener, Pool, Role};
use sluice_crds::topic::Retention;
use sluice_crds::{KafkaCluster, KafkaClusterSpec, Topic, TopicSpec};

use super::File;

pub fn files() -> anyhow::Result<Vec<(&'static str, String)>> {
    let file = File::about(&["A Kafka cluster of three nodes and a topic on it."])
        .ours(&cluster())?
        .ours(&topic())?;
    Ok(vec![("quickstart.yaml", file.text)])
}

fn cluster() -> KafkaCluster {
    let pool = Pool {
        name: "node".into(),
        replicas: 3,
        roles: vec![Role::Controller, Role::Broker],
        ..Default::default()
    };
    KafkaCluster::new(
        "demo",
        KafkaClusterSpec {
            pools: vec![pool],
            listeners: vec![Listener { name: "plain".into(), port: 9092, ..Listener::default() }],
            ..Default::default()
        },
    )
}

fn topic() -> Topic {
    Topic::new(
        "orders",
        TopicSpec {
            cluster_ref: LocalRef { name: "demo".into() },
            partitions: 3,
            retention: Some(Retention { time: Some("7d".into()), size: None }),
            ..Default::default()
        },
    )
}

#[cfg(test)]
mod tests {
    use sluice_core::{cluster, topic};

    use super::super::tests::stored;

    #[test]
    fn sluice_takes_it() {
        assert!(cluster::validate(&stored(super::cluster())).is_ok());
        assert!(topic::validate(&stored(super::topic())).is_ok());
    }

    #[test]
    fn it_fits_on_the_first_screen() {
        let files = super::files().unwrap();
        assert!(files[0].1.lines().count() <= 22, "{}", files[0].1);
    }
}
