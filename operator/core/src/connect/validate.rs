//! `spec` → [`Wanted`], or everything that is wrong with it at once.

use std::collections::BTreeMap;

use sluice_crds::ConnectCluster;
use sluice_crds::common::{Jvm, PodTemplate, Resources};
use sluice_crds::connect_cluster::MOST_WORKERS;

use super::inputs::Inputs;
use super::wanted::Wanted;
use super::{ConnectReason, desired, names, worker};
use crate::finding::Finding;
use crate::java;
use crate::meta::Owner;
use crate::units;

/// The newest Debezium that this Sluice was tested with. It holds Connect, the PostgreSQL source and the JDBC sink.
pub const DEFAULT_IMAGE: &str = "quay.io/debezium/connect:3.6.0.Final";

const DEFAULT_HEAP: i64 = 512 << 20;
const LARGEST_DEFAULT_HEAP: i64 = 4 << 30;

type Findings = Vec<Finding<ConnectReason>>;

/// Reads a spec. `bootstrap` is where the KafkaCluster of `spec.clusterRef` is reached.
pub fn validate(connect: &ConnectCluster, bootstrap: &str) -> Result<Wanted, Findings> {
    let spec = &connect.spec;
    let mut findings = Findings::new();
    let Some(owner) = Owner::of(connect, names::APP) else {
        return Err(vec![invalid("the object has no namespace, name and uid yet")]);
    };
    let declared: BTreeMap<_, _> =
        spec.config.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
    for key in declared.keys() {
        if let Some(why) = worker::reserved(key) {
            findings.push(
                Finding::new(ConnectReason::ReservedConfig, why)
                    .at(format!("spec.config[{key}]"))
                    .mend("Remove it"),
            );
        } else if let Err(near) = worker::knows(key, &declared) {
            let finding =
                Finding::new(ConnectReason::UnknownConfig, "Kafka Connect has no worker key of this name")
                    .at(format!("spec.config[{key}]"));
            findings.push(match near {
                Some(near) => finding.mend(format!("Did you mean {near}?")),
                None => finding.mend("A connector's keys stand in its Connector"),
            });
        }
    }
    // each of them is thought of one by one
    if !(0..=MOST_WORKERS).contains(&spec.replicas) {
        findings.push(invalid(format!("it can be 0 to {MOST_WORKERS}")).at("spec.replicas"));
    }
    let jvm = java(&spec.jvm, spec.resources.as_ref()).map_err(|finding| findings.push(finding));
    template_fits(&spec.template, &mut findings);
    let (Ok(jvm), true) = (jvm, findings.is_empty()) else {
        return Err(findings);
    };
    Ok(Wanted {
        generation: connect.metadata.generation,
        kafka: spec.cluster_ref.name.clone(),
        replicas: spec.replicas,
        image: spec.image.clone().unwrap_or_else(|| DEFAULT_IMAGE.to_owned()),
        config: worker::config(&owner.name, bootstrap, spec.image.is_some(), &declared),
        jvm,
        resources: spec.resources.clone(),
        template: spec.template.clone(),
        inputs: Inputs::of(spec),
        paused: spec.paused,
        owner,
    })
}

fn invalid(message: impl Into<String>) -> Finding<ConnectReason> {
    Finding::new(ConnectReason::InvalidSpec, message)
}

/// Arguments of `java` without the class path and the main class.
fn java(jvm: &Jvm, resources: Option<&Resources>) -> Result<Vec<String>, Finding<ConnectReason>> {
    let limit = resources.and_then(|r| r.limits.as_ref()).and_then(|limits| limits.get("memory"));
    let limit = limit
        .map(|quantity| units::quantity(&quantity.0))
        .transpose()
        .map_err(|error| invalid(error.to_string()).at("spec.resources.limits.memory"))?;
    let heap = match &jvm.heap {
        Some(text) => units::bytes(text).map_err(|error| invalid(error.to_string()).at("spec.jvm.heap"))?,
        None => limit.map_or(DEFAULT_HEAP, |limit| (limit / 2).min(LARGEST_DEFAULT_HEAP)),
    };
    if let Some(limit) = limit.filter(|limit| heap >= *limit) {
        let (heap, limit) = (units::human_bytes(heap), units::human_bytes(limit));
        return Err(invalid(format!("a heap of {heap} does not fit into a memory limit of {limit}"))
            .at("spec.jvm.heap")
            .mend("Java needs room beside its heap: half of the limit is a good start"));
    }
    let mut arguments = vec![format!("-Xms{}k", heap >> 10), format!("-Xmx{}k", heap >> 10)];
    if !jvm.options.iter().any(|o| o.starts_with("-XX:+Use") && o.ends_with("GC")) {
        // below a gibibyte a parallel collector's threads cost more than they save
        arguments.push(if heap < 1 << 30 { "-XX:+UseSerialGC" } else { "-XX:+UseG1GC" }.into());
    }
    arguments.extend(java::OPTIONS.iter().map(|option| (*option).to_owned()));
    arguments.extend(jvm.options.iter().cloned());
    Ok(arguments)
}

/// What Sluice puts into every pod cannot be put there again.
fn template_fits(template: &PodTemplate, findings: &mut Findings) {
    let mut clash = |field: &str, name: &str| {
        findings
            .push(invalid(format!("{name} is set by Sluice itself")).at(format!("spec.template.{field}")));
    };
    for env in template.env.iter().filter(|e| desired::OWN_ENV.contains(&e.name.as_str())) {
        clash("env", &env.name);
    }
    for volume in template.volumes.iter().filter(|v| desired::OWN_VOLUMES.contains(&v.name.as_str())) {
        clash("volumes", &volume.name);
    }
    for mount in &template.volume_mounts {
        if desired::OWN_PATHS.contains(&mount.mount_path.trim_end_matches('/')) {
            clash("volumeMounts", &mount.mount_path);
        }
    }
    let own = |name: &&String| name.starts_with("app.kubernetes.io/") || name.starts_with("sluice.dev/");
    for name in template.labels.keys().filter(own) {
        clash("labels", name);
    }
    for name in template.annotations.keys().filter(|name| name.starts_with("sluice.dev/")) {
        clash("annotations", name);
    }
}
