//! The pod of a node: restricted, read-only but for its volumes, without a token.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar,
    EnvVarSource, LocalObjectReference, ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec,
    Probe, SeccompProfile, SecretVolumeSource, SecurityContext, TCPSocketAction, TopologySpreadConstraint,
    Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sluice_crds::kafka_cluster::StorageType;

use super::{config_map, properties};
use crate::cluster::inputs;
use crate::cluster::names::{
    self, BROKER_LABEL, CERTIFICATES_PATH, CLIENTS_PATH, COMPONENT, CONTAINER, CONTROLLER_LABEL,
    CONTROLLER_PORT, DATA_VOLUME, INTERNAL_PORT,
};
use crate::cluster::wanted::{Pool, Wanted};
use crate::pki;

/// Annotation of pods: the revision of `server.properties` that they run.
pub const REVISION_ANNOTATION: &str = "sluice.dev/revision";
/// Environment, volumes and paths that the spec's template may not set again.
pub const OWN_ENV: &[&str] = &[
    "POD_NAME",
    "NODE_NAME",
    "SLUICE_REVISION",
    "SLUICE_CERTIFICATES",
    "SLUICE_DOMAIN",
    "SLUICE_CLUSTER_ID",
    "SLUICE_RELEASE",
];
pub const OWN_VOLUMES: &[&str] = &[DATA_VOLUME, "config", "certificates", "clients", "tmp"];
pub const OWN_PATHS: &[&str] = &["/var/lib/kafka", "/etc/sluice", CERTIFICATES_PATH, CLIENTS_PATH, "/tmp"];

/// The user of the public image; a number, so that the kubelet can see that it is not root.
const USER: i64 = 1000;
/// A controlled shutdown moves every leader away first.
const GRACE_SECONDS: i64 = 120;

pub fn template(wanted: &Wanted, pool: &Pool, selector: BTreeMap<String, String>) -> PodTemplateSpec {
    let mut labels = pool.template.labels.clone();
    labels.extend(selector);
    for (label, has) in [(BROKER_LABEL, pool.broker), (CONTROLLER_LABEL, pool.controller)] {
        if has {
            labels.insert(label.into(), "true".into());
        }
    }
    let mut annotations = pool.template.annotations.clone();
    annotations.insert(inputs::ANNOTATION.into(), pool.inputs.to_annotation());
    annotations.insert(REVISION_ANNOTATION.into(), config_map::revision(&properties::build(wanted, pool)));
    if let Some(revision) = &pool.inputs.certificates {
        annotations.insert(pki::REVISION_ANNOTATION.into(), revision.clone());
    }
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations),
            ..Default::default()
        }),
        spec: Some(spec(wanted, pool)),
    }
}

fn spec(wanted: &Wanted, pool: &Pool) -> PodSpec {
    let template = &pool.template;
    PodSpec {
        service_account_name: Some(names::whole(&wanted.owner.name)),
        automount_service_account_token: Some(false),
        // dozens of variables per Service of the namespace, which nobody reads
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            // a volume with millions of segments takes minutes to be handed over at every start otherwise
            fs_group_change_policy: Some("OnRootMismatch".into()),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), ..Default::default() }),
            ..Default::default()
        }),
        termination_grace_period_seconds: Some(
            template.termination_grace_period_seconds.unwrap_or(GRACE_SECONDS),
        ),
        topology_spread_constraints: Some(spread(wanted, pool)),
        node_selector: some(template.node_selector.clone(), BTreeMap::is_empty),
        affinity: template.affinity.clone(),
        tolerations: some(template.tolerations.clone(), Vec::is_empty),
        priority_class_name: template.priority_class_name.clone(),
        image_pull_secrets: some(
            template
                .image_pull_secrets
                .iter()
                .map(|s| LocalObjectReference { name: s.name.clone() })
                .collect(),
            Vec::is_empty,
        ),
        containers: vec![container(wanted, pool)],
        volumes: Some(volumes(wanted, pool)),
        ..Default::default()
    }
}

fn some<T>(value: T, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    (!is_empty(&value)).then_some(value)
}

