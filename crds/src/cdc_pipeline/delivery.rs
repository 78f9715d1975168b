use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often a change arrives, as it was seen of the connectors that run. What could not be seen is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DeliveryStatus {
    /// From the source to the topics: `ExactlyOnce` where every Connect worker says that it has `exactly.once.source.support` and
    /// that the source's connector can, else `AtLeastOnce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Delivery>,
    /// From the topics to each sink.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sinks: Vec<SinkDelivery>,
    /// What that means for readers of the topics, and for the sinks.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// How often a change arrives in a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SinkDelivery {
    /// Name of the sink.
    pub name: String,
    /// `AtLeastOnceByKey`: repeated records change nothing, for rows are written by upsert on their key. `AtLeastOnce`: they may.
    pub delivery: Delivery,
}

/// `AtLeastOnce`, `AtLeastOnceByKey` or `ExactlyOnce`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Delivery {
    #[default]
    AtLeastOnce,
    AtLeastOnceByKey,
    ExactlyOnce,
}
