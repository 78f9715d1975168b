//! Configs of topics, of a broker, of the cluster.

use std::collections::{BTreeMap, BTreeSet};

use sluice_clients::kafka::{Client, Code, ConfigChange, ConfigSource, ConfigTarget};
use sluice_core::view::kafka::TopicConfigs;

use super::support::kafka::shared;
use super::support::wait::until;
use super::{create, topic};

fn change<const S: usize, const D: usize>(
    target: ConfigTarget,
    set: [(&str, &str); S],
    delete: [&str; D],
) -> ConfigChange {
    let set = set.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    ConfigChange { target, set, delete: delete.into_iter().map(str::to_owned).collect() }
}

fn topic_target(name: &str) -> ConfigTarget {
    ConfigTarget::Topic(name.to_owned())
}

async fn alter(client: &Client, changes: &[ConfigChange]) {
    for (target, outcome) in client.alter_configs(changes, false).await.unwrap() {
        outcome.unwrap_or_else(|error| panic!("{target}: {error}"));
    }
}

async fn described(client: &Client, name: &str, wanted: impl Fn(&TopicConfigs) -> bool) -> TopicConfigs {
    let look = async || client.describe_topic_configs(&[name]).await.unwrap().remove(0).1.unwrap();
    until(name, look, wanted).await
}

#[tokio::test]
async fn a_topics_own_configs_are_seen_set_and_deleted() {
    let client = shared().await.client();
    let mut audit = topic("audit", 1);
    audit.configs.insert("retention.ms".to_owned(), "60000".to_owned());
    create(&client, audit).await;
    let first = described(&client, "audit", |seen| !seen.set.is_empty()).await;
    assert_eq!(first.set, BTreeMap::from([("retention.ms".to_owned(), "60000".to_owned())]));
    assert_eq!(first.min_isr, Some(1), "Kafka's default, not set on the topic");

    let set = [("min.insync.replicas", "2"), ("cleanup.policy", "compact")];
    alter(&client, &[change(topic_target("audit"), set, ["retention.ms"])]).await;
    let second = described(&client, "audit", |seen| seen.min_isr == Some(2)).await;
    let keys: BTreeSet<_> = second.set.keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["cleanup.policy", "min.insync.replicas"]));

    // deleting what is not set does no harm: a pass may repeat it
    alter(&client, &[change(topic_target("audit"), [], ["min.insync.replicas", "retention.ms"])]).await;
    described(&client, "audit", |seen| seen.min_isr == Some(1)).await;
}

#[tokio::test]
async fn each_target_has_its_own_result_and_validate_only_changes_nothing() {
    let client = shared().await.client();
    create(&client, topic("configured", 1)).await;
    let changes = [
        change(topic_target("configured"), [("retention.ms", "1000")], []),
        change(topic_target("not-there"), [("retention.ms", "1000")], []),
        change(ConfigTarget::ClusterDefault, [("log.cleaner.threads", "many")], []),
    ];
    let items: BTreeMap<_, _> = client.alter_configs(&changes, true).await.unwrap().into_iter().collect();
    assert_eq!(items[&topic_target("configured")], Ok(()));
    let refused = |target: &ConfigTarget| items[target].as_ref().unwrap_err();
    assert_eq!(refused(&topic_target("not-there")).code, Code::UNKNOWN_TOPIC_OR_PARTITION);
    let wrong_value = refused(&ConfigTarget::ClusterDefault);
    // not INVALID_CONFIG, as it would be for a topic
    assert_eq!(wrong_value.code, Code::INVALID_REQUEST);
    assert!(wrong_value.to_string().contains("log.cleaner.threads"), "{wrong_value}");
    // a real change made after it is seen, so this one would be too
    alter(&client, &[change(topic_target("configured"), [("segment.ms", "1000")], [])]).await;
    let seen = described(&client, "configured", |seen| !seen.set.is_empty()).await;
    assert_eq!(seen.set, BTreeMap::from([("segment.ms".to_owned(), "1000".to_owned())]));

    let absent = client.describe_topic_configs(&["not-there"]).await.unwrap().remove(0);
    assert_eq!(absent.1.unwrap_err().code, Code::UNKNOWN_TOPIC_OR_PARTITION);
}

#[tokio::test]
async fn a_dynamic_key_of_brokers_is_seen_with_its_source() {
    let client = shared().await.client();
    let key = "log.cleaner.io.buffer.load.factor";
    let source = async || client.describe_broker_configs(1).await.unwrap()[key].source;
    assert_eq!(source().await, ConfigSource::Default);

    alter(&client, &[change(ConfigTarget::ClusterDefault, [(key, "0.8")], [])]).await;
    until("cluster default", source, |source| *source == ConfigSource::ClusterDefault).await;
    let defaults = client.describe_cluster_defaults().await.unwrap();
    assert_eq!(defaults.get(key).and_then(|config| config.value.as_deref()), Some("0.8"));

    alter(&client, &[change(ConfigTarget::Broker(1), [(key, "0.7")], [])]).await;
    until("of the broker", source, |source| *source == ConfigSource::Broker).await;
    let all = client.describe_broker_configs(1).await.unwrap();
    assert_eq!(all[key].value.as_deref(), Some("0.7"));
    assert_eq!((all["node.id"].source, all["node.id"].read_only), (ConfigSource::File, true));
    let secret = &all["ssl.keystore.password"];
    assert_eq!((secret.sensitive, secret.value.as_deref()), (true, None));

    alter(
        &client,
        &[change(ConfigTarget::Broker(1), [], [key]), change(ConfigTarget::ClusterDefault, [], [key])],
    )
    .await;
    until("back to the default", source, |source| *source == ConfigSource::Default).await;
}

#[tokio::test]
async fn a_broker_that_is_not_registered_is_named() {
    let error = shared().await.client().describe_broker_configs(77).await.unwrap_err();
    assert_eq!(
        (error.reason(), error.to_string()),
        ("KafkaBrokerUnknown", "DescribeConfigs: broker 77 is not registered in the cluster".to_owned())
    );
}
