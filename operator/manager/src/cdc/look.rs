use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use kube::{Resource as _, ResourceExt};
use sluice_core::cdc::adhoc::Heard;
use sluice_core::cdc::guard::{Memory, Stored};
use sluice_core::cdc::offsets::Positions;
use sluice_core::cdc::snapshot::{self, Snapshot};
use sluice_core::cdc::{self, Child, Claim, Compiled, Seen, Wanted, names};
use sluice_core::referent::Referent;
use sluice_core::view::source::{SinkView, Slot, SourceView, TableName};
use sluice_crds::cdc_pipeline::MissedRecords;
use sluice_crds::common::RunState;
use sluice_crds::{CdcPipeline, CdcPipelineStatus, Connector, Topic};
use tracing::debug;

use super::{adhoc, offsets};
use crate::context::Context;
use crate::observe::database::{Interest, Place, Seen as SeenDatabase, World};
use crate::scope::{Key, chain};

/// The part of the world that a pass looks at.
pub struct Found {
    pub key: Key,
    pub connect: Key,
    pub connect_there: Referent,
    /// Of the KafkaCluster.
    pub cluster: Option<Key>,
    pub compiled: Option<Compiled>,
    pub source: Arc<World<SourceView>>,
    pub seen_source: Arc<SeenDatabase<SourceView>>,
    /// In the order of the wanted sinks.
    pub sinks: Vec<Arc<World<SinkView>>>,
    pub seen_sinks: Vec<Arc<SeenDatabase<SinkView>>>,
    pub topics: BTreeMap<String, (Topic, Child)>,
    pub connectors: BTreeMap<String, (Connector, Child)>,
    snapshot: Snapshot,
    snapshot_completed: bool,
    stored: Stored,
    memory: Memory,
    missed: Vec<(String, MissedRecords)>,
    heard: Option<Heard>,
    counting: bool,
    positions: Option<Positions>,
    fresh: bool,
    gap_told: bool,
    budget_told: bool,
    unloaded: BTreeSet<TableName>,
    left: BTreeSet<String>,
    started: bool,
    claimed: Option<Claim>,
}

impl Found {
    /// Fills in what of `wanted` depends on what is seen.
    pub async fn look(context: &Arc<Context>, pipeline: &CdcPipeline, wanted: &mut Wanted) -> Self {
        let key = Key::of(pipeline);
        let connect = key.sibling(&wanted.connect);
        let found = context.shelves.connects.refer(&connect);
        let connect_there = found.referent();
        let cluster = found.there().map(|connect| key.sibling(&connect.spec.cluster_ref.name));
        let status = pipeline.status.as_ref();
        // what waits for somebody or something in a database is looked at often
        let leaving = pipeline.meta().deletion_timestamp.is_some();
        let haste = Interest { brisk: leaving || !is_ready(pipeline), leaving, ..Default::default() };
        let source = source(context, &key, wanted, &haste);
        let seen_source = source.seen();
        wanted.signals = cdc::adhoc::channel(wanted, status, seen_source.sight.current().map(AsRef::as_ref));
        let compiled = cluster.as_ref().map(|cluster| cdc::compile(wanted, &cluster.name));
        let uid = wanted.owner.reference.uid.as_str();
        let (topics, connectors) = children(context, &key, uid, compiled.as_ref());
        let snapshot_completed =
            status.and_then(|status| status.source.as_ref()).is_some_and(|source| source.snapshot_completed);
        let memory = Memory::of(status);
        let gap_told = status.and_then(|s| s.guard.as_ref()).is_some_and(|guard| guard.verdict == "Gap");
        let budget_told = status.is_some_and(|status| {
            status.conditions.iter().any(|c| c.type_ == cdc::WAL_BUDGET && c.status == "False")
        });
        let sinks: Vec<_> =
            wanted.sinks.iter().map(|sink| self::sink(context, &key, wanted, sink, &haste)).collect();
        context.sources.only(&key, &HashSet::from([source.place.clone()]));
        context.sinks.only(&key, &sinks.iter().map(|world| world.place.clone()).collect());
        let connector = connectors.get(&wanted.source_connector()).map(|(_, child)| child);
        // Connect reads its offsets topic to the end for each such question: only where the answer matters
        let asks = connector.is_some_and(|child| {
            let slot = seen_source.sight.current().and_then(|view| view.slots.get(&wanted.source.slot));
            let read = slot.is_some_and(Slot::is_read);
            !snapshot_completed
                || child.declared != RunState::Running
                || !read
                || gap_told
                || guard_is_old(status)
                || memory.resnapshot.is_some()
                || cdc::offsets::asks_for_stored(wanted, &memory)
        });
        let (stored, snapshot) = if asks {
            stored(context, &connect, &wanted.source_connector()).await
        } else {
            (Stored::Unknown, Snapshot::Unknown)
        };
        let heard = adhoc::listen(context, &key, cluster.as_ref(), wanted, &memory).await;
        let child = |name: &str| connectors.get(name).map(|(_, child)| child.clone());
        let positions = offsets::look(context, cluster.as_ref(), wanted, &memory, child).await;
        let left = seen_source.sight.current().map(|view| left(context, view)).unwrap_or_default();
        Self {
            connect,
            connect_there,
            cluster,
            compiled,
            seen_source,
            source,
            seen_sinks: sinks.iter().map(|world| world.seen()).collect(),
            sinks,
            topics,
            connectors,
            snapshot,
            snapshot_completed,
            stored,
            memory,
            missed: cdc::missed::told(status),
            heard,
            positions,
            counting: status.and_then(|s| s.snapshot.as_ref()).is_some_and(snapshot::is_watched),
            fresh: false,
            gap_told,
            budget_told,
            unloaded: snapshot::unloaded(wanted, status.and_then(|status| status.source.as_ref())),
            left,
            started: cdc::started(pipeline),
            claimed: claimed(context, pipeline),
            key,
        }
    }

