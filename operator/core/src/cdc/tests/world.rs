use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::SourceStatus;
use sluice_crds::common::RunState;

use crate::cdc::guard::{Memory, Stored};
use crate::cdc::snapshot::Snapshot;
use crate::cdc::{self, Child, Compiled, Look, Says, Seen, Wanted};
use crate::condition::VerdictKind;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::source::{Column, Publication, Rights, SinkView, SourceView, Table, TableName};

pub fn spec() -> Value {
    json!({
        "connectRef": {"name": "connect"},
        "source": {"postgres": {
            "host": "shop-db", "database": "shop", "user": "sluice",
            "password": {"name": "shop-db-sluice", "key": "password"},
        }},
        "tables": ["public.orders", "public.order_items"],
        "topics": {"partitions": 3, "replicationFactor": 3},
        "sinks": [{"name": "warehouse", "postgres": {
            "host": "warehouse-db", "database": "ware house", "user": "writer",
            "password": {"name": "warehouse-db-writer", "key": "password"},
        }, "deadLetter": {}}],
    })
}

pub fn pipeline(spec: &Value) -> CdcPipeline {
    let metadata = json!({"name": "shop", "namespace": "prod", "uid": "u-1", "generation": 1});
    serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "CdcPipeline", "metadata": metadata, "spec": spec,
    }))
    .unwrap()
}

pub fn wanted(change: impl FnOnce(&mut Value)) -> Wanted {
    let mut spec = spec();
    change(&mut spec);
    cdc::validate(&pipeline(&spec)).unwrap()
}

pub fn table(columns: &[(&str, &str)], key: &[&str]) -> Table {
    let column = |(name, type_name): &(&str, &str)| Column {
        name: (*name).into(),
        type_name: (*type_name).into(),
        base_type: (*type_name).into(),
        built_in: true,
        ..Default::default()
    };
    Table {
        replica_identity: "d".into(),
        primary_key: key.iter().map(|name| (*name).to_owned()).collect(),
        columns: columns.iter().map(column).collect(),
        owner: "shop_owner".into(),
        owned: true,
        rights: Rights { select: true, insert: true, update: true, delete: true },
        ..Default::default()
    }
}

/// A database in which everything is as it must be, and nothing of ours.
pub fn source() -> SourceView {
    let mut view: SourceView = serde_json::from_value(json!({
        "server": {
            "version": 150_018, "in_recovery": false, "wal_level": "logical", "max_replication_slots": 10,
            "max_wal_senders": 10, "used_wal_senders": 0, "wal_sender_timeout": 60_000,
            "max_slot_wal_keep_size": 10_240, "database": "shop",
        },
        "role": {"name": "sluice", "superuser": false, "replication": true, "provider_replication": false, "create": true},
        "heartbeat": {"creatable": true},
        "position": "0/5000",
    }))
    .unwrap();
    let orders = table(&[("id", "bigint"), ("customer", "text")], &["id"]);
    let items = table(&[("order_id", "bigint"), ("line", "integer"), ("sku", "text")], &["order_id", "line"]);
    view.tables =
        [(TableName::new("public", "orders"), orders), (TableName::new("public", "order_items"), items)]
            .into();
    view
}

/// The pipeline's publication as Sluice makes it.
pub fn publication(wanted: &Wanted) -> Publication {
    Publication {
        owned: true,
        insert: true,
        update: true,
        delete: true,
        tables: wanted.published().into_iter().collect(),
        comment: Some(wanted.comment()),
        ..Default::default()
    }
}

/// Makes of a source what it is once Sluice has prepared it.
pub fn prepare(view: &mut SourceView, wanted: &Wanted) {
    view.heartbeat.table_exists = true;
    view.heartbeat.writable = true;
    view.heartbeat.owned = true;
    view.signals.extend(wanted.signals.iter().map(|table| (table.name.clone(), true)));
    view.publications.insert(wanted.source.publication.clone(), publication(wanted));
}

/// An empty schema.
pub fn sink() -> SinkView {
    SinkView {
        version: 150_018,
        database: "warehouse".into(),
        role: "writer".into(),
        schema_exists: true,
        schema_usage: true,
        schema_create: true,
        ..Default::default()
    }
}

