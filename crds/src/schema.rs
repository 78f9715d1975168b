//! Mends generated schemas: terse Kubernetes types, no unsigned formats, a status that starts as `Unknown`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::{CdcPipeline, ConnectCluster, Connector, KafkaCluster, Topic, User};

/// Every CRD, in the order in which a reader meets them.
pub fn all() -> Vec<CustomResourceDefinition> {
    [
        KafkaCluster::crd(),
        Topic::crd(),
        User::crd(),
        ConnectCluster::crd(),
        Connector::crd(),
        CdcPipeline::crd(),
    ]
    .into_iter()
    .map(finish)
    .collect()
}

/// The schema of a Kubernetes type without its prose, which the Kubernetes reference has, and which would make
/// each CRD several times larger.
pub(crate) fn terse<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut value = T::json_schema(generator).to_value();
    inline(&mut value, generator);
    strip_prose(&mut value);
    Schema::try_from(value).expect("a schema stays a schema without its prose")
}

/// Volumes of the kinds that a broker or worker has use for.
pub(crate) fn volumes(generator: &mut SchemaGenerator) -> Schema {
    let mut value = terse::<Vec<k8s_openapi::api::core::v1::Volume>>(generator).to_value();
    let kept = ["name", "configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected", "csi"];
    if let Some(properties) = value.pointer_mut("/items/properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| kept.contains(&name.as_str()));
    }
    Schema::try_from(value).expect("fewer properties are still a schema")
}

/// Replaces `$ref`s by what they name: structural schemas have none.
fn inline(value: &mut Value, generator: &SchemaGenerator) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                let name = reference.rsplit('/').next().unwrap_or_default();
                let decoded = name.replace("~1", "/").replace("~0", "~");
                if let Some(target) = generator.definitions().get(&decoded) {
                    let mut target = target.clone();
                    inline(&mut target, generator);
                    *value = target;
                    return;
                }
            }
            map.values_mut().for_each(|v| inline(v, generator));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| inline(v, generator)),
        _ => {}
    }
}

fn strip_prose(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("description").is_some_and(Value::is_string) {
                map.remove("description");
            }
            map.values_mut().for_each(strip_prose);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_prose),
        _ => {}
    }
}

/// What the derive macros cannot say.
fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else {
            continue;
        };
        if let Some(status) = root.properties.as_mut().and_then(|p| p.get_mut("status")) {
            // kstatus: an object that nobody has looked at yet is not fine, it is unknown. A schema default says
            // so from the first read, without a write (Gateway API does the same).
            status.default = Some(k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSON(
                json!({
                    "conditions": [{
                        "type": "Ready", "status": "Unknown", "reason": "Pending",
                        "message": "Sluice has not looked at this object yet. If this lasts, check that the operator runs and watches this namespace.",
                        "lastTransitionTime": "1970-01-01T00:00:00Z",
                    }],
                }),
            ));
        }
    }
    crd
}

#[cfg(test)]
mod tests {
    use super::all;

    fn each(mut check: impl FnMut(&str, &str)) {
        for crd in all() {
            check(&crd.spec.names.kind, &serde_json::to_string(&crd).unwrap());
        }
    }

    #[test]
    fn no_crd_reaches_100_kb() {
        each(|kind, text| assert!(text.len() < 100_000, "{kind} has {} bytes", text.len()));
    }

    #[test]
    fn no_schema_has_an_unsigned_format_or_a_reference() {
        each(|kind, text| {
            assert!(!text.contains("\"format\":\"uint"), "{kind}");
            assert!(!text.contains("$ref"), "{kind}");
        });
    }
}
