use super::*;

fn resolved(pairs: &[(&str, &str)], brokers: i32) -> Result<Config, String> {
    let spec = pairs.iter().map(|(k, v)| ((*k).to_owned(), Scalar::from(*v))).collect();
    let mut findings = Vec::new();
    let config = resolve(&spec, brokers, &mut findings);
    if findings.is_empty() { Ok(config) } else { Err(crate::finding::join(&findings)) }
}

fn refused(name: &str, value: &str) -> String {
    resolved(&[(name, value)], 3).expect_err(name)
}

#[test]
fn the_table_is_sorted_so_that_it_can_be_searched() {
    assert!(table::KEYS.is_sorted_by(|a, b| a.name < b.name));
    assert!(table::KEYS.len() > 300);
    assert_eq!(find("log.retention.ms").unwrap().mode, Mode::ClusterWide);
    assert_eq!(find("num.partitions").unwrap().mode, Mode::ReadOnly);
}

#[test]
fn dynamic_keys_never_stand_in_the_file() {
    let config =
        resolved(&[("log.retention.ms", "1000"), ("num.partitions", "6"), ("num.io.threads", "16")], 3)
            .unwrap();
    assert_eq!(config.declared.keys().collect::<Vec<_>>(), ["num.io.threads", "num.partitions"]);
    assert_eq!(config.dynamic.keys().collect::<Vec<_>>(), ["log.retention.ms", "min.insync.replicas"]);
}

#[test]
fn replication_follows_the_number_of_brokers_unless_declared() {
    for (brokers, copies, in_sync) in [(1, "1", "1"), (2, "2", "1"), (3, "3", "2"), (7, "3", "2")] {
        let config = resolved(&[], brokers).unwrap();
        assert_eq!(config.derived["default.replication.factor"], copies, "{brokers} brokers");
        assert_eq!(config.derived["offsets.topic.replication.factor"], copies, "{brokers} brokers");
        assert_eq!(config.derived["transaction.state.log.min.isr"], in_sync, "{brokers} brokers");
        assert_eq!(config.dynamic["min.insync.replicas"], in_sync, "{brokers} brokers");
        assert_eq!(config.derived["auto.create.topics.enable"], "false");
    }
    let own =
        resolved(&[("default.replication.factor", "2"), ("auto.create.topics.enable", "true")], 3).unwrap();
    assert_eq!(own.declared["default.replication.factor"], "2");
    assert!(!own.derived.contains_key("default.replication.factor"));
    assert_eq!(own.declared["auto.create.topics.enable"], "true");
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    assert!(refused("log.retention.mss", "1").contains("Did you mean log.retention.ms?"));
    assert!(refused("num.networkthreads", "1").contains("Did you mean num.network.threads?"));
    assert!(refused("retention.ms", "1").contains("the brokers' default is log.retention.ms"));
    let far = refused("colour.of.the.broker", "red");
    assert!(far.contains("no broker key") && !far.contains("Did you mean"), "{far}");
    assert!(far.starts_with("spec.config[colour.of.the.broker]: "));
}

#[test]
fn what_sluice_sets_itself_is_refused_with_the_reason() {
    for (name, why) in [
        ("node.id", "spec.pools"),
        ("process.roles", "spec.pools"),
        ("advertised.listeners", "spec.listeners"),
        ("listener.name.plain.max.connections", "spec.listeners"),
        ("log.dirs", "storage"),
        ("controller.quorum.voters", "KIP-853"),
        ("broker.rack", "zone"),
        ("leader.replication.throttled.rate", "moves data"),
        ("delegation.token.secret.key", "secret"),
    ] {
        assert!(refused(name, "x").contains(why), "{name}: {}", refused(name, "x"));
    }
    assert!(resolved(&[("controller.quorum.fetch.timeout.ms", "3000")], 3).is_ok(), "tuning is the user's");
}

#[test]
fn a_value_that_cannot_be_meant_is_refused() {
    for (name, value) in [
        ("num.io.threads", "many"),
        ("num.io.threads", "0"),
        ("num.io.threads", "3000000000"),
        ("auto.create.topics.enable", "yes"),
        ("log.cleaner.min.cleanable.ratio", "1.5"),
        ("log.cleanup.policy", "delete,shred"),
        ("compression.type", "rar"),
        ("compression.lz4.level", "18"),
        ("min.insync.replicas", "4"),
        ("offsets.topic.replication.factor", "5"),
    ] {
        refused(name, value);
    }
    for (name, value) in [
        ("log.cleanup.policy", "compact, delete"),
        ("log.cleaner.min.cleanable.ratio", "0.3"),
        ("auto.create.topics.enable", "TRUE"),
        ("compression.type", "zstd"),
        ("log.retention.ms", "-1"),
        ("compression.gzip.level", "-1"),
        ("rsm.config.bucket", "anything"),
    ] {
        resolved(&[(name, value)], 3).expect(name);
    }
}
