//! Whether a namespace is being deleted, as far as it can be known without the right to read namespaces.

use apiserver_harness::{shared, until};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use sluice::namespace_is_going;

#[tokio::test]
async fn a_namespace_that_is_going_says_so_and_nothing_is_made_by_asking() {
    let server = shared().await;
    let (client, namespace) = (server.client(), server.namespace().await);
    assert!(!namespace_is_going(&client, &namespace).await);
    let events: Api<Event> = Api::namespaced(client.clone(), &namespace);
    assert!(events.list(&ListParams::default()).await.unwrap().items.is_empty());

    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete(&namespace, &DeleteParams::default()).await.unwrap();
    // the admission plugin sees it a moment later
    until("it is known as going", || namespace_is_going(&client, &namespace), |going| *going).await;
}
