//! Whatever an object says, and whatever is remembered in its status: it does not parse, or it is refused with reasons, or it
//! is planned for. Nothing panics.
//!
//! `grow` makes objects out of bytes along their schemas; here is one target per kind, which goes the way that a pass goes.
//! `make fuzz` plays them for as long as wanted, `make test` for seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::reason::Reason;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::kafka::{BrokerView, ClusterView, KafkaUuid, PartitionView, QuorumView, TopicView};

mod grow;
mod pipeline;

const NAMES: [&str; 4] =
    ["shop", "a", "x.y-z", "a-name-that-is-as-long-as-kubernetes-lets-names-of-objects-be-0123456789"];

/// An object of this kind, as far as it parses; `None`: the API server or the watch tells that it does not.
fn object<K: DeserializeOwned>(kind: &str, bytes: &[u8]) -> Option<K> {
    thread_local! {
        static CRDS: BTreeMap<String, grow::Schema> = grow::schemas();
    }
    let mut dice = grow::Dice(bytes);
    let name = dice.one(&NAMES);
    let remembers = dice.once_in(4);
    let mut object = CRDS.with(|crds| {
        let part = |part: &str, dice: &mut grow::Dice<'_>| {
            let schema = crds[kind].properties.as_ref().and_then(|parts| parts.get(part));
            schema.map_or(Value::Null, |schema| grow::value(schema, part, dice))
        };
        json!({
            "apiVersion": "sluice.dev/v1alpha1", "kind": kind,
            "spec": part("spec", &mut dice),
            "status": if remembers { part("status", &mut dice) } else { Value::Null },
        })
    });
    object["metadata"] = json!({
        "name": name, "namespace": "web", "uid": "0e8c0b5e-6d0a-4d6a-9a4e-3f0c8a3b1c11", "generation": 1,
        "creationTimestamp": "2026-11-21T08:00:00Z",
    });
    // as text, as the API server sends it
    serde_json::from_str(&object.to_string()).ok()
}

/// What is refused says where and why.
fn refused<R: Reason>(findings: &[Finding<R>]) {
    assert!(!findings.is_empty(), "refused for nothing");
    for finding in findings {
        assert!(!finding.message.is_empty(), "a finding without words: {:?}", finding.field);
    }
}

/// Status is written as JSON.
fn told(status: &impl Serialize) {
    serde_json::to_value(status).expect("a status is JSON");
}

fn now() -> Timestamp {
    Timestamp::from_second(1_780_000_000).expect("a time")
}

/// A cluster that has the topic of each name.
fn kafka() -> Sight<ClusterView> {
    let partition = PartitionView { leader: Some(0), replicas: vec![0, 1], isr: vec![0] };
    let topic = TopicView {
        id: KafkaUuid([7; 16]),
        partitions: vec![partition; 2],
        configs: Some(BTreeMap::from([("retention.ms".to_owned(), "5".to_owned())])),
        min_isr: Some(1),
        ..TopicView::default()
    };
    let topics = NAMES.iter().map(|name| ((*name).to_owned(), Arc::new(topic.clone())));
    Sight::Clear(Arc::new(ClusterView {
        cluster_id: "c".into(),
        brokers: (0..3).map(|id| (id, BrokerView::default())).collect(),
        topics: topics.collect(),
        quorum: Some(QuorumView { leader: Some(0), ..QuorumView::default() }),
        reassignments: Some(BTreeMap::new()),
        features: BTreeMap::new(),
    }))
}

#[test]
fn kafka_clusters() {
    use crate::cluster::{self, Certificates, DynamicConfigs, Outcome, Seen, desired, rebalance};
    bolero::check!().for_each(|bytes: &[u8]| {
        let Some(cluster) = object::<sluice_crds::KafkaCluster>("KafkaCluster", bytes) else { return };
        let (kafka, before) = (kafka(), cluster.status.as_ref());
        let wanted = match cluster::validate(&cluster) {
            Ok(wanted) => wanted,
            Err(findings) => {
                refused(&findings);
                return told(&cluster::rejected(&cluster, &findings, Some(&kafka), now()));
            }
        };
        let first = wanted.pools.iter().map(|pool| (pool.name.clone(), 1)).collect();
        let wanted = wanted.certified(&first);
        let objects = desired::build(&wanted, &desired::Standing::default());
        assert_eq!(objects.stateful_sets.len(), wanted.pools.len());
        let mut seen = Seen {
            stateful_sets: objects.stateful_sets,
            pods: vec![],
            claims: vec![],
            config_maps: vec![],
            zones: BTreeMap::new(),
            unmade: BTreeMap::new(),
            kafka,
            looked_at: Some(now()),
            disks: BTreeMap::new(),
            canary: cluster::canary::Known::default(),
            dynamic: Some(DynamicConfigs::default()),
            sizes: Some(Arc::default()),
            replication: BTreeMap::new(),
            proposal: None,
            access: Some(Arc::default()),
            certificates: Certificates::default(),
            home: None,
            network_policy: None,
        };
        seen.proposal =
            rebalance::model(&wanted, &seen, before).map(|model| Arc::new(rebalance::propose(model)));
        let plan = cluster::plan(&wanted, &seen, before, now());
        told(&cluster::status(&wanted, &seen, &plan, &Outcome::Done, before, now()));
    });
}

