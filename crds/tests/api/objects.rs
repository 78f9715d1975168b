//! The smallest objects that the server takes, and how tests add to them.

use serde_json::{Value, json};

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "sluice.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })
}

pub fn cluster(name: &str) -> Value {
    object("KafkaCluster", name, json!({ "pools": [{ "name": "main", "replicas": 3 }] }))
}

pub fn topic(name: &str) -> Value {
    object("Topic", name, json!({ "clusterRef": { "name": "main" } }))
}

pub fn user(name: &str) -> Value {
    object("User", name, json!({ "clusterRef": { "name": "main" } }))
}

pub fn connect(name: &str) -> Value {
    object("ConnectCluster", name, json!({ "clusterRef": { "name": "main" } }))
}

pub fn connector(name: &str) -> Value {
    object("Connector", name, json!({ "connectRef": { "name": "main" }, "class": "org.example.Sink" }))
}

/// Of a source or a sink.
pub fn postgres() -> Value {
    json!({ "host": "db", "database": "shop", "user": "u", "password": { "name": "db", "key": "password" } })
}

pub fn pipeline(name: &str) -> Value {
    let spec = json!({
        "connectRef": { "name": "main" },
        "source": { "postgres": postgres() },
        "tables": ["public.orders"],
    });
    object("CdcPipeline", name, spec)
}

pub fn sink(name: &str) -> Value {
    json!({ "name": name, "postgres": postgres() })
}

/// One of each kind.
pub fn one_of_each(name: &str) -> [Value; 6] {
    [cluster(name), topic(name), user(name), connect(name), connector(name), pipeline(name)]
}

/// `object` with this merged into its spec: objects merge, lists are replaced.
pub fn with(mut object: Value, spec: &Value) -> Value {
    json_patch::merge(&mut object["spec"], spec);
    object
}

/// A pool of a KafkaCluster.
pub fn pool(name: &str, first: i32, replicas: i32, roles: &[&str]) -> Value {
    json!({ "name": name, "replicas": replicas, "firstNodeId": first, "roles": roles })
}

pub fn pools(name: &str, pools: &[Value]) -> Value {
    with(cluster(name), &json!({ "pools": pools }))
}
