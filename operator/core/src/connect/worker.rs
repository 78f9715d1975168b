//! A worker's configuration: what Sluice sets, what it only proposes, and what it leaves to the user.

use std::collections::BTreeMap;

use super::keys::KEYS;
use super::names::{self, CERTIFICATES_PATH, Internal, REST_PORT, SECRETS_PATH};
use crate::pki;

const PLACE: &str = "Sluice decides where the workers are and how they find each other";
const STATE: &str = "Sluice names the topics of a Connect cluster after it";
const PROVIDER: &str = "Secrets come by ${secrets:NAME:KEY}";
const ACCESS: &str = "workers use the listener of Sluice's own, with a certificate that Sluice issues";
const REST: &str = "Sluice itself must reach the REST API";

/// `*` at the end stands for anything. The first entry that fits gives the reason.
const RESERVED: &[(&str, &str)] = &[
    ("bootstrap.servers", PLACE),
    ("group.id", PLACE),
    ("listeners", PLACE),
    ("listeners.https.*", PLACE),
    ("rest.advertised.*", PLACE),
    ("rest.host.name", PLACE),
    ("rest.port", PLACE),
    ("rest.extension.classes", REST),
    ("inter.worker.*", PLACE),
    ("config.storage.*", STATE),
    ("offset.storage.*", STATE),
    ("status.storage.*", STATE),
    ("config.providers", PROVIDER),
    ("config.providers.*", PROVIDER),
    ("security.protocol", ACCESS),
    ("sasl.*", ACCESS),
    ("ssl.*", ACCESS),
    ("producer.security.protocol", ACCESS),
    ("producer.sasl.*", ACCESS),
    ("producer.ssl.*", ACCESS),
    ("consumer.security.protocol", ACCESS),
    ("consumer.sasl.*", ACCESS),
    ("consumer.ssl.*", ACCESS),
    ("admin.security.protocol", ACCESS),
    ("admin.sasl.*", ACCESS),
    ("admin.ssl.*", ACCESS),
];

/// Why `spec.config` may not set this key, if it may not.
pub fn reserved(key: &str) -> Option<&'static str> {
    RESERVED
        .iter()
        .find(|(pattern, _)| pattern.strip_suffix('*').map_or(*pattern == key, |p| key.starts_with(p)))
        .map(|(_, why)| *why)
}

/// Keys that a worker hands on: to its clients (KIP-458), to converters, to the metrics of both, to an allowlist of overrides.
const HANDED_ON: &[&str] = &[
    "producer.",
    "consumer.",
    "admin.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "metrics.context.",
    "metrics.jmx.",
    "connector.client.config.override.",
];

