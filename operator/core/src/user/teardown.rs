use super::UserReason;
use super::plan::Changes;
use crate::condition::Verdict;
use crate::referent::{self, Referent, text};
use crate::view::Sight;
use crate::view::kafka::ClusterView;

#[derive(Clone, Debug, PartialEq)]
pub enum Teardown {
    /// Nothing of the user is left: let the object go.
    Release,
    /// Take this out of Kafka.
    Remove(Changes),
    /// Kafka does not answer; the object stays until it does.
    Wait(Verdict),
}

/// What is left to do before a deleted User may go.
pub fn teardown(name: &str, cluster: (&str, Referent), kafka: Option<&Sight<ClusterView>>) -> Teardown {
    match cluster.1 {
        Referent::There => {}
        // nobody logs in to what is gone
        Referent::Missing => return Teardown::Release,
        Referent::Unparsable => {
            let then = format!("User {name} cannot be taken out of Kafka yet");
            let message = referent::unparsable("KafkaCluster", cluster.0, &then);
            return Teardown::Wait(Verdict::unknown(UserReason::ClusterUnparsable, message));
        }
    }
    if kafka.and_then(Sight::current).is_none() {
        let why = kafka.and_then(Sight::blind).and_then(|(_, error)| error.map(str::to_owned));
        let why = why.map(|error| format!(" ({error})")).unwrap_or_default();
        return Teardown::Wait(Verdict::unknown(
            UserReason::Deleting,
            format!("Kafka does not answer{why}, so {name} can still log in. Sluice keeps trying"),
        ));
    }
    Teardown::Remove(Changes::removal())
}

/// What an object that does not parse leaves behind when it goes without its teardown.
pub fn left_behind(raw: &serde_json::Value) -> String {
    let name = text(raw, "/metadata/name").unwrap_or("of this object");
    format!("User {name} can still log in to Kafka, and keeps its ACLs and quotas there")
}
