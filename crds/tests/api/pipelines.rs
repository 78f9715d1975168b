//! What a pipeline asks for that cannot be, one part of it beside another.

use serde_json::{Value, json};

use crate::objects::{pipeline, with};
use crate::refused::refused;
use crate::session::Session;

#[tokio::test]
async fn policies_that_have_nothing_to_act_on() {
    let source = |source: Value| json!({ "source": source });
    let drops = source(json!({ "onBudgetExceeded": "DropSlot" }));
    let budget = json!({ "objectives": { "maxRetainedWal": "1Gi" } });
    let never = json!({ "snapshot": { "mode": "Never" } });
    let reads_none = "snapshot.mode: Never reads no rows: with it there can be no snapshots";
    let new = |specs: &[&Value]| specs.iter().fold(pipeline("p"), |object, spec| with(object, spec));
    refused(vec![
        (new(&[&drops]), "onBudgetExceeded: DropSlot needs objectives.maxRetainedWal"),
        (new(&[&never, &drops, &budget]), reads_none),
        (new(&[&never, &source(json!({ "onGap": "Resnapshot" }))]), reads_none),
        (new(&[&never, &json!({ "snapshots": [{ "id": "a" }] })]), reads_none),
        (
            new(&[&never, &json!({ "snapshots": [{ "id": "a", "type": "Incremental" }, { "id": "b" }] })]),
            reads_none,
        ),
        (
            new(&[&never, &json!({ "repair": "Resnapshot" })]),
            "snapshot.mode: Never reads no rows: with it there can be no repair: Resnapshot",
        ),
        (
            new(&[&never, &json!({ "objectives": { "maxSnapshotDuration": "2h" } })]),
            "snapshot.mode: Never reads no rows: with it there can be no objectives.maxSnapshotDuration",
        ),
        (
            new(&[&json!({ "verify": [{ "id": "a" }] })]),
            "verify compares the source with the sinks: without sinks there is nothing to compare",
        ),
        (
            new(&[&json!({ "sinks": [{ "name": "copy", "replay": [{ "id": "a" }], "postgres": {
                "host": "db", "database": "copy", "user": "writer", "password": { "name": "db", "key": "password" },
            } }] })]),
            "replay sends dead letters again: without deadLetter there are none",
        ),
    ])
    .await;
    let session = Session::start().await;
    session.created(&new(&[&drops, &budget, &json!({ "snapshots": [{ "id": "a" }] })])).await;
}

#[tokio::test]
async fn lags_that_nobody_can_keep_to() {
    let new = |heartbeat: Value, lag: &str| {
        let source = json!({ "source": { "postgres": { "heartbeat": heartbeat } } });
        with(with(pipeline("p"), &source), &json!({ "objectives": { "maxLag": lag } }))
    };
    let least = "objectives.maxLag must be the heartbeat's interval and 30s more at least";
    refused(vec![
        (new(json!({ "enabled": false }), "5m"), "objectives.maxLag needs the heartbeat"),
        (new(json!({}), "39s"), least),
        (new(json!({ "intervalSeconds": 60 }), "1m"), least),
        (new(json!({}), "2d"), "spec.objectives.maxLag in body should match"),
        (new(json!({}), "0s"), "spec.objectives.maxLag in body should match"),
        (
            with(pipeline("p"), &json!({ "objectives": { "maxSnapshotDuration": "soon" } })),
            "spec.objectives.maxSnapshotDuration in body should match",
        ),
    ])
    .await;
    let session = Session::start().await;
    session.created(&new(json!({ "intervalSeconds": 60 }), "90s")).await;
}

#[tokio::test]
async fn offsets_that_say_nothing_or_too_much() {
    let new = |offset: Value| with(pipeline("p"), &json!({ "offsets": [offset] }));
    let whose = "an entry of offsets is for a sink (sink, with to or time) or for the source (lsn), and for one of them only";
    let place = "to and time say where a sink goes on: a sink needs exactly one of them, and lsn has neither";
    let time = "2026-01-01T00:00:00Z";
    refused(vec![
        (new(json!({ "id": "a" })), whose),
        (new(json!({ "id": "a", "sink": "copy", "to": "Latest", "lsn": "0/1" })), whose),
        (new(json!({ "id": "a", "sink": "copy" })), place),
        (new(json!({ "id": "a", "sink": "copy", "to": "Latest", "time": time })), place),
        (new(json!({ "id": "a", "lsn": "0/1", "to": "Latest" })), place),
        (new(json!({ "id": "a", "lsn": "0/1", "time": time })), place),
        (new(json!({ "id": "a", "lsn": "1234" })), "spec.offsets[0].lsn in body should match"),
        (
            new(json!({ "id": "a", "sink": "copy", "to": "Somewhere" })),
            "supported values: \"Earliest\", \"Latest\"",
        ),
        (
            with(
                pipeline("p"),
                &json!({ "offsets": [{ "id": "a", "lsn": "0/1" }, { "id": "a", "lsn": "0/2" }] }),
            ),
            "Duplicate value",
        ),
    ])
    .await;
    let session = Session::start().await;
    session.created(&new(json!({ "id": "a", "sink": "copy", "time": time }))).await;
}

#[tokio::test]
async fn a_ca_where_nobody_asks_for_it_and_none_where_somebody_does() {
    let tls = |tls: Value| with(pipeline("p"), &json!({ "source": { "postgres": { "tls": tls } } }));
    let ca = json!({ "name": "db-ca", "key": "ca.crt" });
    let needed = "tls.ca is needed with mode VerifyCa and VerifyFull, and only there";
    refused(vec![
        (tls(json!({ "mode": "VerifyFull" })), needed),
        (tls(json!({ "mode": "Require", "ca": ca })), needed),
        (
            tls(json!({ "mode": "Prefer" })),
            "supported values: \"Disable\", \"Require\", \"VerifyCa\", \"VerifyFull\"",
        ),
    ])
    .await;
    let session = Session::start().await;
    session.created(&tls(json!({ "mode": "VerifyCa", "ca": ca }))).await;
}