/// Whether workers know a key, or would hand it on. If not: the nearest one that they know, if one is near.
pub fn knows(key: &str, declared: &BTreeMap<String, String>) -> Result<(), Option<&'static str>> {
    if KEYS.binary_search(&key).is_ok() || HANDED_ON.iter().any(|prefix| key.starts_with(prefix)) {
        return Ok(());
    }
    let near = KEYS
        .iter()
        .filter(|known| reserved(known).is_none())
        .map(|known| (strsim::osa_distance(key, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= 2 + key.len() / 8)
        .map(|(_, known)| known);
    // somebody's own reporter of metrics has keys that only it knows
    if near.is_none() && declared.contains_key("metric.reporters") { Ok(()) } else { Err(near) }
}

/// What Sluice proposes; the user's word counts.
const DEFAULTS: &[(&str, &str)] = &[
    ("plugin.path", "/kafka/connect"),
    ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    // Connect's minute is what a crash repeats
    ("offset.flush.interval.ms", "10000"),
    // Connect's five minutes are how long the tasks of a dead worker rest. A pod that is replaced is back in less than this
    ("scheduled.rebalance.max.delay.ms", "30000"),
];

/// How the worker looks for plugins (KIP-898). Those of the image that we know have manifests, and by them a worker is up in a third of
/// the time; somebody's own image may have older ones, which only Connect's default, a scan of all classes, finds.
const DISCOVERY: (&str, &str) = ("plugin.discovery", "service_load");

/// Every key of `worker.properties` but `rest.advertised.host.name`, which only a pod knows.
pub fn config(
    connect: &str,
    bootstrap: &str,
    own_image: bool,
    declared: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let proposed = DEFAULTS.iter().chain((!own_image).then_some(&DISCOVERY));
    let mut config: BTreeMap<String, String> =
        proposed.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    config.extend(declared.clone());
    let mut set = |key: &str, value: String| config.insert(key.to_owned(), value);
    set("bootstrap.servers", bootstrap.to_owned());
    set("group.id", names::group(connect));
    set("listeners", format!("http://:{REST_PORT}"));
    for (prefix, topic) in [
        ("config.storage", Internal::Configs),
        ("offset.storage", Internal::Offsets),
        ("status.storage", Internal::Status),
    ] {
        set(&format!("{prefix}.topic"), topic.topic(connect));
        // Sluice creates the topics before the first worker. Should one be missing later, the brokers' default is the best
        // a worker can know: a number here would go stale with the number of brokers
        set(&format!("{prefix}.replication.factor"), "-1".into());
        if topic != Internal::Configs {
            set(&format!("{prefix}.partitions"), topic.partitions().to_string());
        }
    }
    // Connect hands none of its own on to the clients of connectors (KIP-458)
    for prefix in ["", "producer.", "consumer.", "admin."] {
        for (key, value) in pki::properties::client(CERTIFICATES_PATH) {
            set(&format!("{prefix}{key}"), value);
        }
    }
    set("config.providers", "secrets".into());
    let provider = "org.apache.kafka.common.config.provider.DirectoryConfigProvider";
    set("config.providers.secrets.class", provider.into());
    set("config.providers.secrets.param.allowed.paths", SECRETS_PATH.into());
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sluice_sets_is_reserved_and_what_it_proposes_is_not() {
        let set = config("c", "k:9091", true, &BTreeMap::new());
        for key in set.keys() {
            let proposed = DEFAULTS.iter().any(|(name, _)| name == key);
            assert_eq!(reserved(key).is_none(), proposed, "{key}");
        }
        assert!(reserved("rest.advertised.host.name").is_some());
        assert!(reserved("exactly.once.source.support").is_none());
    }

    #[test]
    fn a_key_that_no_worker_knows_is_named_with_the_nearest() {
        let none = BTreeMap::new();
        assert_eq!(knows("offset.flush.intervall.ms", &none), Err(Some("offset.flush.interval.ms")));
        assert_eq!(knows("retention.ms", &none), Err(None));
        for known in
            ["task.shutdown.graceful.timeout.ms", "producer.compression.type", "key.converter.schemas.enable"]
        {
            assert_eq!(knows(known, &none), Ok(()), "{known}");
        }
        let reporter = [("metric.reporters".to_owned(), "com.example.Mine".to_owned())].into();
        assert_eq!(knows("mine.address", &reporter), Ok(()), "the reporter's own");
        assert_eq!(knows("plugin.paths", &reporter), Err(Some("plugin.path")), "a typo all the same");
    }

    #[test]
    fn every_key_that_sluice_sets_or_reserves_is_one_of_kafkas() {
        let set = config("c", "k:9091", false, &BTreeMap::new());
        for key in set.keys().filter(|key| !key.starts_with("config.providers.")) {
            assert_eq!(knows(key, &BTreeMap::new()), Ok(()), "{key}");
        }
        assert!(KEYS.is_sorted());
    }

    #[test]
    fn the_users_word_counts_where_sluice_only_proposes() {
        let declared = [("plugin.path".to_owned(), "/mine".to_owned())].into();
        assert_eq!(config("c", "k:9091", true, &declared)["plugin.path"], "/mine");
    }

    #[test]
    fn only_the_plugins_of_the_image_that_we_know_are_found_by_their_manifests() {
        let discovery = |own| config("c", "k:9091", own, &BTreeMap::new()).get("plugin.discovery").cloned();
        assert_eq!(discovery(false).as_deref(), Some("service_load"));
        assert_eq!(discovery(true), None);
    }

    #[test]
    fn no_connector_can_have_the_workers_group() {
        // a sink connector `x` consumes in the group `connect-x`
        assert!(!config("c", "k:9091", true, &BTreeMap::new())["group.id"].starts_with("connect-"));
    }
}
