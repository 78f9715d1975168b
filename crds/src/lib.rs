//! The API of `sluice.dev/v1alpha1`: what YAML can say. Types only.
//!
//! One file per kind; `canary`, `certificates`, `health`, `listener`, `rebalance` and `rollout` are parts of a KafkaCluster; `common` holds what several kinds share, `schema` mends generated schemas to Kubernetes'
//! taste, `scalar` is a config value as people write it (`2`, `true`, `"7d"`).
//! `all` returns every CRD, ready to be applied.

pub mod canary;
pub mod cdc_pipeline;
pub mod certificates;
pub mod common;
pub mod connect_cluster;
pub mod connector;
pub mod health;
pub mod kafka_cluster;
pub mod listener;
pub mod rebalance;
pub mod rollout;
mod scalar;
mod schema;
pub mod topic;
pub mod user;

pub use cdc_pipeline::{CdcPipeline, CdcPipelineSpec, CdcPipelineStatus};
pub use connect_cluster::{ConnectCluster, ConnectClusterSpec, ConnectClusterStatus};
pub use connector::{Connector, ConnectorSpec, ConnectorStatus};
pub use kafka_cluster::{KafkaCluster, KafkaClusterSpec, KafkaClusterStatus};
pub use scalar::Scalar;
pub use schema::all;
pub use topic::{Topic, TopicSpec, TopicStatus};
pub use user::{User, UserSpec, UserStatus};

/// The API group of every kind.
pub const GROUP: &str = "sluice.dev";
/// The one version there is.
pub const VERSION: &str = "v1alpha1";