    /// Looks at the source once more, now that the stored offset is known.
    pub async fn look_again(&mut self) {
        self.seen_source = Arc::new(self.source.look_now().await);
        self.fresh = true;
    }

    /// Slots in the source of pipelines that are gone.
    pub fn left_slots(&self) -> Option<usize> {
        let view = self.seen_source.sight.current()?;
        Some(cdc::preflight::left_slots(view, &self.left).len())
    }

    pub fn seen<'a>(&'a self, wanted: &Wanted) -> Seen<'a> {
        let only = |children: Vec<(&String, &Child)>| {
            children.into_iter().map(|(name, child)| (name.clone(), child.clone())).collect()
        };
        Seen {
            connect: self.connect_there,
            cluster: self.cluster.as_ref().map(|cluster| cluster.name.as_str()),
            source: self.seen_source.look(),
            sinks: wanted
                .sinks
                .iter()
                .zip(&self.seen_sinks)
                .map(|(sink, seen)| (sink.name.clone(), seen.look()))
                .collect(),
            topics: only(self.topics.iter().map(|(name, (_, child))| (name, child)).collect()),
            connectors: only(self.connectors.iter().map(|(name, (_, child))| (name, child)).collect()),
            snapshot: self.snapshot,
            snapshot_completed: self.snapshot_completed,
            stored: self.stored,
            memory: self.memory.clone(),
            missed: self.missed.clone(),
            heard: self.heard.as_ref(),
            counting: self.counting,
            positions: self.positions.clone(),
            fresh: self.fresh,
            gap_told: self.gap_told,
            budget_told: self.budget_told,
            now: Context::now(),
            unloaded: self.unloaded.clone(),
            left: self.left.clone(),
            started: self.started,
            claimed: self.claimed.clone(),
        }
    }
}

/// What was compared last is told again now and then, with what is stored.
fn guard_is_old(status: Option<&CdcPipelineStatus>) -> bool {
    let checked = status.and_then(|s| s.guard.as_ref()?.checked_at.as_ref());
    checked.is_none_or(|at| Context::now().as_second() - at.0.as_second() >= cdc::GUARD_AGAIN)
}

