//! The REST client and one real Connect worker.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_clients::connect::{Client, Error, Initial, Restart, changed};
use sluice_core::view::connect::{ConnectView, ConnectorView, RunState};
use support::connect::shared;
use support::wait::until;

const HEARTBEAT: &str = "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector";

/// A source connector out of Kafka's own jars, which writes a record each second.
async fn heartbeat(extra: &[(&str, &str)]) -> BTreeMap<String, String> {
    let kafka = support::kafka::shared().await.bootstrap().join(",");
    let base = [
        ("connector.class", HEARTBEAT),
        ("tasks.max", "1"),
        ("source.cluster.alias", "a"),
        ("target.cluster.alias", "b"),
        ("source.cluster.bootstrap.servers", &kafka),
        ("target.cluster.bootstrap.servers", &kafka),
        ("emit.heartbeats.interval.seconds", "1"),
        ("heartbeats.topic.replication.factor", "1"),
    ];
    base.iter().chain(extra).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

async fn look(client: &Client, name: &str) -> Option<Arc<ConnectorView>> {
    client.connectors(None).await.unwrap().remove(name)
}

async fn in_state(client: &Client, name: &str, state: RunState) -> Arc<ConnectorView> {
    let what = format!("{name} is {state:?}");
    let seen = until(
        &what,
        async || look(client, name).await,
        |seen| seen.as_ref().is_some_and(|c| c.state == state && c.tasks.iter().all(|t| t.state == state)),
    );
    seen.await.unwrap()
}

/// The order, again while the worker says "not yet".
async fn done<T>(order: impl AsyncFnMut() -> Result<T, Error>) -> T {
    answered(order).await.unwrap_or_else(|error| panic!("{error}"))
}

/// What the worker says of the order once it is ready to say it.
async fn answered<T>(mut order: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    loop {
        match order().await {
            Err(Error::NotYet { .. }) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            answer => return answer,
        }
    }
}

#[tokio::test]
async fn a_worker_names_itself_and_its_plugins() {
    let client = shared().await.client();
    let view = client.view(None).await.unwrap();
    assert_eq!(view.kafka_cluster_id, support::kafka::CLUSTER_ID);
    assert!(view.version.starts_with("4."), "{}", view.version);
    let kind = |class: &str| view.plugins.iter().find(|p| p.class == class).map(|p| p.kind.clone());
    assert_eq!(kind(HEARTBEAT).as_deref(), Some("source"));
    assert_eq!(kind("org.apache.kafka.connect.json.JsonConverter").as_deref(), Some("converter"));
}

#[tokio::test]
async fn a_connector_lives_pauses_stops_and_goes() {
    let client = shared().await.client();
    let config = heartbeat(&[]).await;
    assert!(done(async || client.put_config("life", &config).await).await, "it is new");
    assert!(!done(async || client.put_config("life", &config).await).await, "it is there");
    let running = until(
        "its task runs",
        async || look(&client, "life").await,
        |seen| seen.as_ref().is_some_and(|c| c.tasks.iter().any(|t| t.state == RunState::Running)),
    );
    let running = running.await.unwrap();
    assert_eq!(running.config["emit.heartbeats.interval.seconds"], "1");
    assert_eq!((running.state, running.tasks.len(), running.tasks[0].id), (RunState::Running, 1, 0));

    done(async || client.pause("life").await).await;
    assert_eq!(in_state(&client, "life", RunState::Paused).await.tasks.len(), 1);
    done(async || client.resume("life").await).await;
    in_state(&client, "life", RunState::Running).await;
    let topics = until("it has written", async || client.topics("life").await.unwrap(), |t| !t.is_empty());
    assert_eq!(topics.await, ["heartbeats"]);

    let refused = answered(async || client.delete_offsets("life").await).await.unwrap_err();
    assert_eq!(refused.reason(), "ConnectRefused", "offsets are only deleted while it is stopped: {refused}");
    done(async || client.stop("life").await).await;
    assert_eq!(in_state(&client, "life", RunState::Stopped).await.tasks, []);
    let offsets = client.offsets("life").await.unwrap();
    assert_eq!(offsets[0].partition["sourceClusterAlias"], "a");
    done(async || client.delete_offsets("life").await).await;
    assert_eq!(client.offsets("life").await.unwrap(), []);

    done(async || client.delete("life").await).await;
    until("it is gone", async || look(&client, "life").await, Option::is_none).await;
    assert_eq!(client.delete("life").await.unwrap_err().reason(), "ConnectorNotFound");
    assert_eq!(client.pause("life").await.unwrap_err().reason(), "ConnectorNotFound");
}

#[tokio::test]
async fn a_connector_can_begin_stopped_and_is_not_made_twice() {
    let client = shared().await.client();
    let config = heartbeat(&[]).await;
    done(async || client.create("begins", &config, Initial::Stopped).await).await;
    let stopped = in_state(&client, "begins", RunState::Stopped).await;
    assert_eq!(stopped.tasks, []);
    let other = heartbeat(&[("emit.heartbeats.interval.seconds", "2")]).await;
    let refused = client.create("begins", &other, Initial::Running).await.unwrap_err();
    assert_eq!(refused.reason(), "ConnectRebalancing", "{refused}");
    let kept = look(&client, "begins").await.unwrap();
    assert_eq!((kept.state, kept.config == stopped.config), (RunState::Stopped, true));
    done(async || client.delete("begins").await).await;
}

/// What the operator's plans rely on: they restart after a rotation whatever the state, and a failed one that should pause.
#[tokio::test]
async fn a_new_value_needs_a_restart_and_a_failed_connector_pauses_only_by_one() {
    let connect = shared().await;
    let client = connect.client();
    let failed =
        |seen: &Option<Arc<ConnectorView>>| seen.as_ref().is_some_and(|c| c.state == RunState::Failed);
    let interval = format!("${{secrets:{}:interval}}", connect.secrets.display());
    let config = heartbeat(&[("emit.heartbeats.interval.seconds", &interval)]).await;
    connect.write_secret("interval", "1");
    done(async || client.create("rotates", &config, Initial::Running).await).await;
    in_state(&client, "rotates", RunState::Running).await;

    // no number: whoever reads it fails
    connect.write_secret("interval", "never");
    done(async || client.stop("rotates").await).await;
    in_state(&client, "rotates", RunState::Stopped).await;
    done(async || client.resume("rotates").await).await;
    in_state(&client, "rotates", RunState::Running).await;
    done(async || client.restart("rotates", Restart::All).await).await;
    until("it reads the new value", async || look(&client, "rotates").await, failed).await;

    done(async || client.pause("rotates").await).await;
    connect.write_secret("interval", "1");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(failed(&look(&client, "rotates").await), "a failed connector ignores the order");
    done(async || client.restart("rotates", Restart::Failed).await).await;
    let paused =
        |seen: &Option<Arc<ConnectorView>>| seen.as_ref().is_some_and(|c| c.state == RunState::Paused);
    until("it pauses", async || look(&client, "rotates").await, paused).await;
    done(async || client.delete("rotates").await).await;
}

#[tokio::test]
async fn a_failed_task_shows_the_first_line_and_the_root_cause() {
    let client = shared().await.client();
    let smt = [
        ("transforms", "pick"),
        ("transforms.pick.type", "org.apache.kafka.connect.transforms.ExtractField$Value"),
        ("transforms.pick.field", "nothing"),
    ];
    let config = heartbeat(&smt).await;
    done(async || client.put_config("fails", &config).await).await;
    let failed = |seen: &Option<Arc<ConnectorView>>| {
        seen.as_ref().is_some_and(|c| c.tasks.iter().any(|t| t.state == RunState::Failed))
    };
    let seen = until("its task fails", async || look(&client, "fails").await, failed).await.unwrap();
    assert_eq!(seen.state, RunState::Running, "Connect calls the connector running all the same");
    let trace = seen.tasks[0].trace.as_deref().unwrap();
    let lines: Vec<_> = trace.lines().collect();
    assert_eq!(lines.len(), 2, "{trace}");
    assert!(lines[0].contains("Tolerance exceeded in error handler"), "{trace}");
    assert!(lines[1].starts_with("Caused by: "), "{trace}");

    done(async || client.restart("fails", Restart::Failed).await).await;
    until("it fails again", async || look(&client, "fails").await, failed).await;
    done(async || client.delete("fails").await).await;
}

#[tokio::test]
async fn a_bad_config_is_refused_field_by_field_and_changes_nothing() {
    let client = shared().await.client();
    let smt = [("name", "bad"), ("transforms", "x"), ("transforms.x.type", "no.such.Class")];
    let config = heartbeat(&smt).await;
    let errors = client.validate(HEARTBEAT, &config).await.unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].field, "transforms.x.type");
    assert!(errors[0].errors[0].contains("no.such.Class"), "{errors:?}");
    let refused = client.put_config("bad", &config).await.unwrap_err();
    assert_eq!(refused.reason(), "ConnectRefused", "{refused}");
    assert_eq!(look(&client, "bad").await, None);

    let good = heartbeat(&[("name", "good")]).await;
    assert_eq!(client.validate(HEARTBEAT, &good).await.unwrap(), []);
}

