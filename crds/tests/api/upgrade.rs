//! Objects that were stored under another schema, and what is left of them.
//!
//! The only file that changes a CRD. It loosens fields of CdcPipeline that no other test refuses.
//!
//! The server forgives what a write does not touch, with two exceptions (seen with 1.34) that a later release must mind: a
//! rule at the root of the object is judged at every write, also of status and finalizers, and a rule with `oldSelf` fails
//! where it reads a field that the stored object lacks.

use apiserver_harness::until;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ListParams};
use kube::core::DeserializeGuard;
use kube::{CustomResourceExt, ResourceExt};
use serde_json::{Value, json};
use sluice_crds::{CdcPipeline, all};

use crate::objects::{pipeline, with};
use crate::session::Session;

fn present() -> CustomResourceDefinition {
    all().into_iter().find(|crd| crd.name_any() == CdcPipeline::crd_name()).unwrap()
}

/// As an older or newer release might have had it: `paused` of any type, no host required.
fn loosened() -> CustomResourceDefinition {
    let mut crd = serde_json::to_value(present()).unwrap();
    let spec = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["properties"]["paused"] = json!({ "x-kubernetes-preserve-unknown-fields": true });
    spec["properties"]["source"]["properties"]["postgres"]["required"] =
        json!(["database", "user", "password"]);
    serde_json::from_value(crd).unwrap()
}

/// Installs `crd` and waits until the server judges by it.
async fn judged_by(session: &Session, crd: CustomResourceDefinition, probe: &Value, accepts: bool) {
    session.server.install(&[crd]).await;
    let dry = format!("{}?dryRun=All", session.place("CdcPipeline"));
    let look = || async {
        session.send(http::Method::POST, &dry, "application/json", probe).await.map_err(|no| no.message)
    };
    let _ = until("the server judges by the new schema", look, |answer| answer.is_ok() == accepts).await;
}

async fn read(session: &Session) -> Vec<DeserializeGuard<CdcPipeline>> {
    let api: Api<DeserializeGuard<CdcPipeline>> = Api::namespaced(session.client.clone(), &session.namespace);
    api.list(&ListParams::default()).await.expect("the list is read, whatever is in it").items
}

#[tokio::test]
async fn what_does_not_parse_stands_alone() {
    let session = Session::start().await;
    let good = pipeline("good");
    let wrong = with(pipeline("wrong"), &json!({ "paused": "yes" }));
    let mut missing = pipeline("missing");
    missing["spec"]["source"]["postgres"].as_object_mut().unwrap().remove("host");

    judged_by(&session, loosened(), &missing, true).await;
    for object in [&good, &wrong, &missing] {
        session.created(object).await;
    }
    judged_by(&session, present(), &missing, false).await;

    // a typed client that insists would see none of them
    let insists: Api<CdcPipeline> = Api::namespaced(session.client.clone(), &session.namespace);
    assert!(insists.list(&ListParams::default()).await.is_err());
    let seen = read(&session).await;
    let said = |name: &str| {
        let object = seen.iter().find(|object| object.name_any() == name).unwrap();
        object.0.as_ref().err().map(|invalid| invalid.error.clone())
    };
    assert_eq!(said("good"), None);
    let wrong_said = said("wrong").unwrap();
    assert!(wrong_said.contains("Expected a boolean"), "{wrong_said}");
    let missing_said = said("missing").unwrap();
    assert!(missing_said.contains("Missing field host"), "{missing_said}");

    for object in [&wrong, &missing] {
        // what it is has not changed, so the server lets us tell about it, and let it go
        let told = json!({ "observedGeneration": 1, "conditions": [] });
        session.write_status(object, told).await.unwrap();
        session.edit(object, json!({ "metadata": { "finalizers": ["sluice.dev/test"] } })).await.unwrap();
        session.edit(object, json!({ "metadata": { "finalizers": null } })).await.unwrap();
    }
    // the owner mends it
    session.edit(&wrong, json!({ "spec": { "paused": true } })).await.unwrap();
    session.edit(&missing, json!({ "spec": { "source": { "postgres": { "host": "db" } } } })).await.unwrap();
    assert!(read(&session).await.iter().all(|object| object.0.is_ok()));
}
