//! Whose slot it is. A slot has no owner in PostgreSQL, and its name is the server's, not the database's.

use jiff::Timestamp;
use sluice_crds::CdcPipeline;

use super::names;

/// A pipeline's claim to a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub namespace: String,
    pub name: String,
    host: String,
    port: i32,
    slot: String,
    /// It has read from the slot.
    started: bool,
    created: Option<Timestamp>,
}

impl Claim {
    /// `None`: the object has no name yet.
    pub fn of(pipeline: &CdcPipeline) -> Option<Self> {
        let (namespace, name) = (pipeline.metadata.namespace.clone()?, pipeline.metadata.name.clone()?);
        let postgres = &pipeline.spec.source.postgres;
        let host = host(&namespace, &postgres.connection.host).to_ascii_lowercase();
        Some(Self {
            host: host.trim_end_matches('.').trim_end_matches(".cluster.local").to_owned(),
            port: postgres.connection.port,
            slot: slot(pipeline, &namespace, &name),
            started: started(pipeline),
            created: pipeline.metadata.creation_timestamp.as_ref().map(|time| time.0),
            namespace,
            name,
        })
    }

    /// Who reads a slot already comes first, then who is older.
    fn rank(&self) -> (bool, Option<Timestamp>, &str, &str) {
        (!self.started, self.created, &self.namespace, &self.name)
    }

    /// Whether `other` claims the same slot, and was first.
    fn yields_to(&self, other: &Self) -> bool {
        let place = |claim: &Self| (claim.host.clone(), claim.port, claim.slot.clone());
        place(self) == place(other) && other.rank() < self.rank()
    }
}

/// The pipeline, among the others, that has claimed the slot first.
pub fn claimed_by(own: &Claim, others: impl IntoIterator<Item = Claim>) -> Option<Claim> {
    others.into_iter().filter(|other| own.yields_to(other)).min_by(|a, b| a.rank().cmp(&b.rank()))
}

/// The slot's name: as the spec says, else as it was made, however names are made today.
pub(super) fn slot(pipeline: &CdcPipeline, namespace: &str, name: &str) -> String {
    let declared = pipeline.spec.source.postgres.slot_name.clone();
    let made = pipeline.status.as_ref().and_then(|status| status.source.as_ref());
    let made = made.map(|source| source.slot.clone()).filter(|slot| !slot.is_empty());
    declared.or(made).unwrap_or_else(|| names::slot(namespace, name))
}

/// Status says that the source connector was started.
pub fn started(pipeline: &CdcPipeline) -> bool {
    let source = pipeline.status.as_ref().and_then(|status| status.source.as_ref());
    source.is_some_and(|source| source.started || source.snapshot_completed)
}

/// A database's host as the Connect workers understand it. They run in the pipeline's namespace, Sluice in its own: a name
/// without a dot is a Service beside the workers.
pub fn host(namespace: &str, host: &str) -> String {
    let plain = !host.contains(['.', ':']) && host != "localhost";
    if plain { format!("{host}.{namespace}.svc") } else { host.to_owned() }
}

/// Whether the host is a Service of this namespace.
pub(super) fn lives_in(namespace: &str, name: &str) -> bool {
    let name = host(namespace, name);
    let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
    match labels.as_slice() {
        // `service.namespace`, `service.namespace.svc…`, `pod.service.namespace.svc…`
        [_, of] | [_, of, "svc", ..] | [_, _, of, "svc", ..] => *of == namespace,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdc::tests::world;

    fn claim(namespace: &str, name: &str, change: impl FnOnce(&mut CdcPipeline)) -> Claim {
        let mut pipeline = world::pipeline(&world::spec());
        pipeline.metadata.namespace = Some(namespace.into());
        pipeline.metadata.name = Some(name.into());
        pipeline.spec.source.postgres.slot_name = Some("shop".into());
        pipeline.spec.source.postgres.connection.host = "db.prod".into();
        change(&mut pipeline);
        Claim::of(&pipeline).unwrap()
    }

    fn reads(pipeline: &mut CdcPipeline) {
        let status = pipeline.status.get_or_insert_default();
        status.source.get_or_insert_default().started = true;
    }

    #[test]
    fn a_slot_belongs_to_who_reads_it_and_else_to_who_came_first() {
        let at = |second: i64| {
            move |pipeline: &mut CdcPipeline| {
                let time = Timestamp::from_second(second).unwrap();
                pipeline.metadata.creation_timestamp =
                    Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time));
            }
        };
        let (old, young) = (claim("a", "p", at(1)), claim("b", "q", at(2)));
        assert_eq!(claimed_by(&young, [old.clone()]), Some(old.clone()));
        assert_eq!(claimed_by(&old, [young.clone()]), None);
        let reading = claim("b", "q", |pipeline| {
            at(2)(pipeline);
            reads(pipeline);
        });
        assert_eq!(claimed_by(&old, [reading.clone()]), Some(reading.clone()));
        assert_eq!(claimed_by(&reading, [old]), None);
    }

    #[test]
    fn the_same_name_on_another_server_is_another_slot() {
        let own = claim("b", "q", |_| {});
        let elsewhere = claim("a", "p", |p| p.spec.source.postgres.connection.host = "db.test".into());
        assert_eq!(claimed_by(&own, [elsewhere]), None);
        let port = claim("a", "p", |p| p.spec.source.postgres.connection.port = 5433);
        assert_eq!(claimed_by(&own, [port]), None);
        let plain =
            |namespace: &str| claim(namespace, "p", |p| p.spec.source.postgres.connection.host = "db".into());
        assert_eq!(claimed_by(&plain("b"), [plain("a")]), None, "a Service of each namespace");
        let whole = claim("a", "p", |p| p.spec.source.postgres.connection.host = "DB.prod.".into());
        assert!(claimed_by(&own, [whole]).is_some(), "the same in other words");
    }

    #[test]
    fn a_host_of_the_namespace_is_known() {
        for here in ["db", "db.shop", "db.shop.svc", "db.shop.svc.cluster.local", "db-0.db.shop.svc"] {
            assert!(lives_in("shop", here), "{here}");
        }
        for elsewhere in
            ["db.prod", "10.0.0.7", "db.example.com", "localhost", "a.b.shop", "shop.prod.svc", "db.shop.com"]
        {
            assert!(!lives_in("shop", elsewhere), "{elsewhere}");
        }
    }
}