#[test]
fn topics() {
    use crate::topic::{self, Seen};
    bolero::check!().for_each(|bytes: &[u8]| {
        let Some(object) = object::<sluice_crds::Topic>("Topic", bytes) else { return };
        let wanted = match topic::validate(&object) {
            Ok(wanted) => wanted,
            Err(findings) => return refused(&findings),
        };
        let (kafka, status) = (kafka(), object.status.clone().unwrap_or_default());
        for created_by_us in [true, false] {
            let seen = Seen {
                cluster: Referent::There,
                kafka: Some(&kafka),
                replicas: None,
                elder: None,
                created_by_us,
                has_finalizer: created_by_us,
            };
            let plan = topic::plan(&wanted, &status, &seen);
            told(&topic::status(&object, &plan.verdict, plan.owned.as_ref(), now()));
        }
    });
}

#[test]
fn users() {
    use crate::user::{self, Seen};
    bolero::check!().for_each(|bytes: &[u8]| {
        let Some(object) = object::<sluice_crds::User>("User", bytes) else { return };
        let wanted = match user::validate(&object) {
            Ok(wanted) => wanted,
            Err(findings) => return refused(&findings),
        };
        let (kafka, users, access) = (kafka(), Default::default(), BTreeSet::new());
        let seen = Seen {
            cluster: Referent::There,
            kafka: Some(&kafka),
            users: Some(&users),
            access: Some(&access),
            door: None,
            held: None,
            given: None,
            fresh: "fresh",
            certificate: None,
        };
        let plan = user::plan(&wanted, &seen);
        told(&user::status(&object, &plan.verdict, None, now()));
    });
}

#[test]
fn connect_clusters() {
    use crate::connect::{self, Seen, desired};
    bolero::check!().for_each(|bytes: &[u8]| {
        let Some(object) = object::<sluice_crds::ConnectCluster>("ConnectCluster", bytes) else { return };
        let wanted = match connect::validate(&object, "kafka-bootstrap.web.svc:9091") {
            Ok(wanted) => wanted.certified(Some(1)),
            Err(findings) => return refused(&findings),
        };
        let built = desired::build(&wanted, 3, &[]);
        let seen = Seen {
            kafka: Referent::There,
            topics: &built.topics,
            stateful_set: Some(&built.stateful_set),
            children: &[],
            pods: &[],
            rest: None,
            connectors: &BTreeSet::new(),
            now: now(),
        };
        let plan = connect::plan(&wanted, &seen);
        told(&connect::status(&object, Some(&wanted), &plan.verdict, &[], None, now()));
    });
}

#[test]
fn connectors() {
    use crate::connect::credentials::Credentials;
    use crate::connector::{self, Seen};
    use crate::view::connect::ConnectView;
    bolero::check!().for_each(|bytes: &[u8]| {
        let Some(object) = object::<sluice_crds::Connector>("Connector", bytes) else { return };
        let wanted = match connector::validate(&object) {
            Ok(wanted) => wanted,
            Err(findings) => return refused(&findings),
        };
        let (status, sight) = (object.status.clone().unwrap_or_default(), ConnectView::default());
        let sight = Sight::Clear(Arc::new(sight));
        let seen = Seen {
            cluster: Referent::There,
            connect: Some(&sight),
            credentials: &Credentials::default(),
            settling: false,
        };
        let plan = connector::plan(&wanted, &status, &seen, now());
        told(&connector::status(&object, &plan.verdict, None, &plan.before, plan.owned, now()));
    });
}
