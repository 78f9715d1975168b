//! What status says of a snapshot, from its first row until the rows have been compared.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::SnapshotStatus;

use super::plan::carry_out;
use super::world::{World, pipeline, sink, source, spec, wanted};
use crate::cdc::snapshot::{COMPLETE, Counted, Counts, Rows, Snapshot, Tally, turned};
use crate::cdc::{self, Gauges, Wanted};
use crate::view::source::{Lsn, TableName};

/// A pipeline that was let begin, and its passes.
struct Story {
    wanted: Wanted,
    world: World,
    pipeline: CdcPipeline,
    gauges: Gauges,
    now: i64,
}

impl Story {
    fn begin() -> Self {
        let wanted = wanted(|_| {});
        let world = World::new(source(), sink());
        let mut story =
            Self { wanted, world, pipeline: pipeline(&spec()), gauges: Gauges::default(), now: 1000 };
        for _ in 0..4 {
            story.pass();
        }
        story.world.snapshot = Snapshot::Running;
        story
    }

    fn pass(&mut self) {
        self.now += 2;
        let plan = self.world.plan(&self.wanted);
        let now = Timestamp::from_second(self.now).unwrap();
        let status = cdc::status(&self.pipeline, &self.wanted, &plan, &self.gauges, now);
        self.pipeline.status = Some(status);
        self.world.status.clone_from(&self.pipeline.status.as_ref().unwrap().source);
        carry_out(&mut self.world, &self.wanted, &plan);
    }

    /// So many rows of orders and items have come.
    fn come(&mut self, lsn: u64, began: i64, [orders, items]: [i64; 2]) -> SnapshotStatus {
        let rows = |rows| Rows { rows, changes: 0, whole: true };
        let tables = [(name("orders"), rows(orders)), (name("order_items"), rows(items))].into();
        self.gauges.tally = Some(Tally { lsn: Lsn(lsn), began: Some(began * 1000), tables });
        self.pass();
        self.snapshot()
    }

    fn count(&mut self, orders: i64) {
        let rows = [(name("orders"), orders), (name("order_items"), 500)].into();
        self.gauges.counted = Counted::Done(Counts { position: Lsn(900), rows });
    }

    fn snapshot(&self) -> SnapshotStatus {
        self.pipeline.status.as_ref().unwrap().snapshot.clone().expect("status.snapshot")
    }

    fn says(&self) -> (String, String, String) {
        let Condition { status, reason, message, .. } = self.condition();
        (status, reason, message)
    }

    fn condition(&self) -> Condition {
        let conditions = &self.pipeline.status.as_ref().unwrap().conditions;
        conditions.iter().find(|condition| condition.type_ == COMPLETE).expect("SnapshotComplete").clone()
    }
}

fn name(table: &str) -> TableName {
    TableName::new("public", table)
}

#[test]
fn a_fraction_and_a_time_are_told_where_they_can_be() {
    let mut story = Story::begin();
    let seen = story.come(70, 1000, [100, 0]);
    assert_eq!(
        (seen.state.as_str(), seen.rows, seen.percent, seen.seconds_left),
        ("Reading", Some(100), None, None)
    );
    assert_eq!(story.says().0, "False");
    story.gauges.estimates = [(name("orders"), 1000), (name("order_items"), 0)].into();
    story.now = 1098;
    let seen = story.come(70, 1000, [250, 0]);
    assert_eq!((seen.percent, seen.seconds_left, seen.estimated_rows), (Some(25), Some(300), Some(1000)));
    let orders = &seen.tables[0];
    assert_eq!(
        (orders.table.as_str(), orders.rows, orders.estimated_rows),
        ("public.orders", 250, Some(1000))
    );
    let seen = story.come(70, 1000, [5000, 0]);
    assert_eq!(
        (seen.percent, seen.seconds_left),
        (Some(99), None),
        "the estimate was too low, and is not the end"
    );
    story.gauges.estimates.clear();
    story.gauges.tally = None;
    story.pass();
    assert_eq!(story.snapshot().rows, Some(5000), "what cannot be seen stays as it was");
}

