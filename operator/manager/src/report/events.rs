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

/// The same for kinds of which there are thousands: what stalls, and what no longer does. That one came into being, or that the
/// cluster of all of them is away, is told by the cluster.
pub fn turn_of_one<'a>(before: Option<&Vec<Condition>>, after: &'a [Condition]) -> Option<Turn<'a>> {
    let stalled = |conditions: &[Condition]| conditions.iter().any(|c| c.type_ == "Stalled");
    let worth = stalled(after) || before.is_some_and(|before| stalled(before));
    turn(before, after).filter(|_| worth)
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
    use super::*;
    use sluice_core::condition::{Verdict, build};
    use sluice_core::topic::TopicReason::{AsDeclared, Creating, InvalidConfig, KafkaUnreachable};

    fn conditions(verdict: &Verdict) -> Vec<Condition> {
        build(verdict, Some(1), Timestamp::UNIX_EPOCH, &[])
    }

    #[test]
    fn a_stall_a_loss_of_sight_and_the_recovery_are_news_and_progress_is_none() {
        let ready = conditions(&Verdict::ready(AsDeclared, ""));
        let stalled = conditions(&Verdict::stalled(InvalidConfig, "no such key"));
        let lost = conditions(&Verdict::unknown(KafkaUnreachable, "no answer"));
        let creating = conditions(&Verdict::reconciling(Creating, ""));
        let told = |news: Option<Turn<'_>>| news.map(|news| (news.severity, news.reason.to_owned()));
        let warning = |reason: &str| Some((Severity::Warning, reason.to_owned()));
        let fine = Some((Severity::Normal, "AsDeclared".to_owned()));
        for (before, after, of_any, of_one) in [
            (None, &creating, None, None),
            (Some(&creating), &ready, fine.clone(), None),
            (Some(&ready), &stalled, warning("InvalidConfig"), warning("InvalidConfig")),
            (Some(&stalled), &stalled, None, None),
            (Some(&stalled), &ready, fine.clone(), fine.clone()),
            (Some(&ready), &lost, warning("KafkaUnreachable"), None),
            (Some(&lost), &ready, fine.clone(), None),
        ] {
            assert_eq!(told(turn(before, after)), of_any, "{before:?} → {after:?}");
            assert_eq!(told(turn_of_one(before, after)), of_one, "{before:?} → {after:?}");
        }
    }

    #[test]
    fn a_long_note_fits_and_stays_text() {
        let long = "ö".repeat(2000);
        assert!(shorten(&long).len() <= 1024);
        assert_eq!(shorten("short"), "short");
    }
}
