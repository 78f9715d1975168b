//! The way of a `CdcPipeline`, whose databases have something of what it may ask for.

use super::{now, object, refused, told};
use crate::cdc::guard::Memory;
use crate::cdc::tests::world::{World, sink, source};
use crate::cdc::{self, Gauges};

#[test]
fn cdc_pipelines() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let Some(object) = object::<sluice_crds::CdcPipeline>("CdcPipeline", bytes) else { return };
        // what is left to do when it is deleted must be known for a spec that means nothing too
        drop(cdc::leaving(&object));
        let wanted = match cdc::validate(&object) {
            Ok(wanted) => wanted,
            Err(findings) => return refused(&findings),
        };
        let mut world = World::new(source(), sink());
        world.memory = Memory::of(object.status.as_ref());
        world.status = object.status.as_ref().and_then(|status| status.source.clone());
        let plan = world.plan(&wanted);
        let gauges =
            Gauges { sinks: vec![cdc::SinkGauge::default(); wanted.sinks.len()], ..Gauges::default() };
        let mut status = cdc::status(&object, &wanted, &plan, &gauges, now());
        let runs = cdc::verify::kept(&wanted.verify, &status.verification, now());
        let _ = cdc::verify::due(&wanted.verify, &runs, now());
        cdc::verify::tell(&mut status, &wanted.verify, runs, Some(1), now());
        told(&status);
    });
}
