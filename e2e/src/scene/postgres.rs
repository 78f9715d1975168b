//! PostgreSQL as a database owner would run it: not Sluice's.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use serde_json::{Value, json};

use super::{Agent, Place};
use crate::kubernetes::operator::is_ready;
use crate::wait::{said, seconds};

const IMAGE: &str = "docker.io/library/postgres:15";
const UP: Duration = seconds(90);
/// The superuser's; these databases live for minutes and hold made-up rows.
pub const PASSWORD: &str = "only-for-tests";

pub struct Postgres {
    pub name: String,
    pub host: String,
}

pub struct Options {
    /// On the command line, where `ALTER SYSTEM` cannot change it; PostgreSQL's own default is `replica`.
    pub wal_level: Option<&'static str>,
    /// Keeps its data when its pod goes.
    pub persistent: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { wal_level: Some("logical"), persistent: false }
    }
}

impl Postgres {
    /// The server that `bring_up` made here under this name.
    pub fn in_place(place: &Place, name: &str) -> Self {
        Self { name: name.into(), host: format!("{name}.{}.svc.cluster.local", place.space.name) }
    }

    pub fn dsn(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@{}/{database}", self.host)
    }

    /// A new database, and a Secret `<database>-password` of the superuser beside it.
    pub async fn database(&self, place: &Place, agent: &Agent, name: &str) -> Result<String> {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        agent.sql(&self.dsn("postgres"), &[&drop, &format!("CREATE DATABASE {name}")]).await?;
        secret(place, &format!("{}-password", name.replace('_', "-")), PASSWORD).await?;
        Ok(self.dsn(name))
    }

    /// `spec.source.postgres` or `spec.sinks[].postgres` for a database of this server.
    pub fn connection(&self, database: &str, user: &str, secret: &str) -> Value {
        json!({
            "host": self.host, "database": database, "user": user,
            "password": {"name": secret, "key": "password"},
        })
    }

    pub async fn scale(&self, place: &Place, replicas: i32) -> Result<()> {
        place.merge::<StatefulSet>(&self.name, json!({"spec": {"replicas": replicas}})).await?;
        if replicas > 0 {
            self.up(place).await
        } else {
            place.gone::<Pod>(&format!("{}-0", self.name), UP).await
        }
    }

    pub async fn up(&self, place: &Place) -> Result<()> {
        let pod = format!("{}-0", self.name);
        place
            .eventually(&format!("PostgreSQL {}", self.name), UP, async || {
                let pod: Pod = place.space.get(&pod).await.map_err(said)?;
                is_ready(&pod).then_some(()).ok_or_else(|| "not ready".into())
            })
            .await
    }
}

pub async fn secret(place: &Place, name: &str, password: &str) -> Result<Secret> {
    place.apply_object(name, json!({"stringData": {"password": password}})).await
}

pub async fn bring_up(place: &Place, name: &str, options: Options) -> Result<Postgres> {
    let labels = json!({"e2e/postgres": name});
    place
        .apply::<Service>(
            name,
            json!({"selector": labels, "ports": [{"port": 5432}], "publishNotReadyAddresses": true}),
        )
        .await?;
    // without fsync: these machines are slow to sync, and no case cuts the power under a database
    let settings = ["fsync=off".into(), "max_wal_senders=20".into(), "max_replication_slots=20".into()];
    let wal_level = options.wal_level.map(|level| format!("wal_level={level}"));
    let arguments = settings.into_iter().chain(wal_level).flat_map(|setting| ["-c".into(), setting]);
    let arguments: Vec<String> = std::iter::once("postgres".into()).chain(arguments).collect();
    let mut spec = json!({
        "serviceName": name, "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 10, "containers": [{
                "name": "postgres", "image": IMAGE, "imagePullPolicy": "IfNotPresent",
                "args": arguments,
                "env": [{"name": "POSTGRES_PASSWORD", "value": PASSWORD},
                        {"name": "PGDATA", "value": "/var/lib/postgresql/data/pg"}],
                "readinessProbe": {
                    "exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", "postgres"]},
                    "periodSeconds": 1, "timeoutSeconds": 5,
                },
                "volumeMounts": [{"name": "data", "mountPath": "/var/lib/postgresql/data"}],
            }]},
        },
    });
    if options.persistent {
        spec["volumeClaimTemplates"] = json!([{
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }]);
        spec["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Delete"});
    } else {
        spec["template"]["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
    }
    place.apply::<StatefulSet>(name, spec).await?;
    let postgres = Postgres::in_place(place, name);
    postgres.up(place).await?;
    Ok(postgres)
}
