use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{NAMESPACE, ROLE, SINK, SOURCE};
use crate::cli::examples::File;

/// A database server of the example.
struct Server {
    name: &'static str,
    database: &'static str,
    /// What runs once, when the volume is empty.
    init: &'static str,
    /// Of the server process.
    options: &'static [&'static str],
}

const SERVERS: [Server; 2] = [
    Server {
        name: SOURCE,
        database: "shop",
        init: include_str!("source.sh"),
        // logical decoding, without which there is nothing to capture
        options: &["-c", "wal_level=logical"],
    },
    Server { name: SINK, database: "warehouse", init: include_str!("sink.sh"), options: &[] },
];

pub fn write(mut file: File) -> anyhow::Result<File> {
    for server in &SERVERS {
        file = object::<Secret>(file, secret(server, "admin", "postgres"))?;
        file = object::<Secret>(file, secret(server, ROLE, ROLE))?;
        file = object::<ConfigMap>(file, init(server))?;
        file = object::<Service>(file, service(server))?;
        file = object::<StatefulSet>(file, stateful_set(server))?;
    }
    Ok(file)
}

/// Goes through the typed object, so that a misspelt field does not reach the example.
fn object<K: Serialize + DeserializeOwned>(file: File, written: Value) -> anyhow::Result<File> {
    let typed: K = serde_json::from_value(written.clone())?;
    debug_assert_eq!(serde_json::to_value(&typed).ok(), Some(written));
    file.theirs(&typed)
}

fn head(kind: &str, group: &str, name: &str) -> Value {
    json!({ "apiVersion": group, "kind": kind, "metadata": { "name": name, "namespace": NAMESPACE } })
}

fn with(mut head: Value, key: &str, value: Value) -> Value {
    head[key] = value;
    head
}

fn secret(server: &Server, owner: &str, user: &str) -> Value {
    let head = head("Secret", "v1", &format!("{}-{owner}", server.name));
    let head = with(head, "type", json!("kubernetes.io/basic-auth"));
    with(head, "stringData", json!({ "username": user, "password": format!("{user}-of-the-example") }))
}

fn init(server: &Server) -> Value {
    with(head("ConfigMap", "v1", &format!("{}-init", server.name)), "data", json!({ "init.sh": server.init }))
}

fn service(server: &Server) -> Value {
    let spec = json!({
        "selector": labels(server),
        "ports": [{ "name": "postgres", "port": 5432 }],
    });
    with(head("Service", "v1", server.name), "spec", spec)
}

fn labels(server: &Server) -> Value {
    json!({ "app": server.name })
}

fn password(server: &Server, variable: &str, owner: &str) -> Value {
    let reference = json!({ "name": format!("{}-{owner}", server.name), "key": "password" });
    json!({ "name": variable, "valueFrom": { "secretKeyRef": reference } })
}

fn stateful_set(server: &Server) -> Value {
    let args = [&["postgres"], server.options].concat();
    let container = json!({
        "name": "postgres",
        "image": "postgres:15",
        "args": args,
        "env": [
            { "name": "POSTGRES_DB", "value": server.database },
            password(server, "POSTGRES_PASSWORD", "admin"),
            password(server, "SLUICE_PASSWORD", ROLE),
            // below the mount: a new volume's own folder holds `lost+found`
            { "name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata" },
        ],
        "ports": [{ "name": "postgres", "containerPort": 5432 }],
        // by address: while the init script runs, the server listens on its socket only
        "readinessProbe": {
            "exec": { "command": ["pg_isready", "-h", "127.0.0.1", "-U", "postgres", "-d", server.database] },
            "periodSeconds": 2,
        },
        "resources": { "requests": { "cpu": "50m", "memory": "128Mi" }, "limits": { "memory": "512Mi" } },
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
        "volumeMounts": [
            { "name": "data", "mountPath": "/var/lib/postgresql/data" },
            { "name": "init", "mountPath": "/docker-entrypoint-initdb.d" },
        ],
    });
    // 999 is `postgres` in the image
    let security = json!({
        "runAsNonRoot": true, "runAsUser": 999, "runAsGroup": 999, "fsGroup": 999,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    let pod = json!({
        "automountServiceAccountToken": false,
        "securityContext": security,
        "containers": [container],
        "volumes": [{ "name": "init", "configMap": { "name": format!("{}-init", server.name) } }],
    });
    let claim = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    let spec = json!({
        "serviceName": server.name,
        "replicas": 1,
        "selector": { "matchLabels": labels(server) },
        "template": { "metadata": { "labels": labels(server) }, "spec": pod },
        "volumeClaimTemplates": [claim],
    });
    with(head("StatefulSet", "apps/v1", server.name), "spec", spec)
}
