//! `server.properties` of a pool. What differs between its nodes, `start.sh` adds.

use std::fmt::Write;

use sluice_crds::kafka_cluster::Authentication;

use crate::cluster::certificates;
use crate::cluster::names::{
    CERTIFICATES_PATH, CLIENTS_PATH, CONTROLLER_LISTENER, CONTROLLER_PORT, INTERNAL_LISTENER, INTERNAL_PORT,
};
use crate::cluster::wanted::{Pool, Wanted};
use crate::pki;
use crate::properties::escape;

/// Below the mount, because the root of a volume may hold `lost+found`, which Kafka takes for a partition.
const DATA: &str = "/var/lib/kafka/data";

pub fn build(wanted: &Wanted, pool: &Pool) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "{}={}", escape(key, true), escape(value, false)); // a String takes everything
    };
    let listeners = listeners(wanted, pool);
    let each = |host: &str| {
        listeners.iter().map(|(name, port)| format!("{name}://{host}:{port}")).collect::<Vec<_>>().join(",")
    };
    line("process.roles", &roles(pool));
    line("controller.quorum.bootstrap.servers", &controllers(wanted));
    line("controller.listener.names", CONTROLLER_LISTENER);
    line("inter.broker.listener.name", INTERNAL_LISTENER);
    line("listeners", &each(""));
    line("advertised.listeners", &each("@HOST@"));
    line("listener.security.protocol.map", &protocols(wanted));
    for (key, value) in pki::properties::stores(CERTIFICATES_PATH) {
        line(&key, &value);
    }
    for listener in [CONTROLLER_LISTENER, INTERNAL_LISTENER] {
        line(&format!("listener.name.{}.ssl.client.auth", listener.to_ascii_lowercase()), "required");
    }
    for listener in wanted.listeners.iter().filter(|l| l.authentication == Authentication::ScramSha512) {
        let prefix = format!("listener.name.{}", listener.name);
        line(&format!("{prefix}.sasl.enabled.mechanisms"), "SCRAM-SHA-512");
        // who may log in Kafka knows itself: its metadata holds what is derived from passwords (KIP-900)
        let module = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        line(&format!("{prefix}.scram-sha-512.sasl.jaas.config"), module);
    }
    for listener in wanted.listeners.iter().filter(|l| l.authentication == Authentication::Tls) {
        let prefix = format!("listener.name.{}", listener.name);
        line(&format!("{prefix}.ssl.client.auth"), "required");
        line(&format!("{prefix}.ssl.truststore.type"), "PEM");
        line(&format!("{prefix}.ssl.truststore.location"), &format!("{CLIENTS_PATH}/{}", pki::TRUSTED_FILE));
        line(&format!("{prefix}.ssl.principal.mapping.rules"), &certificates::user_mapping(&wanted.owner));
    }
    line("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    line("super.users", &certificates::super_users(&wanted.owner));
    line("log.dirs", DATA);
    for (key, value) in wanted.config.derived.iter().chain(&wanted.config.declared) {
        line(key, value);
    }
    text
}

fn roles(pool: &Pool) -> String {
    [(pool.broker, "broker"), (pool.controller, "controller")]
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, role)| role)
        .collect::<Vec<_>>()
        .join(",")
}

/// Only where a node starts to look: afterwards it knows the voters from the metadata log. So this may change
/// without a restart.
fn controllers(wanted: &Wanted) -> String {
    wanted
        .pools
        .iter()
        .filter(|p| p.controller)
        .flat_map(|pool| pool.ids.clone().map(|id| format!("{}:{CONTROLLER_PORT}", wanted.host(pool, id))))
        .collect::<Vec<_>>()
        .join(",")
}

/// Kafka's name and port of each listener that a node of this pool opens.
pub fn listeners(wanted: &Wanted, pool: &Pool) -> Vec<(String, i32)> {
    let mut listeners = Vec::new();
    if pool.controller {
        listeners.push((CONTROLLER_LISTENER.to_owned(), CONTROLLER_PORT));
    }
    if pool.broker {
        listeners.push((INTERNAL_LISTENER.to_owned(), INTERNAL_PORT));
        listeners.extend(wanted.listeners.iter().map(|l| (l.kafka_name(), l.port)));
    }
    listeners
}

fn protocols(wanted: &Wanted) -> String {
    let own = [CONTROLLER_LISTENER, INTERNAL_LISTENER].map(|name| format!("{name}:SSL"));
    own.into_iter()
        .chain(wanted.listeners.iter().map(|l| format!("{}:{}", l.kafka_name(), l.protocol())))
        .collect::<Vec<_>>()
        .join(",")
}
