use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::{OffsetRequest, OffsetRun, OffsetTo};

use crate::cdc::CdcReason;
use crate::cdc::wanted::Sink;
use crate::finding::Finding;
use crate::view::source::Lsn;

/// A request of `spec.offsets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: String,
    pub sink: Option<String>,
    pub to: Option<OffsetTo>,
    pub time: Option<Time>,
    pub lsn: Option<Lsn>,
}

/// What was begun already means what it meant then, and what a pipeline asks for before it was `started` is not carried out.
pub fn requests(
    listed: &[OffsetRequest],
    sinks: &[Sink],
    begun: &[OffsetRun],
    started: bool,
    findings: &mut Vec<Finding<CdcReason>>,
) -> Vec<Request> {
    let mut requests = Vec::new();
    for (at, request) in listed.iter().enumerate() {
        let field = |name: &str| format!("spec.offsets[{at}].{name}");
        let known = begun.iter().any(|run| run.id == request.id);
        let invalid = |message: String| Finding::new(CdcReason::OffsetInvalid, message);
        if let Some(name) = request.sink.as_ref().filter(|_| started && !known)
            && !sinks.iter().any(|sink| sink.name == *name)
        {
            let names: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
            let mend = if names.is_empty() {
                "The pipeline has no sinks: remove the entry".to_owned()
            } else {
                format!("Name one of: {}", names.join(", "))
            };
            let finding = invalid(format!("there is no sink {name} in spec.sinks"));
            findings.push(finding.at(field("sink")).mend(mend));
        }
        let lsn = match request.lsn.as_ref().map(|text| text.parse::<Lsn>()).transpose() {
            Ok(lsn) => lsn,
            Err(error) => {
                let mend = "Write it as PostgreSQL does: SELECT pg_current_wal_lsn()";
                findings.push(invalid(error.to_string()).at(field("lsn")).mend(mend));
                continue;
            }
        };
        let (id, sink) = (request.id.clone(), request.sink.clone());
        requests.push(Request { id, sink, to: request.to, time: request.time.clone(), lsn });
    }
    requests
}
