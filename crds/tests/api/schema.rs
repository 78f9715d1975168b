//! Is the schema sound? The server computes what its CEL rules may cost and refuses a CRD that may cost too much.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::{Api, ResourceExt};
use serde_json::Value;
use sluice_crds::all;

use crate::session::Session;

#[tokio::test]
async fn every_crd_is_accepted_and_served() {
    let session = Session::start().await;
    let api: Api<CustomResourceDefinition> = Api::all(session.client.clone());
    for crd in all() {
        let name = crd.name_any();
        let seen = api.get(&name).await.unwrap();
        let conditions = seen.status.unwrap().conditions.unwrap();
        let is = |kind: &str| conditions.iter().find(|c| c.type_ == kind).map(|c| c.status.as_str());
        assert_eq!(is("Established"), Some("True"), "{name}");
        assert_eq!(is("NamesAccepted"), Some("True"), "{name}");
        assert_eq!(is("NonStructuralSchema"), None, "{name}: {conditions:?}");
        assert_eq!(seen.spec.names.short_names, crd.spec.names.short_names, "{name}");
    }
}

/// What the rules say is tried in these files: either half of the message is found there.
#[test]
fn every_rule_has_been_tried() {
    let tried =
        [include_str!("refused.rs"), include_str!("pipelines.rs"), include_str!("immutable.rs")].concat();
    let rules: Vec<_> = all().iter().flat_map(|crd| messages(&serde_json::to_value(crd).unwrap())).collect();
    assert!(rules.len() > 20, "the rules are found: {rules:?}");
    for rule in rules {
        let (what, why) = rule.split_once(": ").unwrap_or((&rule, &rule));
        assert!(tried.contains(what) || tried.contains(why), "this rule has no test: {rule}");
    }
}

fn messages(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let own = map.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
            let own = own.filter_map(|rule| rule["message"].as_str().map(str::to_owned));
            own.chain(map.values().flat_map(messages)).collect()
        }
        Value::Array(items) => items.iter().flat_map(messages).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn kubectl_explains_a_nested_field() {
    let session = Session::start().await;
    let said = session.server.kubectl(&["explain", "kafkacluster.spec.pools.storage.size"]).await;
    assert!(said.contains("FIELD: size <string>"), "{said}");
    assert!(said.contains("Size of the volume. May grow"), "{said}");
}

#[tokio::test]
async fn kubectl_lists_all_of_sluice_by_its_category() {
    let session = Session::start().await;
    for object in crate::objects::one_of_each("shop") {
        session.created(&object).await;
    }
    let said = session.server.kubectl(&["-n", &session.namespace, "get", "sluice", "-o", "name"]).await;
    let mut names: Vec<_> = said.split_whitespace().collect();
    names.sort_unstable();
    let kinds = ["cdcpipeline", "connectcluster", "connector", "kafkacluster", "topic", "user"];
    assert_eq!(names, kinds.map(|kind| format!("{kind}.sluice.dev/shop")));
}

/// Where the types of Kubernetes begin: their prose is left to the Kubernetes reference.
const FOREIGN: &[&str] = &[
    ".resources",
    ".affinity",
    ".tolerations",
    ".topologySpreadConstraints",
    ".env",
    ".volumes",
    ".volumeMounts",
    // generated with its own words
    ".conditions",
];

#[test]
fn every_field_says_what_it_means() {
    for crd in all() {
        let kind = &crd.spec.names.kind;
        let root = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        for part in ["spec", "status"] {
            let schema = &root.properties.as_ref().unwrap()[part];
            assert!(schema.description.is_some(), "{kind}.{part} has no description");
            walk(&format!("{kind}.{part}"), schema, &mut |path, field| {
                let words = field.description.as_deref().unwrap_or_default();
                assert!(words.len() > 3, "{path} has no description");
            });
        }
    }
}

#[test]
fn every_list_map_and_string_of_a_spec_has_a_bound() {
    let mut unbounded = Vec::new();
    for crd in all() {
        let kind = &crd.spec.names.kind;
        let root = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        walk(&format!("{kind}.spec"), &root.properties.as_ref().unwrap()["spec"], &mut |path, field| {
            let foreign = FOREIGN.iter().any(|end| path.ends_with(end));
            let bounded = match field.type_.as_deref() {
                Some("array") => field.max_items.is_some(),
                Some("object") => field.additional_properties.is_none() || field.max_properties.is_some(),
                Some("string") if !foreign => {
                    field.max_length.is_some() || field.enum_.is_some() || field.format.is_some()
                }
                _ => true,
            };
            if !bounded {
                unbounded.push(path.to_owned());
            }
        });
    }
    assert!(unbounded.is_empty(), "without a bound: {unbounded:#?}");
}

/// Shows each field below `schema`, with its path. Of foreign types only the field that holds them.
fn walk(path: &str, schema: &JSONSchemaProps, visit: &mut impl FnMut(&str, &JSONSchemaProps)) {
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        visit(&path, field);
        if FOREIGN.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        let mut inner = field;
        while let Some(JSONSchemaPropsOrArray::Schema(items)) = inner.items.as_ref() {
            inner = items;
        }
        walk(&path, inner, visit);
        if let Some(JSONSchemaPropsOrBool::Schema(values)) = inner.additional_properties.as_ref() {
            walk(&path, values, visit);
        }
    }
}
