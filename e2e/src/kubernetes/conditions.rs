//! What an object's status says.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;

use super::objects::Object;

pub fn condition(object: &impl Serialize, kind: &str) -> Option<Condition> {
    let value = serde_json::to_value(object).ok()?;
    let all: Vec<Condition> = serde_json::from_value(value.pointer("/status/conditions")?.clone()).ok()?;
    all.into_iter().find(|c| c.type_ == kind)
}

/// `Ready=False QuorumLost: message (of generation 1, now 2)`, for a person who wonders why a wait did not end.
pub fn verdict(object: &impl Object) -> String {
    let Some(ready) = condition(object, "Ready") else { return "no Ready condition".into() };
    let now = object.meta().generation;
    let stale = if ready.observed_generation == now {
        String::new()
    } else {
        format!(" (of generation {}, now {})", number(ready.observed_generation), number(now))
    };
    format!("Ready={} {}: {}{stale}", ready.status, ready.reason, ready.message)
}

fn number(generation: Option<i64>) -> String {
    generation.map_or_else(|| "none".into(), |n| n.to_string())
}

/// The Ready condition, if it speaks of the spec as it is now.
pub fn current(object: &impl Object) -> Result<Condition, String> {
    condition(object, "Ready")
        .filter(|ready| ready.observed_generation == object.meta().generation)
        .ok_or_else(|| verdict(object))
}

/// The Ready condition, once it is True for the spec as it is now.
pub fn ready(object: &impl Object) -> Result<Condition, String> {
    let ready = current(object)?;
    if ready.status == "True" { Ok(ready) } else { Err(verdict(object)) }
}
