use super::ConnectorReason;
use crate::condition::Verdict;
use crate::connect::owner;
use crate::referent::{self, Referent, text};
use crate::view::Sight;
use crate::view::connect::ConnectView;

/// What is known when a Connector object is being deleted.
pub struct TeardownSeen<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub connect_name: &'a str,
    /// Whether a Connect cluster is to be expected at all: the ConnectCluster exists, is not being deleted and wants workers, and its
    /// KafkaCluster exists too. Where not, the object goes at once: should the Connect cluster come back, it finds the connector in its
    /// config topic without an object, and deletes it then.
    pub connect_expected: Referent,
    pub connect: Option<&'a Sight<ConnectView>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Teardown {
    /// Nothing of ours is left: let the object go.
    Release,
    Delete,
    /// Connect does not answer; the object stays until it does.
    Wait(Verdict),
}

/// What is left to do before a deleted object may go.
pub fn teardown(seen: &TeardownSeen<'_>) -> Teardown {
    if seen.connect_expected == Referent::Missing {
        return Teardown::Release;
    }
    let Some(view) = seen.connect.and_then(Sight::current) else {
        let why = seen.connect.and_then(Sight::blind).and_then(|(_, error)| error.map(str::to_owned));
        let why = why.map(|error| format!(" ({error})")).unwrap_or_default();
        if seen.connect_expected == Referent::Unparsable {
            let then = format!("Connector {} cannot be deleted yet", seen.name);
            let message = referent::unparsable("ConnectCluster", seen.connect_name, &then);
            return Teardown::Wait(Verdict::unknown(ConnectorReason::ConnectUnparsable, message));
        }
        return Teardown::Wait(Verdict::unknown(
            ConnectorReason::Deleting,
            format!(
                "ConnectCluster {} does not answer{why}, so connector {} cannot be deleted yet. Sluice keeps trying. Deleting the \
                 ConnectCluster, or setting its spec.replicas to 0, lets this object go too",
                seen.connect_name, seen.name
            ),
        ));
    };
    match view.connectors.get(seen.name) {
        Some(connector) if owner::is_ours(&connector.config, seen.namespace, seen.name) => Teardown::Delete,
        // gone already, or somebody else's
        _ => Teardown::Release,
    }
}

/// What an object that does not parse leaves behind when it goes without its teardown.
pub fn left_behind(raw: &serde_json::Value) -> String {
    let name = text(raw, "/metadata/name").unwrap_or_default();
    let connect = text(raw, "/spec/connectRef/name").map(|name| format!(" in ConnectCluster {name}"));
    format!(
        "Connector {name}{} is deleted once Sluice sees it there without an object; its offsets stay",
        connect.unwrap_or_default()
    )
}
