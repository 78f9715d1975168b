use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use tracing::debug;

use crate::act::apply::deadline;
use crate::metrics::Metrics;

/// The most bytes the API server takes in an event's note.
const NOTE_LIMIT: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Normal,
    Warning,
}

/// A change of `Ready` that is worth telling.
pub struct Turn<'a> {
    pub severity: Severity,
    pub reason: &'a str,
    pub message: &'a str,
}

/// What to tell when the conditions change: a stall or loss of sight, another reason for it, and the recovery.
/// Progress on the way is no news.
pub fn turn<'a>(before: Option<&Vec<Condition>>, after: &'a [Condition]) -> Option<Turn<'a>> {
    let ready = |conditions: &'a [Condition]| conditions.iter().find(|c| c.type_ == "Ready");
    let now = ready(after)?;
    let then = before.and_then(|conditions| conditions.iter().find(|c| c.type_ == "Ready"));
    let told = then.is_some_and(|then| then.status == now.status && then.reason == now.reason);
    let stalled = after.iter().any(|c| c.type_ == "Stalled");
    let first = then.is_none_or(|then| then.reason == "Pending");
    let severity = match now.status.as_str() {
        "True" => Severity::Normal,
        _ if stalled => Severity::Warning,
        // an object that was never ready is only starting
        "Unknown" if !first => Severity::Warning,
        _ => return None,
    };
    (!told).then_some(Turn { severity, reason: &now.reason, message: &now.message })
}

/// Tells what happened to `object`. Events are news, not state: one that cannot be written is only logged.
///
/// kube's `Recorder` is not used: it sends the first note of a series again.
pub async fn publish<K>(
    client: &Client,
    metrics: &Metrics,
    object: &K,
    severity: Severity,
    reason: &str,
    action: &str,
    note: &str,
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let now = Timestamp::now();
    let namespace = object.namespace().unwrap_or_default();
    let name = format!("{}.{:x}", object.name_any(), now.as_nanosecond());
    let event = Event {
        metadata: ObjectMeta { name: Some(name), namespace: Some(namespace.clone()), ..Default::default() },
        action: Some(action.into()),
        reason: Some(reason.into()),
        note: Some(shorten(note)),
        type_: Some(format!("{severity:?}")),
        event_time: Some(MicroTime(now)),
        regarding: Some(object.object_ref(&())),
        reporting_controller: Some("sluice.dev/operator".into()),
        reporting_instance: Some(std::env::var("POD_NAME").unwrap_or_else(|_| "sluice".into())),
        ..Default::default()
    };
    metrics.kube_write("create", "Event");
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let params = PostParams::default();
    if let Err(error) = deadline("publish an event", api.create(&params, &event)).await {
        debug!(error = %crate::scope::chain(&error), reason, "event not published");
    }
}

fn shorten(note: &str) -> String {
    if note.len() <= NOTE_LIMIT {
        return note.into();
    }
    let mut end = NOTE_LIMIT - '…'.len_utf8();
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &note[..end])
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn a_long_note_fits_and_stays_text() {
        let long = "ö".repeat(2000);
        assert!(shorten(&long).len() <= 1024);
        assert_eq!(shorten("short"), "short");
    }
}
