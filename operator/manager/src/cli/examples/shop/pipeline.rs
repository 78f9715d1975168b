use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::Resource;
use sluice_crds::cdc_pipeline::{
    DeadLetter, PostgresConnection, PostgresSink, PostgresSource, Sink, Source, Topics,
};
use sluice_crds::common::{Jvm, LocalRef, SecretKeyRef};
use sluice_crds::kafka_cluster::{Listener, Pool, Role, Storage};
use sluice_crds::topic::Retention;
use sluice_crds::{
    CdcPipeline, CdcPipelineSpec, ConnectCluster, ConnectClusterSpec, KafkaCluster, KafkaClusterSpec,
};

use super::{NAMESPACE, ROLE, SINK, SOURCE};

pub fn kafka() -> KafkaCluster {
    let pool = Pool {
        name: "node".into(),
        replicas: 3,
        roles: vec![Role::Controller, Role::Broker],
        storage: Storage { size: "1Gi".into(), ..Default::default() },
        resources: Some(resources("100m", "768Mi")),
        jvm: Jvm { heap: Some("384Mi".into()), options: Vec::new() },
        ..Default::default()
    };
    in_shop(KafkaCluster::new(
        "kafka",
        KafkaClusterSpec {
            pools: vec![pool],
            listeners: vec![Listener { name: "plain".into(), port: 9092, ..Listener::default() }],
            ..Default::default()
        },
    ))
}

pub fn connect() -> ConnectCluster {
    in_shop(ConnectCluster::new(
        "connect",
        ConnectClusterSpec {
            cluster_ref: LocalRef { name: "kafka".into() },
            replicas: 1,
            resources: Some(resources("100m", "1Gi")),
            jvm: Jvm { heap: Some("512Mi".into()), options: Vec::new() },
            ..Default::default()
        },
    ))
}

pub fn pipeline() -> CdcPipeline {
    let source = PostgresSource { connection: connection(SOURCE, "shop"), ..Default::default() };
    let sink = Sink {
        name: "warehouse".into(),
        postgres: PostgresSink {
            connection: connection(SINK, "warehouse"),
            schema: "public".into(),
            ..Default::default()
        },
        tasks_max: 1,
        dead_letter: Some(DeadLetter::default()),
        replay: Vec::new(),
    };
    in_shop(CdcPipeline::new(
        "shop",
        CdcPipelineSpec {
            connect_ref: LocalRef { name: "connect".into() },
            source: Source { postgres: source, ..Default::default() },
            tables: ["customers", "products", "orders"].map(|table| format!("public.{table}")).into(),
            topics: Topics {
                replication_factor: Some(3),
                retention: Some(Retention { time: Some("7d".into()), size: None }),
                ..Default::default()
            },
            sinks: vec![sink],
            ..Default::default()
        },
    ))
}

fn connection(host: &str, database: &str) -> PostgresConnection {
    PostgresConnection {
        host: host.into(),
        port: 5432,
        database: database.into(),
        user: ROLE.into(),
        tls: None,
        password: SecretKeyRef { name: format!("{host}-{ROLE}"), key: "password".into() },
    }
}

fn resources(cpu: &str, memory: &str) -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| -> BTreeMap<String, Quantity> {
        pairs.iter().map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned()))).collect()
    };
    ResourceRequirements {
        requests: Some(quantities(&[("cpu", cpu), ("memory", memory)])),
        limits: Some(quantities(&[("memory", memory)])),
        ..Default::default()
    }
}

fn in_shop<K: Resource>(mut object: K) -> K {
    object.meta_mut().namespace = Some(NAMESPACE.into());
    object
}

#[cfg(test)]
mod tests {
    use crate::cli::examples::tests::stored;

    #[test]
    fn sluice_takes_it() {
        let kafka = sluice_core::cluster::validate(&stored(super::kafka()));
        assert!(kafka.is_ok(), "{kafka:?}");
        let connect = sluice_core::connect::validate(&stored(super::connect()), "kafka-bootstrap:9091");
        assert!(connect.is_ok(), "{connect:?}");
        let pipeline = sluice_core::cdc::validate(&stored(super::pipeline()));
        assert!(pipeline.is_ok(), "{pipeline:?}");
    }
}
