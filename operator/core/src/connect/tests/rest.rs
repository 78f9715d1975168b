//! Sentences about what the REST API shows.

use std::collections::BTreeMap;

use sluice_crds::ConnectClusterStatus;

use super::*;
use crate::connect::status;
use crate::view::connect::Plugin;

fn told(world: &World, wanted: &Wanted, plan: &Plan) -> ConnectClusterStatus {
    let rest = world.rest.as_ref();
    status(&spec(&json!({})), Some(wanted), &plan.verdict, &world.pods, rest, Timestamp::UNIX_EPOCH)
}

#[test]
fn foreign_connectors_are_listed_and_left_alone() {
    let wanted = wanted(&json!({}));
    let mut world = World::of(&wanted)
        .connector("made-by-rest", None)
        .connector("copied", Some("shop/orders"))
        .connector("orders", Some("shop/orders"));
    world.connectors.insert("orders".into());
    let plan = world.plan(&wanted);
    assert_eq!(plan.orphans, [] as [&str; 0]);
    let status = told(&world, &wanted, &plan);
    assert_eq!(status.foreign_connectors, ["copied", "made-by-rest"]);
    assert_eq!(status.connectors, Some(3));
}

#[test]
fn a_connector_whose_object_is_gone_is_an_orphan() {
    let wanted = wanted(&json!({}));
    let mut world = World::of(&wanted).connector("orders", Some("shop/orders"));
    assert_eq!(world.plan(&wanted).orphans, ["orders"]);
    world.rest = world.rest.map(|sight| sight.failed(Timestamp::UNIX_EPOCH, "x".into()));
    assert_eq!(world.plan(&wanted).orphans, [] as [&str; 0], "nothing is deleted by an old view");
}

#[test]
fn status_lists_connector_plugins_and_no_others() {
    let wanted = wanted(&json!({}));
    let plugin =
        |class: &str, kind: &str| Plugin { class: class.into(), kind: kind.into(), version: "1".into() };
    let view = ConnectView {
        version: "4.3.1".into(),
        plugins: vec![plugin("a.Sink", "sink"), plugin("a.Json", "converter")],
        ..Default::default()
    };
    let world = World { rest: Some(Sight::Clear(Arc::new(view))), ..World::of(&wanted) };
    let plan = world.plan(&wanted);
    let status = told(&world, &wanted, &plan);
    let classes: Vec<_> = status.plugins.iter().map(|p| p.class.as_str()).collect();
    assert_eq!(classes, ["a.Sink"]);
    assert_eq!(status.summary.unwrap().workers, "2/2");
    assert_eq!(status.version.as_deref(), Some("4.3.1"));
    let selector: BTreeMap<_, _> =
        status.selector.as_deref().unwrap().split(',').filter_map(|p| p.split_once('=')).collect();
    assert_eq!(selector["app.kubernetes.io/name"], "kafka-connect");
}