/// Publications that say that they are a pipeline's, and there is none of that name.
fn left(context: &Context, view: &SourceView) -> BTreeSet<String> {
    let gone = |comment: &str| {
        let Some((namespace, name)) = names::of_comment(comment) else { return false };
        let key = Key { namespace: namespace.to_owned(), name: name.to_owned() };
        context.shelves.pipelines.refer(&key).referent() == Referent::Missing
    };
    let marked = view.publications.iter().filter(|(_, it)| it.comment.as_deref().is_some_and(gone));
    marked.map(|(name, _)| name.clone()).collect()
}

/// Who has the pipeline's slot before it.
fn claimed(context: &Context, pipeline: &CdcPipeline) -> Option<Claim> {
    let own = Claim::of(pipeline)?;
    let others = context.shelves.pipelines.select(|other| other.metadata.uid != pipeline.metadata.uid);
    cdc::claimed_by(&own, others.iter().filter_map(|other| Claim::of(other)))
}

fn is_ready(pipeline: &CdcPipeline) -> bool {
    let Some(status) = &pipeline.status else { return false };
    status.observed_generation == pipeline.metadata.generation
        && status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

fn source(context: &Arc<Context>, key: &Key, wanted: &Wanted, haste: &Interest) -> Arc<World<SourceView>> {
    let place = Place::new(&key.namespace, &wanted.source.connection, None);
    let interest = Interest {
        tables: wanted.tables.clone(),
        publication: Some(wanted.source.publication.clone()),
        ..haste.clone()
    };
    context.sources.ensure(context, place, key, interest)
}

fn sink(
    context: &Arc<Context>,
    key: &Key,
    wanted: &Wanted,
    sink: &cdc::Sink,
    haste: &Interest,
) -> Arc<World<SinkView>> {
    let place = Place::new(&key.namespace, &sink.connection, Some(&sink.schema));
    let tables = wanted.tables.iter().map(|table| TableName::new(&sink.schema, &table.name)).collect();
    context.sinks.ensure(context, place, key, Interest { tables, ..haste.clone() })
}

type Children = (BTreeMap<String, (Topic, Child)>, BTreeMap<String, (Connector, Child)>);

/// Those that have a name we want, whoever made them, and those that are ours.
fn children(context: &Context, key: &Key, uid: &str, compiled: Option<&Compiled>) -> Children {
    let names = |of: &dyn Fn(&Compiled) -> Vec<String>| -> HashSet<String> {
        compiled.map(of).unwrap_or_default().into_iter().collect()
    };
    let topics = names(&|c| c.topics.iter().map(ResourceExt::name_any).collect());
    let connectors = names(&|c| c.connectors().map(ResourceExt::name_any).collect());
    let here = |meta: &kube::core::ObjectMeta, wanted: &HashSet<String>| {
        meta.namespace.as_deref() == Some(key.namespace.as_str())
            && (meta.name.as_ref().is_some_and(|name| wanted.contains(name))
                || meta.owner_references.iter().flatten().any(|owner| owner.uid == uid))
    };
    let found = context.shelves.topics.select(|topic| here(&topic.metadata, &topics));
    let topics = found
        .iter()
        .map(|topic| (topic.name_any(), (Topic::clone(topic), Child::topic(topic, uid))))
        .collect();
    let found = context.shelves.connectors.select(|connector| here(&connector.metadata, &connectors));
    let connectors = found
        .iter()
        .map(|connector| {
            (connector.name_any(), (Connector::clone(connector), Child::connector(connector, uid)))
        })
        .collect();
    (topics, connectors)
}

/// What the connector has stored, and how far the snapshot is by that.
async fn stored(context: &Context, connect: &Key, connector: &str) -> (Stored, Snapshot) {
    let unknown = (Stored::Unknown, Snapshot::Unknown);
    let Some(world) = context.connect.get(connect) else { return unknown };
    match world.client.offsets(connector).await {
        Ok(offsets) => {
            let offset = offsets.first().map(|entry| &entry.offset);
            (Stored::of(offset), snapshot::of_offset(offset))
        }
        Err(error) => {
            debug!(%connect, connector, error = %chain(&error), "offsets not read");
            unknown
        }
    }
}