/// Everything that a pass sees, as a test may change it.
pub struct World {
    pub connect: Referent,
    pub cluster: Option<&'static str>,
    pub source: Sight<SourceView>,
    pub source_trouble: Option<crate::view::source::Trouble>,
    pub sink: Sight<SinkView>,
    pub topics: BTreeMap<String, Child>,
    pub connectors: BTreeMap<String, Child>,
    pub snapshot: Snapshot,
    pub stored: Stored,
    pub memory: Memory,
    pub heard: Option<cdc::adhoc::Heard>,
    pub counting: bool,
    pub positions: Option<cdc::offsets::Positions>,
    pub now: Timestamp,
    pub missed: Vec<(String, sluice_crds::cdc_pipeline::MissedRecords)>,
    pub fresh: bool,
    pub gap_told: bool,
    pub budget_told: bool,
    /// Status, as far as a plan asks for it.
    pub status: Option<SourceStatus>,
    pub claimed: Option<cdc::Claim>,
}

impl World {
    pub fn new(source: SourceView, sink: SinkView) -> Self {
        Self {
            connect: Referent::There,
            cluster: Some("kafka"),
            source: Sight::Clear(Arc::new(source)),
            source_trouble: None,
            sink: Sight::Clear(Arc::new(sink)),
            topics: BTreeMap::new(),
            connectors: BTreeMap::new(),
            snapshot: Snapshot::Unknown,
            stored: Stored::Unknown,
            memory: Memory::default(),
            heard: None,
            counting: false,
            positions: None,
            now: Timestamp::UNIX_EPOCH,
            missed: Vec::new(),
            fresh: true,
            gap_told: false,
            budget_told: false,
            status: None,
            claimed: None,
        }
    }

    pub fn compiled(&self, wanted: &Wanted) -> Option<Compiled> {
        self.cluster.map(|cluster| cdc::compile(wanted, cluster))
    }

    /// The source as it was seen, but for this.
    pub fn source_turns(&mut self, change: impl FnOnce(&mut SourceView)) {
        let mut view = SourceView::clone(self.source.current().unwrap());
        change(&mut view);
        self.source = Sight::Clear(view.into());
    }

    pub fn plan(&self, wanted: &Wanted) -> cdc::Plan {
        let sink = || Look { sight: &self.sink, trouble: None };
        let seen = Seen {
            connect: self.connect,
            cluster: self.cluster,
            source: Look { sight: &self.source, trouble: self.source_trouble },
            sinks: wanted.sinks.iter().map(|one| (one.name.clone(), sink())).collect(),
            topics: self.topics.clone(),
            connectors: self.connectors.clone(),
            snapshot: self.snapshot,
            snapshot_completed: false,
            stored: self.stored,
            memory: self.memory.clone(),
            missed: self.missed.clone(),
            heard: self.heard.as_ref(),
            counting: self.counting,
            positions: self.positions.clone(),
            fresh: self.fresh,
            gap_told: self.gap_told,
            budget_told: self.budget_told,
            now: self.now,
            left: Default::default(),
            unloaded: cdc::snapshot::unloaded(wanted, self.status.as_ref()),
            started: self.status.as_ref().is_some_and(|status| status.started),
            claimed: self.claimed.clone(),
        };
        cdc::plan(wanted, self.compiled(wanted).as_ref(), &seen)
    }
}

/// A child of ours that says this of itself.
pub fn child(kind: VerdictKind, reason: &str, message: &str) -> Child {
    let says = Says { kind, reason: reason.into(), message: message.into() };
    let declared = RunState::Running;
    let uid = reason.into();
    Child { uid, owned: true, deleting: false, says: Some(says), state: None, declared, captures: None }
}

pub fn fine() -> Child {
    child(VerdictKind::Ready, "AsDeclared", "")
}

/// A Connector of ours that Connect has in the state that it was ordered.
pub fn ordered(declared: RunState) -> Child {
    Child { declared, state: Some(format!("{declared:?}")), ..fine() }
}
