//! What the workers mount at `/etc/sluice`.

use k8s_openapi::api::core::v1::ConfigMap;

use crate::connect::names::{COMPONENT, whole};
use crate::connect::wanted::Wanted;
use crate::properties;

pub fn build(wanted: &Wanted) -> ConfigMap {
    let data = [
        ("worker.properties", properties::render(&wanted.config)),
        ("start.sh", include_str!("start.sh").to_owned()),
        ("log4j2.properties", include_str!("log4j2.properties").to_owned()),
    ];
    ConfigMap {
        metadata: wanted.owner.child(whole(&wanted.owner.name), COMPONENT),
        data: Some(data.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()),
        ..Default::default()
    }
}
