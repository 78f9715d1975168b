use serde_json::json;

use super::world::wanted;
use crate::cdc::{Wanted, compile};

fn config(wanted: &Wanted, key: &str) -> Option<String> {
    let source = compile(wanted, "kafka").source;
    source.spec.config.get(key).map(ToString::to_string)
}

#[test]
fn a_pipeline_compiles_to_its_topics_and_connectors() {
    let compiled = compile(&wanted(|_| {}), "kafka");
    insta::assert_yaml_snapshot!("topics", compiled.topics);
    insta::assert_yaml_snapshot!("source", compiled.source);
    insta::assert_yaml_snapshot!("sinks", compiled.sinks);
}

#[test]
fn no_password_is_in_what_is_compiled_only_its_place() {
    let text = serde_json::to_string(&compile(&wanted(|_| {}), "kafka").source).unwrap();
    assert!(text.contains("${secrets:shop-db-sluice:password}"), "{text}");
}

#[test]
fn tls_is_the_drivers_sslmode_on_both_sides() {
    let encrypted = wanted(|spec| {
        let ca = json!({"name": "shop-ca", "key": "ca.crt"});
        spec["source"]["postgres"]["tls"] = json!({"mode": "VerifyFull", "ca": ca});
        spec["sinks"][0]["postgres"]["tls"] = json!({"mode": "VerifyCa", "ca": ca});
    });
    assert_eq!(config(&encrypted, "database.sslmode").unwrap(), "verify-full");
    assert_eq!(config(&encrypted, "database.sslrootcert").unwrap(), "${secretFile:shop-ca:ca.crt}");
    let sink = &compile(&encrypted, "kafka").sinks[0];
    let url = sink.spec.config["connection.url"].as_str();
    assert!(url.ends_with("&sslmode=verify-ca&sslrootcert=${secretFile:shop-ca:ca.crt}"), "{url}");
    assert_eq!(config(&wanted(|_| {}), "database.sslmode"), None, "as before");
}

#[test]
fn table_names_are_matched_literally() {
    let wanted = wanted(|spec| spec["tables"] = json!(["public.a$b", "Inv.Stock"]));
    assert_eq!(config(&wanted, "table.include.list").unwrap(), r"Inv\.Stock,public\.a\$b");
}

#[test]
fn truncates_travel_only_where_they_cannot_be_overtaken() {
    let many = wanted(|_| {});
    assert_eq!(config(&many, "skipped.operations").unwrap(), "t");
    let one = wanted(|spec| spec["topics"]["partitions"] = 1.into());
    assert_eq!(config(&one, "skipped.operations").unwrap(), "none");
    let sink = &compile(&one, "kafka").sinks[0];
    assert_eq!(sink.spec.config["truncate.enabled"].as_str(), "true");
}

#[test]
fn a_compacted_topic_gets_its_tombstones() {
    assert_eq!(config(&wanted(|_| {}), "tombstones.on.delete").unwrap(), "false");
    let compacted = wanted(|spec| spec["topics"]["cleanupPolicy"] = "Compact".into());
    assert_eq!(config(&compacted, "tombstones.on.delete").unwrap(), "true");
}

#[test]
fn without_a_heartbeat_there_is_no_trace_of_one() {
    let quiet = wanted(|spec| spec["source"]["postgres"]["heartbeat"] = json!({"enabled": false}));
    let compiled = compile(&quiet, "kafka");
    assert!(!serde_json::to_string(&compiled.source).unwrap().contains("heartbeat"));
    assert!(compiled.topics.iter().all(|topic| !topic.metadata.name.as_ref().unwrap().contains("heartbeat")));
    assert!(!quiet.published().iter().any(|table| table.schema == "sluice"));
}

#[test]
fn everything_belongs_to_the_pipeline_and_follows_its_policy() {
    let wanted = wanted(|spec| {
        spec["deletionPolicy"] = "Delete".into();
        spec["state"] = "Paused".into();
    });
    let compiled = compile(&wanted, "kafka");
    assert!(compiled.topics.iter().all(|topic| format!("{:?}", topic.spec.deletion_policy) == "Delete"));
    assert!(compiled.connectors().all(|connector| format!("{:?}", connector.spec.state) == "Paused"));
    let owners =
        compiled.topics.iter().map(|t| &t.metadata).chain(compiled.connectors().map(|c| &c.metadata));
    for metadata in owners {
        assert_eq!(metadata.owner_references.as_ref().unwrap()[0].uid, "u-1");
    }
}
