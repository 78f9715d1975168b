//! Whose a connector is.
//!
//! It stands in the connector's own configuration: there it is written in the same moment as the connector, and it is still there when
//! status is lost, or when a Connect cluster that was deleted comes back and finds its connectors in the config topic. Connect and
//! its plugins leave keys alone that they do not know.

use std::collections::BTreeMap;

/// Key in a connector's configuration: `<namespace>/<name>` of the Connector that made it.
pub const KEY: &str = "sluice.owner";

pub fn value(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// Whether the connector `name` with this configuration was made for the Connector of that name. One that somebody copied from
/// another, mark and all, was not.
pub fn is_ours(config: &BTreeMap<String, String>, namespace: &str, name: &str) -> bool {
    config.get(KEY).is_some_and(|owner| *owner == value(namespace, name))
}
