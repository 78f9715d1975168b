use serde_json::json;

use super::world::{pipeline, spec, wanted};
use crate::cdc::validate;
use crate::finding;

#[test]
fn defaults_are_filled_and_names_made() {
    let wanted = wanted(|_| {});
    assert_eq!(
        (wanted.source.slot.as_str(), wanted.source.publication.as_str()),
        ("sluice_prod_shop", "sluice_prod_shop")
    );
    assert_eq!(
        (wanted.topics.prefix.as_str(), wanted.topics.retention.time.as_deref()),
        ("shop", Some("7d"))
    );
    assert_eq!(wanted.sinks[0].dead_letter.as_deref(), Some("shop.warehouse.dead-letter"));
    assert_eq!((wanted.source.heartbeat, wanted.sinks[0].schema.as_str()), (Some(10), "public"));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_field() {
    let table = [
        (json!({"tables": ["sluice.heartbeat"]}), "spec.tables[0]"),
        (json!({"tables": ["a.orders", "b.orders"]}), "one table in a sink"),
        (json!({"tables": ["a.x$y", "a.x_y"], "sinks": []}), "share the topic shop.a.x_y"),
        (json!({"topics": {"config": {"retention.mss": 1}}}), "spec.topics.config[retention.mss]"),
        (json!({"topics": {"retention": {"time": "999999999999d"}}}), "spec.topics.retention.time"),
        (
            json!({"sinks": [{"name": "source", "postgres": spec()["sinks"][0]["postgres"]}]}),
            "spec.sinks[0].name",
        ),
        (json!({"topics": {"prefix": "p".repeat(247)}}), "Kafka allows 249"),
    ];
    for (change, expected) in table {
        let mut spec = spec();
        for (key, value) in change.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let text = finding::join(&validate(&pipeline(&spec)).unwrap_err());
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_slot_keeps_the_name_that_it_was_made_with() {
    let mut shop = pipeline(&spec());
    let status = shop.status.get_or_insert_default();
    status.source.get_or_insert_default().slot = "sluice_made_before".into();
    assert_eq!(validate(&shop).unwrap().source.slot, "sluice_made_before");
}

#[test]
fn what_was_made_is_known_though_the_spec_means_nothing_any_more() {
    let mut shop = pipeline(&spec());
    let made = shop.status.get_or_insert_default().source.get_or_insert_default();
    (made.slot, made.publication) = ("sluice_prod_shop".into(), "sluice_prod_shop".into());
    shop.spec.tables = vec!["sluice.heartbeat".into(), "public.orders".into()];
    shop.spec.source.postgres.publication_name = Some("edited".into());
    shop.spec.deletion_policy = sluice_crds::common::DeletionPolicy::Delete;
    assert!(validate(&shop).is_err());
    let wanted = crate::cdc::leaving(&shop).unwrap();
    assert_eq!(wanted.source.slot, "sluice_prod_shop");
    assert_eq!(wanted.source.publication, "sluice_prod_shop", "the edit was refused, and changed nothing");
    assert_eq!(
        (wanted.source.connection.database.as_str(), wanted.deletion),
        ("shop", shop.spec.deletion_policy)
    );
}

#[test]
fn two_sinks_cannot_share_a_dead_letter_topic_nor_a_table_its() {
    let mut twice = spec();
    let mut other = twice["sinks"][0].clone();
    other["name"] = "lake".into();
    other["deadLetter"]["topic"] = "shop.warehouse.dead-letter".into();
    twice["sinks"].as_array_mut().unwrap().push(other);
    let text = finding::join(&validate(&pipeline(&twice)).unwrap_err());
    assert!(text.contains("would share the topic shop.warehouse.dead-letter"), "{text}");
}

#[test]
fn a_sink_does_not_write_what_the_source_reads() {
    let mut circle = spec();
    for key in ["host", "database"] {
        circle["sinks"][0]["postgres"][key] = circle["source"]["postgres"][key].clone();
    }
    let text = finding::join(&validate(&pipeline(&circle)).unwrap_err());
    assert!(
        text.contains("spec.sinks[0].postgres.schema") && text.contains("from which the pipeline reads"),
        "{text}"
    );
    circle["sinks"][0]["postgres"]["schema"] = "copy".into();
    assert!(validate(&pipeline(&circle)).is_ok(), "another schema of the same database is another place");
}

#[test]
fn nothing_can_be_smuggled_into_an_url() {
    for host in ["db/other?user=x", "db?ssl=false", "${secrets:a:b}", "db;x"] {
        let mut odd = spec();
        odd["sinks"][0]["postgres"]["host"] = host.into();
        let text = finding::join(&validate(&pipeline(&odd)).unwrap_err());
        assert!(text.contains("spec.sinks[0].postgres.host"), "{host}: {text}");
    }
}
