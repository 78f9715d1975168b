//! The pod of a worker: restricted, read-only but for `/tmp`, without a token.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar,
    EnvVarSource, HTTPGetAction, LocalObjectReference, ObjectFieldSelector, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, SeccompProfile, SecretVolumeSource, SecurityContext, TopologySpreadConstraint,
    Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::connect::inputs;
use crate::connect::names::{
    CERTIFICATES_PATH, COMPONENT, CONTAINER, REST_PORT, SECRETS_PATH, certificate_secret, secret, whole,
};
use crate::connect::wanted::Wanted;
use crate::pki;

/// Environment, volumes and paths that the spec's template may not set again.
pub const OWN_ENV: &[&str] = &["POD_NAME", "SLUICE_CERTIFICATES", "SLUICE_DOMAIN"];
pub const OWN_VOLUMES: &[&str] = &["config", "secrets", "certificates", "tmp"];
pub const OWN_PATHS: &[&str] = &["/etc/sluice", SECRETS_PATH, CERTIFICATES_PATH, "/tmp"];

/// The user of Debezium's image; a number, so that the kubelet can see that it is not root.
const USER: i64 = 1001;
/// Tasks get five seconds by default to end well, and a sink with a slow database more by its own configuration.
const GRACE_SECONDS: i64 = 60;

pub fn template(wanted: &Wanted) -> PodTemplateSpec {
    let mut labels = wanted.template.labels.clone();
    labels.extend(wanted.owner.selector(COMPONENT));
    let mut annotations = wanted.template.annotations.clone();
    annotations.insert(inputs::ANNOTATION.into(), wanted.inputs.to_annotation());
    if let Some(revision) = wanted.inputs.certificate() {
        annotations.insert(pki::REVISION_ANNOTATION.into(), revision.to_owned());
    }
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations),
            ..Default::default()
        }),
        spec: Some(spec(wanted)),
    }
}

fn spec(wanted: &Wanted) -> PodSpec {
    let template = &wanted.template;
    let pull = template.image_pull_secrets.iter().map(|s| LocalObjectReference { name: s.name.clone() });
    PodSpec {
        service_account_name: Some(whole(&wanted.owner.name)),
        automount_service_account_token: Some(false),
        // dozens of variables per Service of the namespace, which nobody reads
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), ..Default::default() }),
            ..Default::default()
        }),
        termination_grace_period_seconds: Some(
            template.termination_grace_period_seconds.unwrap_or(GRACE_SECONDS),
        ),
        topology_spread_constraints: Some(spread(wanted)),
        node_selector: some(template.node_selector.clone(), BTreeMap::is_empty),
        affinity: template.affinity.clone(),
        tolerations: some(template.tolerations.clone(), Vec::is_empty),
        priority_class_name: template.priority_class_name.clone(),
        image_pull_secrets: some(pull.collect(), Vec::is_empty),
        containers: vec![container(wanted)],
        volumes: Some(volumes(wanted)),
        ..Default::default()
    }
}

fn some<T>(value: T, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    (!is_empty(&value)).then_some(value)
}

fn container(wanted: &Wanted) -> Container {
    let probe = |path: &str, period: i32, failures: i32| Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.into()),
            port: IntOrString::Int(REST_PORT),
            scheme: Some("HTTP".into()),
            ..Default::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Default::default()
    };
    let mut mounts = vec![
        mount("config", "/etc/sluice", true),
        mount("secrets", SECRETS_PATH, true),
        mount("certificates", CERTIFICATES_PATH, true),
        mount("tmp", "/tmp", false),
    ];
    mounts.extend(wanted.template.volume_mounts.iter().cloned());
    Container {
        name: CONTAINER.into(),
        image: Some(wanted.image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        command: Some(vec!["sh".into(), "/etc/sluice/start.sh".into()]),
        // Kubernetes expands $(NAME) in arguments; an option means what it says
        args: Some(wanted.jvm.iter().map(|option| option.replace("$(", "$$(")).collect()),
        env: Some(environment(wanted)),
        ports: Some(vec![ContainerPort {
            name: Some("rest".into()),
            container_port: REST_PORT,
            protocol: Some("TCP".into()),
            ..Default::default()
        }]),
        resources: wanted.resources.clone(),
        // an image with many plugins takes minutes to look through them
        startup_probe: Some(probe("/", 1, 900)),
        // KIP-1017: the worker has joined its group and read its topics. Before that it knows no connector
        readiness_probe: Some(probe("/health", 1, 3)),
        // the web server alone: a worker that waits for Kafka is not mended by killing it
        liveness_probe: Some(probe("/", 10, 6)),
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

fn environment(wanted: &Wanted) -> Vec<EnvVar> {
    let field = |name: &str, path: &str| EnvVar {
        name: name.into(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { field_path: path.into(), api_version: Some("v1".into()) }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut all = vec![
        field("POD_NAME", "metadata.name"),
        field("SLUICE_CERTIFICATES", &format!("metadata.annotations['{}']", pki::REVISION_ANNOTATION)),
        EnvVar { name: "SLUICE_DOMAIN".into(), value: Some(wanted.domain()), ..Default::default() },
    ];
    all.extend(wanted.template.env.iter().cloned());
    all
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only: read_only.then_some(true),
        ..Default::default()
    }
}

fn volumes(wanted: &Wanted) -> Vec<Volume> {
    let connect = &wanted.owner.name;
    let mut volumes = vec![
        Volume {
            name: "config".into(),
            config_map: Some(ConfigMapVolumeSource { name: whole(connect), ..Default::default() }),
            ..Default::default()
        },
        of_secret("secrets", secret(connect)),
        of_secret("certificates", certificate_secret(connect)),
        Volume { name: "tmp".into(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Default::default() },
    ];
    volumes.extend(wanted.template.volumes.iter().cloned());
    volumes
}

fn of_secret(name: &str, secret: String) -> Volume {
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

/// Over zones, then over machines, as far as there are any.
fn spread(wanted: &Wanted) -> Vec<TopologySpreadConstraint> {
    if !wanted.template.topology_spread_constraints.is_empty() {
        return wanted.template.topology_spread_constraints.clone();
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