fn container(wanted: &Wanted, pool: &Pool) -> Container {
    // readiness: Kafka opens a broker's ports only once it has caught up and is unfenced. A controller's is open
    // before there is a quorum: it must be, for one to come about
    let port = if pool.broker { INTERNAL_PORT } else { CONTROLLER_PORT };
    let probe = |period: i32, failures: i32| Probe {
        tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(port), ..Default::default() }),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Default::default()
    };
    let mut mounts = vec![
        mount(DATA_VOLUME, "/var/lib/kafka", false),
        mount("config", "/etc/sluice", true),
        mount("certificates", CERTIFICATES_PATH, true),
        mount("tmp", "/tmp", false),
    ];
    if mounts_clients(wanted, pool) {
        mounts.push(mount("clients", CLIENTS_PATH, true));
    }
    mounts.extend(pool.template.volume_mounts.iter().cloned());
    Container {
        name: CONTAINER.into(),
        image: Some(wanted.image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        command: Some(vec!["sh".into(), "/etc/sluice/start.sh".into()]),
        // Kubernetes expands $(NAME) in arguments; an option means what it says
        args: Some(pool.jvm.iter().map(|option| option.replace("$(", "$$(")).collect()),
        env: Some(environment(wanted, pool)),
        ports: Some(ports(wanted, pool)),
        resources: pool.resources.clone(),
        // log recovery after a crash can take hours, and killing it starts it again
        startup_probe: Some(probe(1, 12 * 3600)),
        readiness_probe: Some(probe(1, 3)),
        liveness_probe: Some(probe(10, 12)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), ..Default::default() }),
            ..Default::default()
        }),
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        volume_mounts: Some(mounts),
        ..Default::default()
    }
}

fn environment(wanted: &Wanted, pool: &Pool) -> Vec<EnvVar> {
    let field = |name: &str, path: &str| EnvVar {
        name: name.into(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { field_path: path.into(), api_version: Some("v1".into()) }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let text = |name: &str, value: &str| EnvVar {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let mut all = vec![
        field("POD_NAME", "metadata.name"),
        field("NODE_NAME", "spec.nodeName"),
        field("SLUICE_REVISION", &format!("metadata.annotations['{REVISION_ANNOTATION}']")),
        field("SLUICE_CERTIFICATES", &format!("metadata.annotations['{}']", pki::REVISION_ANNOTATION)),
        text("SLUICE_DOMAIN", &wanted.domain()),
        text("SLUICE_CLUSTER_ID", &wanted.cluster_id),
        text("SLUICE_RELEASE", wanted.version.metadata),
    ];
    all.extend(pool.template.env.iter().cloned());
    all
}

fn ports(wanted: &Wanted, pool: &Pool) -> Vec<ContainerPort> {
    properties::listeners(wanted, pool)
        .into_iter()
        .map(|(name, port)| ContainerPort {
            name: Some(name.to_ascii_lowercase()),
            container_port: port,
            protocol: Some("TCP".into()),
            ..Default::default()
        })
        .collect()
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only: read_only.then_some(true),
        ..Default::default()
    }
}

fn volumes(wanted: &Wanted, pool: &Pool) -> Vec<Volume> {
    let mut volumes = vec![
        Volume {
            name: "config".into(),
            config_map: Some(ConfigMapVolumeSource {
                name: names::pool(&wanted.owner.name, &pool.name),
                ..Default::default()
            }),
            ..Default::default()
        },
        secret("certificates", names::node_secret(&wanted.owner.name, &pool.name)),
        empty("tmp", None),
    ];
    if mounts_clients(wanted, pool) {
        volumes.push(secret("clients", names::clients_trust_secret(&wanted.owner.name)));
    }
    if pool.storage.kind == StorageType::Ephemeral {
        volumes.push(empty(DATA_VOLUME, Some(&pool.storage.size)));
    }
    volumes.extend(pool.template.volumes.iter().cloned());
    volumes
}

/// Only where a listener needs it: a pod whose Secret is not there does not start.
fn mounts_clients(wanted: &Wanted, pool: &Pool) -> bool {
    pool.broker && wanted.takes_certificates()
}

fn secret(name: &str, secret: String) -> Volume {
    Volume {
        name: name.into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret),
            default_mode: Some(0o440),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn empty(name: &str, size: Option<&str>) -> Volume {
    Volume {
        name: name.into(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: size.map(|s| Quantity(s.into())),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Over zones, then over machines, as far as there are any.
fn spread(wanted: &Wanted, pool: &Pool) -> Vec<TopologySpreadConstraint> {
    if !pool.template.topology_spread_constraints.is_empty() {
        return pool.template.topology_spread_constraints.clone();
    }
    ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        .into_iter()
        .map(|key| TopologySpreadConstraint {
            max_skew: 1,
            topology_key: key.into(),
            when_unsatisfiable: "ScheduleAnyway".into(),
            label_selector: Some(LabelSelector {
                match_labels: Some(wanted.owner.selector(COMPONENT)),
                ..Default::default()
            }),
            ..Default::default()
        })
        .collect()
}