#[test]
fn it_is_complete_only_once_the_counts_match() {
    let mut story = Story::begin();
    story.come(70, 1000, [1000, 500]);
    story.world.snapshot = Snapshot::Completed;
    story.pass();
    assert_eq!(story.snapshot().state, "Counting");
    assert_eq!((story.says().0, story.says().1), ("Unknown".into(), "Counting".into()));
    story.gauges.counted = Counted::Failed("no route to host".into());
    story.pass();
    assert!(story.says().2.contains("no route to host. Sluice tries again"), "{:?}", story.says());
    story.count(1001);
    story.pass();
    assert_eq!(story.says().1, "Counting", "what is more may be on its way");
    story.count(1000);
    let before = story.pipeline.status.clone();
    story.pass();
    let (status, reason, message) = story.says();
    assert_eq!((status.as_str(), reason.as_str()), ("True", "RowsArrived"));
    assert_eq!(message, "1500 rows of 2 tables came: as many as the source had");
    assert!(turned(before.as_ref(), story.pipeline.status.as_ref().unwrap()).is_some_and(|(holds, _)| holds));
    // nothing is looked at any more, and it stays so
    (story.gauges, story.pipeline.metadata.generation) = (Gauges::default(), Some(2));
    story.pass();
    assert_eq!((story.says().2, story.condition().observed_generation), (message, Some(2)));
    assert_eq!((story.snapshot().state.as_str(), story.snapshot().rows), ("Done", Some(1500)));
}

#[test]
fn rows_that_are_missing_are_told() {
    let mut story = Story::begin();
    story.come(70, 1000, [1000, 500]);
    story.world.snapshot = Snapshot::Completed;
    story.count(1200);
    story.gauges.confirmed = Some(Lsn(900));
    story.pass();
    let (status, reason, message) = story.says();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "CountsDiffer"));
    assert!(
        message.starts_with("public.orders: 1000 rows and 0 changes came, the source has 1200 rows"),
        "{message}"
    );
    assert!(message.contains("spec.snapshots"), "{message}");
}

#[test]
fn a_snapshot_that_is_cut_short_says_so_and_begins_at_nothing() {
    let mut story = Story::begin();
    assert_eq!(story.come(70, 1000, [800, 0]).attempts, 1);
    assert_eq!(story.come(70, 1000, [900, 0]).attempts, 1);
    let again = story.come(80, 1200, [10, 0]);
    assert_eq!((again.attempts, again.rows, again.lsn.as_deref()), (2, Some(10), Some("0/50")));
    assert!(story.says().2.contains("cut short"), "{:?}", story.says());
    story.world.snapshot = Snapshot::Completed;
    story.count(1000);
    story.come(80, 1200, [1000, 500]);
    assert!(story.says().2.contains("cut short 1 times"), "{:?}", story.says());
}

#[test]
fn a_pipeline_that_goes_on_where_another_was_has_no_snapshot() {
    let wanted = wanted(|_| {});
    let mut world = World::new(source(), sink());
    let mut object = pipeline(&spec());
    // offsets were kept: the connector is made stopped, and what it has stored is compared first
    world.memory.remembered = Some(Default::default());
    for pass in 0..6 {
        let plan = world.plan(&wanted);
        let now = Timestamp::from_second(pass).unwrap();
        object.status = Some(cdc::status(&object, &wanted, &plan, &Gauges::default(), now));
        carry_out(&mut world, &wanted, &plan);
        if !world.connectors.is_empty() {
            world.snapshot = Snapshot::Completed;
            world.stored = crate::cdc::guard::Stored::At(Lsn(0x4000));
        }
    }
    let status = object.status.unwrap();
    assert_eq!(status.snapshot, None, "{:?}", status.phase);
    assert!(!status.conditions.iter().any(|condition| condition.type_ == COMPLETE));
}

#[test]
fn rows_that_are_read_anew_are_counted_anew() {
    let mut story = Story::begin();
    story.come(70, 1000, [1000, 500]);
    story.world.snapshot = Snapshot::Completed;
    story.count(1000);
    story.pass();
    assert_eq!(story.snapshot().state, "Done");
    story.world.memory.begin("Requested", Vec::new(), Timestamp::from_second(5000).unwrap());
    story.gauges = Gauges::default();
    story.pass();
    let anew = story.snapshot();
    assert_eq!((anew.state.as_str(), anew.rows, anew.attempts), ("Reading", None, 0));
    assert_eq!((anew.since.unwrap().0.as_second(), anew.from_lsn.as_deref()), (5000, Some("0/5000")));
    assert_eq!(story.says().0, "False");
}
