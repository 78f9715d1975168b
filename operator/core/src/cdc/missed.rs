//! Records that left a topic before a sink had read them: retention was faster, or the topic was deleted. The sink goes on behind them
//! and says nothing, so this is compared all the time: what its group has committed with where the partitions begin and end.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{MissedRecords, OnGap, SinkStatus, SnapshotRun};

use super::{Wanted, adhoc};
use crate::condition::whole_seconds;
use crate::view::source::TableName;

/// Records that were seen to be gone, by their tables; `None`: nobody can tell how many.
pub type Gone = BTreeMap<TableName, Option<i64>>;

/// Begins the ids of runs that read anew what a sink has missed: no request can be called so.
pub const ORDERED: &str = "missed/";

/// What of a partition is gone. `committed`: where the sink goes on. `None`: nothing.
pub fn gone(committed: i64, begin: i64, end: i64) -> Option<Option<i64>> {
    if committed > end {
        // it was made anew, and has not as many records yet
        return Some(None);
    }
    (committed < begin).then(|| Some(begin - committed))
}

/// What status says next of a sink.
pub(super) fn next(
    wanted: &Wanted,
    before: &[MissedRecords],
    gone: &Gone,
    runs: &[SnapshotRun],
    now: Timestamp,
) -> Vec<MissedRecords> {
    // until the sink has gone on behind it, it is seen again and again: no new one
    let still = |missed: &MissedRecords| gone.keys().any(|table| table.to_string() == missed.table);
    let mended = |missed: &MissedRecords| {
        runs.iter().any(|run| adhoc::has_read(run, &missed.table) && run.at > missed.at)
    };
    let here =
        |missed: &&MissedRecords| wanted.has_table(&missed.table) && (still(missed) || !mended(missed));
    let mut missed: Vec<MissedRecords> = before.iter().filter(here).cloned().collect();
    for (table, records) in gone {
        let table = table.to_string();
        // while the sink has not gone on it is the same hole, and it may grow
        match missed.iter_mut().find(|missed| missed.table == table) {
            Some(known) => known.records = known.records.zip(*records).map(|(a, b)| a.max(b)),
            None => {
                missed.push(MissedRecords { table, records: *records, at: Some(Time(whole_seconds(now))) });
            }
        }
    }
    missed
}

/// All that status says, with the names of the sinks.
pub fn told(status: Option<&CdcPipelineStatus>) -> Vec<(String, MissedRecords)> {
    let of = |sink: &SinkStatus| {
        let name = sink.name.clone();
        sink.missed.clone().into_iter().map(move |missed| (name.clone(), missed)).collect::<Vec<_>>()
    };
    status.map(|status| status.sinks.iter().flat_map(of).collect()).unwrap_or_default()
}

/// For a person: what is missing where.
pub(super) fn text(missed: &[(String, MissedRecords)]) -> String {
    let one = |(sink, missed): &(String, MissedRecords)| {
        let table = &missed.table;
        match missed.records {
            Some(records) => {
                format!("{records} records of {table} were removed before sink {sink} had read them")
            }
            None => format!("the topic of {table} was made anew before sink {sink} had read it to its end"),
        }
    };
    missed.iter().take(3).map(one).collect::<Vec<_>>().join("; ")
}

/// The tables whose rows are to be ordered because of it, each with the name of that run.
pub(super) fn orders(wanted: &Wanted, missed: &[(String, MissedRecords)]) -> Vec<(String, String)> {
    let order = |(_, one): &(String, MissedRecords)| {
        let at = one.at.as_ref().map_or(0, |at| at.0.as_second());
        (format!("{ORDERED}{}/{at}", one.table), one.table.clone())
    };
    let asked = wanted.source.on_gap == OnGap::Resnapshot;
    missed.iter().filter(|_| asked).map(order).collect()
}

#[cfg(test)]
mod tests {
    use sluice_crds::cdc_pipeline::SnapshotType;

    use super::super::tests::world::wanted;
    use super::*;

    #[test]
    fn what_a_sink_has_not_read_and_cannot_read_any_more_is_gone() {
        assert_eq!(gone(5, 0, 9), None);
        assert_eq!(gone(9, 9, 9), None, "all of it was read before it was removed");
        assert_eq!(gone(5, 8, 9), Some(Some(3)));
        assert_eq!(gone(50, 0, 9), Some(None));
    }

    #[test]
    fn a_hole_is_told_until_its_table_is_read_anew() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let wanted = wanted(|_| {});
        let orders = Gone::from([("public.orders".parse().unwrap(), Some(3))]);
        let told = next(&wanted, &[], &orders, &[], at(10));
        assert_eq!((told.len(), told[0].records), (1, Some(3)));
        let grown = Gone::from([("public.orders".parse().unwrap(), Some(7))]);
        let told = next(&wanted, &told, &grown, &[], at(11));
        assert_eq!((told[0].records, told[0].at.clone()), (Some(7), Some(Time(at(10)))));
        let mut run = SnapshotRun {
            type_: SnapshotType::Incremental,
            state: "Done".into(),
            at: Some(Time(at(9))),
            tables: vec!["public.orders".into()],
            ..Default::default()
        };
        assert_eq!(
            next(&wanted, &told, &Gone::new(), &[run.clone()], at(12)),
            told,
            "it was read before that"
        );
        run.at = Some(Time(at(12)));
        run.where_ = Some("id = 1".into());
        assert_eq!(next(&wanted, &told, &Gone::new(), &[run.clone()], at(13)), told, "not all of it");
        run.where_ = None;
        assert_eq!(next(&wanted, &told, &grown, &[run.clone()], at(13)), told, "it is the same hole");
        assert_eq!(next(&wanted, &told, &Gone::new(), &[run], at(14)), []);
    }
}
