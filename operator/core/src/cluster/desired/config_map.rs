//! What the pods of a pool mount at `/etc/sluice`.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::api::core::v1::ConfigMap;

use super::{MayFound, Standing, properties};
use crate::cluster::names::{self, CERTIFICATES_PATH, COMPONENT, POOL_LABEL};
use crate::cluster::wanted::{Pool, Wanted};
use crate::pki;

/// Key with the id of the node that may start the quorum.
pub const STANDALONE_KEY: &str = "standalone";
/// Key that says that a quorum was seen: a witness beside `status.bootstrapped`.
pub const BOOTSTRAPPED_KEY: &str = "bootstrapped";

pub fn build(wanted: &Wanted, pool: &Pool, standing: &Standing) -> ConfigMap {
    let mut metadata = wanted.owner.child(names::pool(&wanted.owner.name, &pool.name), COMPONENT);
    metadata.labels.get_or_insert_default().insert(POOL_LABEL.into(), pool.name.clone());
    let text = properties::build(wanted, pool);
    let mut data = standing.revisions.get(&pool.name).cloned().unwrap_or_default();
    data.insert(key(&revision(&text)), text);
    data.insert("start.sh".into(), include_str!("start.sh").into());
    // for Kafka's own tools, run in a node's pod
    data.insert(
        "admin.properties".into(),
        crate::properties::render(&pki::properties::client(CERTIFICATES_PATH)),
    );
    data.insert("log4j2.properties".into(), include_str!("log4j2.properties").into());
    if let MayFound::First(id) | MayFound::OnlyEphemeral(id) = standing.may_found {
        data.insert(STANDALONE_KEY.into(), id.to_string());
    }
    if standing.founded {
        data.insert(BOOTSTRAPPED_KEY.into(), "true".into());
    }
    if standing.zones.values().any(|zone| !zone.is_empty()) {
        data.insert("zones".into(), zones(&standing.zones));
    }
    ConfigMap { metadata, data: Some(data), ..Default::default() }
}

/// The revision of a `server.properties`: pods name the one that they were made for.
pub fn revision(text: &str) -> String {
    crate::cluster::hash::short(text)
}

fn key(revision: &str) -> String {
    format!("server.{revision}.properties")
}

/// The revision that a key of the ConfigMap holds, if it holds one.
pub fn revision_of(key: &str) -> Option<&str> {
    key.strip_prefix("server.")?.strip_suffix(".properties")
}

/// Machines without a zone are in it too: a node that starts on one need not wait for its line.
fn zones(zones: &BTreeMap<String, String>) -> String {
    zones.iter().fold(String::new(), |mut text, (node, zone)| {
        let _ = writeln!(text, "{node}={zone}"); // a String takes everything
        text
    })
}
