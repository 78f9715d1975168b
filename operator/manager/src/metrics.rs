//! What `/metrics` shows of the operator itself.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::scope::Key;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WatchLabel {
    pub kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReadyLabels {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KubeLabels {
    verb: &'static str,
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClusterLabels {
    namespace: String,
    cluster: String,
}

impl ClusterLabels {
    pub fn of(cluster: &Key) -> Self {
        Self { namespace: cluster.namespace.clone(), cluster: cluster.name.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ListenerLabels {
    namespace: String,
    cluster: String,
    listener: String,
}

impl ListenerLabels {
    pub fn of(cluster: &Key, listener: &str) -> Self {
        let (namespace, cluster) = (cluster.namespace.clone(), cluster.name.clone());
        Self { namespace, cluster, listener: listener.to_owned() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct NodeLabels {
    pub namespace: String,
    pub cluster: String,
    pub node: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ObjectLabels {
    namespace: String,
    name: String,
}

impl ObjectLabels {
    pub fn of(object: &Key) -> Self {
        Self { namespace: object.namespace.clone(), name: object.name.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SecretLabels {
    pub namespace: String,
    pub secret: String,
}

/// Names and meanings of [`Metrics::of_pipelines`].
const OF_PIPELINES: [(&str, &str); 14] = [
    ("cdc_lag_bytes", "WAL between the source's position and what the pipeline has confirmed"),
    ("cdc_retained_wal_bytes", "WAL that the pipeline's slot keeps on the source's disk"),
    ("cdc_wal_growth_bytes_per_second", "By how much that grows"),
    ("cdc_wal_budget_bytes", "How much WAL the pipeline's slot may keep (objectives.maxRetainedWal)"),
    ("cdc_wal_budget_exceeded", "1 while the slot keeps more, or is about to be lost"),
    ("cdc_gap", "1 while changes are missing between what was read and what can be read"),
    ("cdc_left_slots", "Unread replication slots in the pipeline's source whose own pipeline is gone"),
    ("cdc_sink_lag_records", "Records in the topics that the sink that is furthest behind has not committed"),
    (
        "cdc_verified",
        "1 while the last comparisons found the same rows in source and sinks, 0 while they differ",
    ),
    ("cdc_lag_seconds", "Age of the oldest change that is not in the topics"),
    (
        "cdc_sink_lag_seconds",
        "Age of the oldest change that the sink that is furthest behind has not applied",
    ),
    ("cdc_snapshot_rows", "Rows that the snapshot has brought to the topics, as it was begun last"),
    ("cdc_snapshot_estimated_rows", "How many there are by the source's own estimate"),
    ("cdc_dead_letters", "Records in the pipeline's dead-letter topics"),
];

/// Counters and gauges, shared by everything.
pub struct Metrics {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    pass_seconds: Family<KindLabel, Histogram, fn() -> Histogram>,
    kube_writes: Family<KubeLabels, Counter>,
    pub kafka_requests: Family<ClusterLabels, Counter>,
    pub canary_seconds: Family<ListenerLabels, Histogram, fn() -> Histogram>,
    pub canary_failures: Family<ListenerLabels, Counter>,
    pub canary_failing: Family<ListenerLabels, Gauge>,
    pub offline_partitions: Family<ClusterLabels, Gauge>,
    pub under_replicated_partitions: Family<ClusterLabels, Gauge>,
    pub under_min_isr_partitions: Family<ClusterLabels, Gauge>,
    pub pipeline_lag_bytes: Family<ObjectLabels, Gauge>,
    pub pipeline_retained_wal_bytes: Family<ObjectLabels, Gauge>,
    pub pipeline_sink_lag_records: Family<ObjectLabels, Gauge>,
    pub pipeline_verified: Family<ObjectLabels, Gauge>,
    pub pipeline_lag_seconds: Family<ObjectLabels, Gauge>,
    pub pipeline_sink_lag_seconds: Family<ObjectLabels, Gauge>,
    pub pipeline_snapshot_rows: Family<ObjectLabels, Gauge>,
    pub pipeline_snapshot_estimated_rows: Family<ObjectLabels, Gauge>,
    pub pipeline_dead_letters: Family<ObjectLabels, Gauge>,
    pub pipeline_gap: Family<ObjectLabels, Gauge>,
    pub pipeline_left_slots: Family<ObjectLabels, Gauge>,
    pub pipeline_wal_growth: Family<ObjectLabels, Gauge>,
    pub pipeline_wal_budget_bytes: Family<ObjectLabels, Gauge>,
    pub pipeline_wal_budget_exceeded: Family<ObjectLabels, Gauge>,
    pub leader: Gauge<u64, AtomicU64>,
    pub kafka_up: Family<ClusterLabels, Gauge>,
    pub disk_size_bytes: Family<NodeLabels, Gauge>,
    pub disk_used_bytes: Family<NodeLabels, Gauge>,
    pub quorum_lag_ms: Family<NodeLabels, Gauge>,
    pub connect_up: Family<ObjectLabels, Gauge>,
    pub source_up: Family<ObjectLabels, Gauge>,
    pub ready: Family<ReadyLabels, Gauge>,
    pub topics_not_ready: Family<ClusterLabels, Gauge>,
    pub connectors_not_ready: Family<ObjectLabels, Gauge>,
    pub certificate_expires: Family<SecretLabels, Gauge>,
    pub watch_synced: Family<WatchLabel, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sluice");
        let metrics = Self {
            passes: Family::default(),
            pass_seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 8))),
            kube_writes: Family::default(),
            kafka_requests: Family::default(),
            canary_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 2.0, 13))
            }),
            canary_failures: Family::default(),
            canary_failing: Family::default(),
            offline_partitions: Family::default(),
            under_replicated_partitions: Family::default(),
            under_min_isr_partitions: Family::default(),
            pipeline_lag_bytes: Family::default(),
            pipeline_retained_wal_bytes: Family::default(),
            pipeline_sink_lag_records: Family::default(),
            pipeline_verified: Family::default(),
            pipeline_lag_seconds: Family::default(),
            pipeline_sink_lag_seconds: Family::default(),
            pipeline_snapshot_rows: Family::default(),
            pipeline_snapshot_estimated_rows: Family::default(),
            pipeline_dead_letters: Family::default(),
            pipeline_gap: Family::default(),
            pipeline_left_slots: Family::default(),
            pipeline_wal_growth: Family::default(),
            pipeline_wal_budget_bytes: Family::default(),
            pipeline_wal_budget_exceeded: Family::default(),
            leader: Gauge::default(),
            kafka_up: Family::default(),
            disk_size_bytes: Family::default(),
            disk_used_bytes: Family::default(),
            quorum_lag_ms: Family::default(),
            connect_up: Family::default(),
            source_up: Family::default(),
            ready: Family::default(),
            topics_not_ready: Family::default(),
            connectors_not_ready: Family::default(),
            certificate_expires: Family::default(),
            watch_synced: Family::default(),
            registry: Registry::default(),
        };
        registry.register("passes", "Passes over objects, by how they ended", metrics.passes.clone());
        registry.register_with_unit(
            "pass",
            "How long passes took",
            Unit::Seconds,
            metrics.pass_seconds.clone(),
        );
        registry.register("kube_writes", "Writes to the Kubernetes API", metrics.kube_writes.clone());
        registry.register("kafka_requests", "Requests to Kafka clusters", metrics.kafka_requests.clone());
        registry.register_with_unit(
            "kafka_canary",
            "How long Sluice's own records took to all replicas in sync and back",
            Unit::Seconds,
            metrics.canary_seconds.clone(),
        );
        registry.register(
            "kafka_canary_failures",
            "Sluice's own records that did not get through",
            metrics.canary_failures.clone(),
        );
        registry.register(
            "kafka_offline_partitions",
            "Partitions without a leader",
            metrics.offline_partitions.clone(),
        );
        registry.register(
            "kafka_under_replicated_partitions",
            "Partitions with fewer in-sync replicas than replicas",
            metrics.under_replicated_partitions.clone(),
        );
        registry.register(
            "kafka_under_min_isr_partitions",
            "Partitions with fewer in-sync replicas than min.insync.replicas",
            metrics.under_min_isr_partitions.clone(),
        );
        for (gauge, (name, help)) in metrics.of_pipelines().into_iter().zip(OF_PIPELINES) {
            registry.register(name, help, gauge.clone());
        }
        registry.register("leader", "1 while this replica leads", metrics.leader.clone());
        metrics.register_state(&mut registry);
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// What a scrape reads off objects and observers.
    fn register_state(&self, registry: &mut Registry) {
        registry.register("kafka_up", "1 while the Kafka cluster answers Sluice", self.kafka_up.clone());
        registry.register(
            "kafka_canary_failing",
            "1 while Sluice's own records do not get through the listener",
            self.canary_failing.clone(),
        );
        registry.register(
            "kafka_disk_size_bytes",
            "Size of the broker's disk, as the broker tells it",
            self.disk_size_bytes.clone(),
        );
        registry.register("kafka_disk_used_bytes", "What of it is used", self.disk_used_bytes.clone());
        registry.register(
            "kafka_quorum_lag_milliseconds",
            "For how long the voter has not caught up with the quorum's leader",
            self.quorum_lag_ms.clone(),
        );
        registry.register(
            "connect_up",
            "1 while the Connect cluster answers Sluice",
            self.connect_up.clone(),
        );
        registry.register(
            "source_up",
            "1 while the pipeline's source database answers Sluice",
            self.source_up.clone(),
        );
        registry.register("ready", "1 while the object's Ready condition is True", self.ready.clone());
        registry.register("topics_not_ready", "Topics that are not Ready", self.topics_not_ready.clone());
        registry.register(
            "connectors_not_ready",
            "Connectors that are not Ready",
            self.connectors_not_ready.clone(),
        );
        registry.register(
            "certificate_expires_timestamp_seconds",
            "Until when the certificate in this Secret is good",
            self.certificate_expires.clone(),
        );
        registry.register(
            "watch_synced",
            "1 once the kind was listed; before all kinds are, nothing is worked on",
            self.watch_synced.clone(),
        );
    }

    /// Forgets what the next scrape reads anew.
    pub fn clear_state(&self) {
        self.kafka_up.clear();
        self.canary_failing.clear();
        self.disk_size_bytes.clear();
        self.disk_used_bytes.clear();
        self.quorum_lag_ms.clear();
        self.connect_up.clear();
        self.source_up.clear();
        self.ready.clear();
        self.topics_not_ready.clear();
        self.connectors_not_ready.clear();
        self.certificate_expires.clear();
        self.watch_synced.clear();
    }

    pub fn pass(&self, kind: &'static str, result: &'static str, took: Duration) {
        self.passes.get_or_create(&PassLabels { kind, result }).inc();
        self.pass_seconds.get_or_create(&KindLabel { kind }).observe(took.as_secs_f64());
    }

    pub fn kube_write(&self, verb: &'static str, kind: &str) {
        self.kube_writes.get_or_create(&KubeLabels { verb, kind: kind.to_owned() }).inc();
    }

    /// All gauges that each pipeline has, in the order of [`OF_PIPELINES`].
    pub fn of_pipelines(&self) -> [&Family<ObjectLabels, Gauge>; 14] {
        [
            &self.pipeline_lag_bytes,
            &self.pipeline_retained_wal_bytes,
            &self.pipeline_wal_growth,
            &self.pipeline_wal_budget_bytes,
            &self.pipeline_wal_budget_exceeded,
            &self.pipeline_gap,
            &self.pipeline_left_slots,
            &self.pipeline_sink_lag_records,
            &self.pipeline_verified,
            &self.pipeline_lag_seconds,
            &self.pipeline_sink_lag_seconds,
            &self.pipeline_snapshot_rows,
            &self.pipeline_snapshot_estimated_rows,
            &self.pipeline_dead_letters,
        ]
    }

    /// What is counted of the partitions of each cluster.
    fn of_partitions(&self) -> [&Family<ClusterLabels, Gauge>; 3] {
        [&self.offline_partitions, &self.under_replicated_partitions, &self.under_min_isr_partitions]
    }

    /// A cluster is gone.
    pub fn forget_cluster(&self, cluster: &Key, listeners: &[String]) {
        for listener in listeners {
            self.forget_listener(&ListenerLabels::of(cluster, listener));
        }
        let labels = ClusterLabels::of(cluster);
        self.kafka_requests.remove(&labels);
        self.forget_partitions(&labels);
    }

    /// Nothing of Sluice's own goes through it any more.
    pub fn forget_listener(&self, listener: &ListenerLabels) {
        self.canary_seconds.remove(listener);
        self.canary_failures.remove(listener);
    }

    /// A cluster cannot be seen: the last figures would be taken for present ones.
    pub fn forget_partitions(&self, cluster: &ClusterLabels) {
        for gauge in self.of_partitions() {
            gauge.remove(cluster);
        }
    }

    /// Nothing is known any more of what only a leader looks at.
    pub fn stand_by(&self) {
        self.leader.set(0);
        self.clear_state();
        for of_a_cluster in self.of_partitions() {
            of_a_cluster.clear();
        }
        for of_a_pipeline in self.of_pipelines() {
            of_a_pipeline.clear();
        }
    }

    /// The exposition text (`OpenMetrics`).
    pub fn text(&self) -> String {
        let mut text = String::new();
        // writing into a String cannot fail
        let _ = encode(&mut text, &self.registry);
        text
    }
}
