//! Objects that were stored under another schema: their status says so, and names the field.

use apiserver_harness::{ApiServer, until};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::DeserializeGuard;
use kube::{CustomResourceExt, ResourceExt};
use serde_json::{Value, json};
use sluice::{Farewell, Metrics, let_go, tell_unparsable};
use sluice_core::connector::{self, ConnectorReason};
use sluice_crds::Connector;

use crate::{SCHEMA, with_crds};

/// The CRD of Connector, or as another release might have had it: `paused` of any type.
fn crd(loosened: bool) -> CustomResourceDefinition {
    let all = sluice_crds::all();
    let crd = all.into_iter().find(|crd| crd.name_any() == Connector::crd_name()).unwrap();
    let mut crd = serde_json::to_value(crd).unwrap();
    if loosened {
        let spec = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        spec["properties"]["paused"] = json!({ "x-kubernetes-preserve-unknown-fields": true });
    }
    serde_json::from_value(crd).unwrap()
}

fn ready(object: &DynamicObject) -> Value {
    object.data["status"]["conditions"][0].clone()
}

/// Stores a Connector whose `paused` is no boolean.
async fn store(server: &ApiServer, raw: &Api<DynamicObject>, metadata: Value) {
    let _alone = SCHEMA.lock().await;
    let body = json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "Connector", "metadata": metadata,
        "spec": { "connectRef": { "name": "main" }, "class": "org.example.Sink", "paused": "yes" },
    });
    server.install(&[crd(true)]).await;
    let body: DynamicObject = serde_json::from_value(body).unwrap();
    let create = || async { raw.create(&PostParams::default(), &body).await.map_err(|no| no.to_string()) };
    // the server takes a moment to judge by a schema that has just changed
    let _ = until("the object is taken", create, Result::is_ok).await;
    server.install(&[crd(false)]).await;
}

#[tokio::test]
async fn an_object_that_does_not_parse_says_so_and_where() {
    let server = with_crds().await;
    let (client, namespace, metrics) = (server.client(), server.namespace().await, Metrics::default());
    let raw: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &namespace, &ApiResource::erase::<Connector>(&()));
    store(server, &raw, json!({ "name": "orders" })).await;
    let guarded: Api<DeserializeGuard<Connector>> = Api::namespaced(client.clone(), &namespace);
    let tell = || async {
        let object = guarded.get("orders").await.unwrap();
        let error = object.0.as_ref().unwrap_err().error.clone();
        tell_unparsable(&client, &metrics, &object, &error, ConnectorReason::Unparsable).await.unwrap();
        raw.get("orders").await.unwrap()
    };
    let told = tell().await;
    assert_eq!(ready(&told)["status"], "False");
    assert_eq!(ready(&told)["reason"], "Unparsable");
    let message = ready(&told)["message"].as_str().unwrap().to_owned();
    let what = r#"does not parse: spec.paused: invalid type: string "yes", expected a boolean. It was"#;
    assert!(message.contains(what), "{message}");
    // once is enough
    assert_eq!(tell().await.resource_version(), told.resource_version());
}

#[tokio::test]
async fn an_object_that_does_not_parse_can_be_deleted_and_says_what_stays() {
    let server = with_crds().await;
    let (client, namespace, metrics) = (server.client(), server.namespace().await, Metrics::default());
    let raw: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &namespace, &ApiResource::erase::<Connector>(&()));
    let finalizers = [connector::FINALIZER, "example.com/other"];
    store(server, &raw, json!({ "name": "orders", "finalizers": finalizers })).await;
    raw.delete("orders", &DeleteParams::default()).await.unwrap();

    let guarded: Api<DeserializeGuard<Connector>> = Api::namespaced(client.clone(), &namespace);
    let object = guarded.get("orders").await.unwrap();
    let farewell = Farewell { finalizer: connector::FINALIZER, left: connector::left_behind };
    let_go(&client, &metrics, &object, &farewell).await.unwrap();
    let left = raw.get("orders").await.unwrap();
    assert_eq!(left.finalizers(), ["example.com/other"], "others keep their say");
    // once is enough
    let_go(&client, &metrics, &object, &farewell).await.unwrap();
    let events: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let told = events.list(&ListParams::default()).await.unwrap().items;
    let notes: Vec<_> = told.iter().filter_map(|event| event.note.as_deref()).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("Connector orders in ConnectCluster main"), "{notes:?}");
    assert_eq!((told[0].reason.as_deref(), told[0].type_.as_deref()), (Some("LeftBehind"), Some("Warning")));
}