#[tokio::test]
async fn an_unknown_class_is_an_error_that_does_not_list_the_whole_image() {
    let client = shared().await.client();
    let config = [("connector.class".to_owned(), "no.such.Connector".to_owned())].into();
    let error = client.validate("no.such.Connector", &config).await.unwrap_err().to_string();
    assert!(error.contains("no.such.Connector") && error.len() < 800, "{error}");
}

#[tokio::test]
async fn a_variable_resolves_to_what_the_worker_has_mounted_now() {
    let connect = shared().await;
    let client = connect.client();
    let variable = format!("${{secrets:{}:revision}}", connect.secrets.display());
    let seen = async || client.resolve(HEARTBEAT, &variable).await.unwrap();
    assert_eq!(seen().await.as_deref(), Some(variable.as_str()), "a missing file is no error to Connect");
    for revision in ["17", "18"] {
        connect.write_secret("revision", revision);
        assert_eq!(seen().await.as_deref(), Some(revision));
    }
}

#[tokio::test]
async fn an_unchanged_connector_is_shared_with_the_view_before() {
    let client = shared().await.client();
    let config = heartbeat(&[]).await;
    for name in ["shared-a", "shared-b"] {
        done(async || client.put_config(name, &config).await).await;
        until(
            "its task runs",
            async || look(&client, name).await,
            |seen| seen.as_ref().is_some_and(|c| c.tasks.iter().any(|t| t.state == RunState::Running)),
        )
        .await;
    }
    let view = async |previous: Option<&ConnectView>| ConnectView {
        connectors: client.connectors(previous).await.unwrap(),
        ..Default::default()
    };
    let first = view(None).await;
    done(async || client.pause("shared-b").await).await;
    in_state(&client, "shared-b", RunState::Paused).await;
    let second = view(Some(&first)).await;
    assert!(Arc::ptr_eq(&first.connectors["shared-a"], &second.connectors["shared-a"]));
    let names = changed(&first, &second);
    assert!(names.contains("shared-b") && !names.contains("shared-a"), "{names:?}");
    for name in ["shared-a", "shared-b"] {
        done(async || client.delete(name).await).await;
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable_and_not_gone() {
    support::connect::crypto();
    let base = format!("http://127.0.0.1:{}", support::kafka::free_port()).parse().unwrap();
    let error = Client::new(base, Default::default()).delete("x").await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), ("ConnectUnreachable", true));
}
