//! Removes what the demo made: first what Sluice has to clean up, then Sluice.

use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use sluice_crds::{CdcPipeline, ConnectCluster, KafkaCluster};

use super::shop::NAMESPACE;
use crate::install::{self, command, tool};
use crate::kubernetes::objects::{Space, background, gone_is_fine};
use crate::scene::Place;
use crate::ui::Ui;
use crate::wait::seconds;

pub async fn remove(ui: &Arc<Ui>, client: &Client) -> Result<()> {
    let place = Place::new(Space::new(client.clone(), NAMESPACE), ui.begin("demo"));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    if namespaces.get_opt(NAMESPACE).await?.is_some() {
        let has_kinds = !crds(client).await?.is_empty();
        if has_kinds {
            // while Sluice still runs: slot and publication go with the pipeline, as its policy says
            place.remove::<CdcPipeline>("shop", seconds(60)).await?;
            place.remove::<ConnectCluster>("connect", seconds(60)).await?;
            place.remove::<KafkaCluster>("kafka", seconds(60)).await?;
        }
        place.remove_space().await?;
        ui.say("✓ namespace shop is gone");
    }
    let others = others(client).await?;
    if others > 0 {
        ui.say(format!(
            "{others} objects of Sluice's kinds are elsewhere on this cluster: Sluice stays installed"
        ));
        return Ok(());
    }
    let helm = |args: &[&str]| {
        let mut helm = Command::new(tool("helm"));
        helm.args(["uninstall", "--ignore-not-found", "--wait", "--namespace", install::NAMESPACE])
            .args(args);
        helm
    };
    command(&mut helm(&[install::RELEASE])).await?;
    command(&mut helm(&["sluice-crds"])).await?;
    for crd in crds(client).await? {
        Api::<CustomResourceDefinition>::all(client.clone()).delete(&crd.name_any(), &background()).await?;
    }
    gone_is_fine(namespaces.delete(install::NAMESPACE, &background()).await.map(drop))?;
    ui.say("✓ Sluice and its kinds are uninstalled");
    Ok(())
}

async fn crds(client: &Client) -> Result<Vec<CustomResourceDefinition>> {
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut crds = all.list(&ListParams::default()).await?.items;
    crds.retain(|crd| crd.spec.group == sluice_crds::GROUP);
    Ok(crds)
}

/// Objects of Sluice's kinds that are left on the cluster.
async fn others(client: &Client) -> Result<usize> {
    let mut count = 0;
    for crd in crds(client).await? {
        let gvk = GroupVersionKind::gvk(sluice_crds::GROUP, sluice_crds::VERSION, &crd.spec.names.kind);
        let kind = kube::api::ApiResource::from_gvk_with_plural(&gvk, &crd.spec.names.plural);
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
        count += api.list_metadata(&ListParams::default()).await?.items.len();
    }
    Ok(count)
}
