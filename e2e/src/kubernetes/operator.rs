//! Sluice itself, as its Deployment.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, LogParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::objects::Space;
use crate::ui::Task;
use crate::wait::{eventually, said, seconds};

/// Helm's label of everything in the chart `sluice`.
pub const SELECTOR: &str = "app.kubernetes.io/name=sluice";

/// The variable that its feature `fault-points` reads.
const POINTS: &str = "SLUICE_FAULT_POINTS";

pub struct Operator {
    pub space: Space,
    pub deployment: String,
}

impl Operator {
    /// The one that is installed on this cluster.
    pub async fn find(client: &Client) -> Result<Self> {
        let all: Api<Deployment> = Api::all(client.clone());
        let found = all.list(&ListParams::default().labels(SELECTOR)).await?.items.into_iter().next();
        let found = found.context("Sluice is not installed on this cluster: `e2e install`")?;
        let namespace = found.namespace().unwrap_or_default();
        Ok(Self { space: Space::new(client.clone(), namespace), deployment: found.name_any() })
    }

    pub async fn pods(&self) -> Result<Vec<Pod>, kube::Error> {
        let mut pods = self.space.list::<Pod>(SELECTOR).await?;
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        Ok(pods)
    }

    pub async fn scale(&self, task: &Task, replicas: i32) -> Result<()> {
        self.space.merge::<Deployment>(&self.deployment, json!({"spec": {"replicas": replicas}})).await?;
        self.settled(task, replicas).await
    }

    /// Has it end at these moments, each once (feature `fault-points`), and waits for the pod that does.
    pub async fn end_at(&self, task: &Task, points: &[String]) -> Result<()> {
        let wanted = (!points.is_empty()).then(|| points.join(","));
        self.set_points(wanted.as_deref()).await?;
        let has = |pod: &Pod| {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let mut env = containers.flat_map(|container| container.env.iter().flatten());
            env.find(|var| var.name == POINTS).and_then(|var| var.value.clone()) == wanted
        };
        eventually(task, &format!("an operator pod that ends at {points:?}"), seconds(90), async || {
            let pods = self.space.list::<Pod>(SELECTOR).await.map_err(said)?;
            let fresh = pods.iter().filter(|pod| has(pod) && is_ready(pod)).count();
            let exact = pods.len() == 1 && fresh == 1;
            exact.then_some(()).ok_or_else(|| format!("{} pods, {fresh} that do", pods.len()))
        })
        .await
    }

    /// In its Deployment. A run that was cut off may have left some there.
    pub async fn set_points(&self, points: Option<&str>) -> Result<()> {
        let entry = match points {
            Some(points) => json!({"name": POINTS, "value": points}),
            None => json!({"name": POINTS, "$patch": "delete"}),
        };
        let container = json!({"name": "sluice", "env": [entry]});
        let patch = Patch::Strategic(json!({"spec": {"template": {"spec": {"containers": [container]}}}}));
        let api = self.space.api::<Deployment>();
        api.patch(&self.deployment, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Until as many pods as wanted run, and no other.
    pub async fn settled(&self, task: &Task, replicas: i32) -> Result<()> {
        eventually(task, &format!("{replicas} operator pods"), seconds(60), async || {
            let pods = self.space.list::<Pod>(SELECTOR).await.map_err(said)?;
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            let wanted = usize::try_from(replicas).unwrap_or_default();
            let exact = pods.len() == wanted && ready == wanted;
            exact.then_some(()).ok_or_else(|| format!("{} pods, {ready} ready", pods.len()))
        })
        .await
    }

    /// As a power cut: no grace, no farewell, the lease stays taken.
    pub async fn kill(&self) -> Result<()> {
        for pod in self.pods().await? {
            self.space.kill::<Pod>(&pod.name_any()).await?;
        }
        Ok(())
    }

    /// Restarts of containers, and which pods: equal before and after means that nothing crashed.
    pub async fn lives(&self) -> Result<Vec<(String, i32)>, kube::Error> {
        let pods = self.pods().await?;
        let restarts = |pod: &Pod| {
            let status = pod.status.as_ref()?.container_statuses.as_ref()?;
            Some(status.iter().map(|c| c.restart_count).sum())
        };
        let mut lives: Vec<_> = pods
            .iter()
            .map(|pod| (pod.uid().unwrap_or_default(), restarts(pod).unwrap_or_default()))
            .collect();
        lives.sort();
        Ok(lives)
    }

    /// Logs of all its pods, also of a container that crashed before.
    pub async fn logs(&self, since: Duration) -> String {
        let mut text = String::new();
        let since = i64::try_from(since.as_secs() + 1).ok();
        for pod in self.pods().await.unwrap_or_default() {
            for previous in [true, false] {
                let params = LogParams { previous, since_seconds: since, ..Default::default() };
                if let Ok(log) = self.space.api::<Pod>().logs(&pod.name_any(), &params).await {
                    let life = if previous { " (previous)" } else { "" };
                    let _ = writeln!(text, "== {}{life}\n{log}", pod.name_any());
                }
            }
        }
        text
    }
}

pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}
