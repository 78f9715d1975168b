//! Everything a person wants to see after a failure, as files in one folder.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Event, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::api::LogParams;
use sluice_crds::{CdcPipeline, ConnectCluster, Connector, KafkaCluster, Topic, User};

use super::objects::{Object, Space};
use super::operator::Operator;

pub async fn write(
    folder: &Path,
    spaces: &[&Space],
    operator: Option<&Operator>,
    since: Duration,
) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for space in spaces {
        let folder = if spaces.len() == 1 { folder.to_owned() } else { folder.join(&space.name) };
        std::fs::create_dir_all(&folder)?;
        kind::<KafkaCluster>(&folder, space).await?;
        kind::<Topic>(&folder, space).await?;
        kind::<User>(&folder, space).await?;
        kind::<ConnectCluster>(&folder, space).await?;
        kind::<Connector>(&folder, space).await?;
        kind::<CdcPipeline>(&folder, space).await?;
        kind::<StatefulSet>(&folder, space).await?;
        kind::<Pod>(&folder, space).await?;
        kind::<Service>(&folder, space).await?;
        kind::<ConfigMap>(&folder, space).await?;
        kind::<PersistentVolumeClaim>(&folder, space).await?;
        kind::<PodDisruptionBudget>(&folder, space).await?;
        events(&folder, space).await?;
        logs(&folder, space, since).await?;
    }
    if let Some(operator) = operator {
        std::fs::write(folder.join("operator.log"), operator.logs(since).await)?;
    }
    Ok(())
}

async fn kind<K: Object>(folder: &Path, space: &Space) -> Result<()> {
    // a kind that cannot be listed (no CRD, no right) is part of what happened, not a reason to stop
    let text = match space.list::<K>("").await {
        Ok(objects) if objects.is_empty() => return Ok(()),
        Ok(objects) => yaml(objects)?,
        Err(error) => format!("# {error}\n"),
    };
    std::fs::write(folder.join(format!("{}.yaml", K::plural(&()))), text)?;
    Ok(())
}

fn yaml<K: Object>(objects: Vec<K>) -> Result<String> {
    let mut text = String::new();
    for mut object in objects {
        object.managed_fields_mut().clear();
        text.push_str("---\n");
        text.push_str(&serde_yaml::to_string(&object)?);
    }
    Ok(text)
}

async fn events(folder: &Path, space: &Space) -> Result<()> {
    let mut events = space.list::<Event>("").await.unwrap_or_default();
    events.sort_by_key(|e| e.last_timestamp.clone().map(|t| t.0).or(e.event_time.clone().map(|t| t.0)));
    let lines: Vec<String> = events
        .iter()
        .map(|e| {
            let when = e.last_timestamp.as_ref().map(|t| t.0).or(e.event_time.as_ref().map(|t| t.0));
            format!(
                "{} {} {}/{} {}: {}",
                when.map(|t| t.to_string()).unwrap_or_default(),
                e.type_.as_deref().unwrap_or_default(),
                e.involved_object.kind.as_deref().unwrap_or_default(),
                e.involved_object.name.as_deref().unwrap_or_default(),
                e.reason.as_deref().unwrap_or_default(),
                e.message.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    std::fs::write(folder.join("events.txt"), lines.join("\n"))?;
    Ok(())
}

/// Of every container, its present log and that of the life before.
async fn logs(folder: &Path, space: &Space, since: Duration) -> Result<()> {
    let since = i64::try_from(since.as_secs() + 1).ok();
    for pod in space.list::<Pod>("").await.unwrap_or_default() {
        let containers = pod.spec.iter().flat_map(|spec| {
            spec.init_containers.iter().flatten().chain(&spec.containers).map(|c| c.name.clone())
        });
        for container in containers.collect::<Vec<_>>() {
            for previous in [false, true] {
                let params = LogParams {
                    container: Some(container.clone()),
                    previous,
                    since_seconds: since,
                    tail_lines: Some(5000),
                    ..Default::default()
                };
                let Ok(log) = space.api::<Pod>().logs(&pod.name_any(), &params).await else { continue };
                if !log.is_empty() {
                    let life = if previous { ".previous" } else { "" };
                    std::fs::write(folder.join(format!("{}.{container}{life}.log", pod.name_any())), log)?;
                }
            }
        }
    }
    Ok(())
}
