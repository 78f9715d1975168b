//! The condition `Verified`: what all comparisons together say.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{TableDifferences, Verification, VerifyMode};

use super::Request;
use super::turn::{DIFFERENT, SAME, UNKNOWN};
use crate::cdc::CdcReason;
use crate::condition;

/// Whether the sinks hold what the source holds, as far as it was compared.
pub const VERIFIED: &str = "Verified";

/// Writes into a status what is known of all comparisons. Where nothing asks for one there is no condition.
pub fn tell(
    status: &mut CdcPipelineStatus,
    requests: &[Request],
    runs: Vec<Verification>,
    generation: Option<i64>,
    now: Timestamp,
) {
    let is = |condition: &Condition| condition.type_ == VERIFIED;
    let (before, mut conditions): (Vec<_>, Vec<_>) = status.conditions.drain(..).partition(is);
    if !requests.is_empty() {
        let (holds, reason, message) = said(requests, &runs);
        conditions.push(condition::further(VERIFIED, holds, reason, message, generation, now, &before));
    }
    (status.conditions, status.verification) = (conditions, runs);
}

fn said(requests: &[Request], runs: &[Verification]) -> (Option<bool>, CdcReason, String) {
    let told: Vec<(&Request, &Verification)> = requests
        .iter()
        .filter_map(|request| {
            Some((request, runs.iter().find(|run| run.id == request.id && run.result.is_some())?))
        })
        .collect();
    let is = |run: &Verification, result: &str| run.result.as_deref() == Some(result);
    // what a later comparison of the same tables has found is what holds
    let holds = |(request, run): &&(&Request, &Verification)| {
        !told.iter().any(|(other, later)| {
            later.finished_at > run.finished_at
                && !is(later, UNKNOWN)
                && other.tables.is_superset(&request.tables)
                && (other.mode == VerifyMode::Checksum || request.mode == VerifyMode::Count)
        })
    };
    let current: Vec<_> = told.iter().filter(holds).map(|(_, run)| *run).collect();
    if let Some(run) = current.iter().find(|run| is(run, DIFFERENT)) {
        return (Some(false), CdcReason::RowsDiffer, differs(run));
    }
    if let Some(run) = current.iter().find(|run| is(run, UNKNOWN)) {
        let why = run.differences.iter().find(|table| !table.message.is_empty());
        let why = why.map(|table| format!(": {} in sink {}: {}", table.table, table.sink, table.message));
        let message = format!(
            "{} could not compare everything{}. Mend that, and ask for another comparison by a new id in spec.verify, or wait for \
             its schedule",
            run.id,
            why.unwrap_or_default()
        );
        return (None, CdcReason::NotComparable, message);
    }
    match current.iter().filter(|run| is(run, SAME)).max_by_key(|run| run.finished_at.clone()) {
        Some(run) => {
            let (rows, tables) = (run.rows.unwrap_or_default(), run.tables.unwrap_or_default());
            let message =
                format!("{}: {rows} rows in {tables} tables are the same in source and sink", run.id);
            (Some(true), CdcReason::RowsAgree, message)
        }
        None => (None, CdcReason::NotVerified, "No comparison has come to its end yet".into()),
    }
}

fn differs(run: &Verification) -> String {
    let table = |table: &TableDifferences| {
        let more = if table.at_least { "at least " } else { "" };
        format!(
            "{} in sink {}: {more}{} missing, {} extra, {} different ({})",
            table.table,
            table.sink,
            table.missing,
            table.extra,
            table.different,
            table.keys.join("; ")
        )
    };
    let with = |table: &&TableDifferences| table.missing + table.extra + table.different > 0;
    let tables: Vec<String> = run.differences.iter().filter(with).take(3).map(table).collect();
    let next = if run.repaired_at.is_some() {
        "All rows were read anew once (spec.repair)"
    } else {
        "Sluice changes nothing. An id in spec.snapshots reads all rows anew, which mends what is missing or different; rows that only \
         the sink has must be deleted there"
    };
    format!("{} found differences: {}. {next}", run.id, tables.join(". "))
}

/// The condition where it turned, and whether it holds.
pub fn turned<'a>(
    before: Option<&CdcPipelineStatus>,
    after: &'a CdcPipelineStatus,
) -> Option<(bool, &'a Condition)> {
    fn of(status: &CdcPipelineStatus) -> Option<&Condition> {
        status.conditions.iter().find(|condition| condition.type_ == VERIFIED)
    }
    let now = of(after).filter(|now| now.status != "Unknown")?;
    let same = before.and_then(of).is_some_and(|then| then.status == now.status && then.reason == now.reason);
    (!same).then_some((now.status == "True", now))
}
