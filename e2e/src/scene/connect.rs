//! Small Connect clusters.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sluice_crds::ConnectCluster;

use super::{Place, kafka};
use crate::wait::seconds;

/// A worker scans its plugins for some ten seconds before it answers.
const UP: Duration = seconds(180);

pub struct Connect {
    pub name: String,
    /// Of the REST API.
    pub url: String,
}

pub fn spec(cluster: &str) -> Value {
    json!({
        "clusterRef": {"name": cluster},
        "replicas": 1,
        "jvm": {"heap": "384Mi", "options": kafka::FLAGS},
        // results are looked at seconds after the change that caused them
        "config": {"offset.flush.interval.ms": 1000},
    })
}

pub async fn bring_up(place: &Place, name: &str, spec: Value) -> Result<Connect> {
    place.apply::<ConnectCluster>(name, spec).await?;
    let connect = place.ready::<ConnectCluster>(name, UP).await?;
    let url = connect.status.and_then(|status| status.url).context("status has no url")?;
    Ok(Connect { name: name.into(), url })
}
