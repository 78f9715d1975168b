use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Client;
use kube::api::{Api, PostParams};

use crate::act::apply::deadline;
use crate::context::Context;

/// Whether the namespace is being deleted. Sluice may not read namespaces; but the API server says so to whoever would make something in
/// one, and Sluice may make events. Nothing is made.
pub async fn is_going(client: &Client, namespace: &str) -> bool {
    let regarding = ObjectReference { namespace: Some(namespace.to_owned()), ..Default::default() };
    let event = Event {
        metadata: ObjectMeta { name: Some("sluice.dry-run".into()), ..Default::default() },
        action: Some("Delete".into()),
        reason: Some("DryRun".into()),
        type_: Some("Normal".into()),
        event_time: Some(MicroTime(Context::now())),
        regarding: Some(regarding),
        reporting_controller: Some("sluice.dev/operator".into()),
        reporting_instance: Some("sluice".into()),
        ..Default::default()
    };
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let params = PostParams { dry_run: true, ..Default::default() };
    match deadline("ask whether the namespace is going", api.create(&params, &event)).await {
        Err(error) => error.is_farewell(),
        Ok(_) => false,
    }
}
