//! `spec` → [`Wanted`], or everything that is wrong with it at once.
//!
//! The schema and its CEL rules refuse most of it earlier; what would harm data is checked here again, because an
//! object may be older than a rule.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_crds::KafkaCluster;
use sluice_crds::canary::Canary;
use sluice_crds::certificates::Certificates;
use sluice_crds::common::{DeletionPolicy, PodTemplate};
use sluice_crds::kafka_cluster::{self as api, Role, StorageType};
use sluice_crds::rebalance::Rebalance;

use super::ClusterReason;
use super::config::{self, Config};
use super::inputs::Inputs;
use super::rebalance::Wish;
use super::version::{self, Version};
use super::wanted::{AuthorityWish, Listener, Pool, Storage, Wanted};
use super::{desired, hash, jvm, names};
use crate::finding::Finding;
use crate::meta::Owner;
use crate::units;

/// What the schema takes; an object may be older.
const SHORTEST_CANARY: Duration = Duration::from_secs(1);

type Findings = Vec<Finding<ClusterReason>>;

/// Reads a spec. `status.version` decides the version where the spec names none, so that a new Sluice does not
/// upgrade a running cluster.
pub fn validate(cluster: &KafkaCluster) -> Result<Wanted, Findings> {
    let spec = &cluster.spec;
    let mut findings = Findings::new();
    let Some(owner) = Owner::of(cluster, names::APP) else {
        return Err(vec![invalid("the object has no namespace, name and uid yet")]);
    };
    let version = version(cluster).map_err(|f| findings.push(f)).ok();
    let cluster_id = cluster_id(cluster, &owner, &mut findings);
    let listeners = listeners(&spec.listeners, &mut findings);
    pools_fit(&owner.name, &spec.pools, &mut findings);
    let brokers = spec.pools.iter().filter(|p| p.roles.contains(&Role::Broker));
    let brokers = brokers.fold(0_i32, |sum, pool| sum.saturating_add(pool.replicas));
    let config = config::resolve(&spec.config, brokers, &mut findings);
    let mut pools = Vec::new();
    for (i, pool) in spec.pools.iter().enumerate() {
        let path = format!("spec.pools[{i}]");
        match read_pool(pool, &path) {
            Ok(pool) => pools.push(pool),
            Err(finding) => findings.push(finding),
        }
        template_fits(&pool.template, &path, &mut findings);
    }
    let rebalance = rebalance(spec.rebalance.as_ref(), &mut findings);
    let canary = canary(spec.canary.as_ref(), &mut findings);
    let (Some(version), true) = (version, findings.is_empty()) else {
        return Err(findings);
    };
    for (pool, api) in pools.iter_mut().zip(&spec.pools) {
        pool.inputs = inputs(cluster, api, &config, &listeners, version);
    }
    Ok(Wanted {
        generation: cluster.metadata.generation,
        created: cluster.metadata.creation_timestamp.as_ref().map(|t| t.0.as_second()),
        cluster_id,
        owner,
        version,
        image: spec.image.clone().unwrap_or_else(|| version.image.to_owned()),
        pools,
        listeners,
        config,
        authority: authority(spec.certificates.as_ref()),
        network_policy: spec.network_policy.as_ref().is_none_or(|policy| policy.enabled),
        max_unavailable: spec
            .rollout
            .as_ref()
            .and_then(|rollout| usize::try_from(rollout.max_unavailable).ok())
            .map_or(1, |most| most.max(1)),
        rebalance,
        canary,
        delete_volumes: spec.deletion_policy == DeletionPolicy::Delete,
        paused: spec.paused,
    })
}

fn authority(certificates: Option<&Certificates>) -> AuthorityWish {
    certificates.map_or_else(AuthorityWish::default, |certificates| AuthorityWish {
        given: certificates.ca.as_ref().map(|ca| ca.secret_name.clone()),
        requested: certificates.renewed_at.as_ref().map(|time| time.0),
    })
}

fn rebalance(spec: Option<&Rebalance>, findings: &mut Findings) -> Wish {
    let spec = spec.cloned().unwrap_or_default();
    let throttle = units::bytes(&spec.throttle).map_err(|error| error.to_string()).and_then(|bytes| {
        if bytes > 0 { Ok(bytes) } else { Err("nothing would ever arrive at this speed".to_owned()) }
    });
    let throttle = throttle.unwrap_or_else(|words| {
        findings.push(invalid(words).at("spec.rebalance.throttle"));
        1
    });
    Wish { mode: spec.mode, threshold: spec.threshold, throttle, approved: spec.approved_plan }
}

fn canary(spec: Option<&Canary>, findings: &mut Findings) -> Option<Duration> {
    match units::millis(&spec?.interval) {
        Ok(millis) => {
            Some(Duration::from_millis(u64::try_from(millis).unwrap_or_default()).max(SHORTEST_CANARY))
        }
        Err(error) => {
            findings.push(invalid(error.to_string()).at("spec.canary.interval"));
            None
        }
    }
}

fn invalid(message: impl Into<String>) -> Finding<ClusterReason> {
    Finding::new(ClusterReason::InvalidSpec, message)
}

fn version(cluster: &KafkaCluster) -> Result<&'static Version, Finding<ClusterReason>> {
    let running = cluster.status.as_ref().and_then(|s| s.version.as_deref());
    let Some(named) = cluster.spec.version.as_deref().or(running) else {
        return Ok(version::NEWEST);
    };
    version::find(named).ok_or_else(|| {
        Finding::new(
            ClusterReason::UnsupportedVersion,
            format!("Kafka {named} is not supported by this Sluice; supported: {}", version::supported()),
        )
        .at("spec.version")
    })
}

/// The id that is declared, which is the one that Kafka was seen with: it stands on every volume, and a node that is
/// started with another one ends at once.
fn cluster_id(cluster: &KafkaCluster, owner: &Owner, findings: &mut Findings) -> String {
    let derived = hash::cluster_id(&owner.namespace, &owner.name);
    let declared = cluster.spec.cluster_id.as_ref();
    let wanted = declared.unwrap_or(&derived);
    let known = cluster.status.as_ref().filter(|status| status.bootstrapped);
    if let Some(known) = known.and_then(|status| status.cluster_id.as_ref())
        && known != wanted
    {
        let what = match declared {
            Some(declared) => format!("{declared} is the id of another Kafka cluster"),
            None => format!("without it the id would be {derived}"),
        };
        let mend = if *known == derived { "Remove it".to_owned() } else { format!("Set it to {known}") };
        let text = format!("{what}, and this one has the id {known} on its volumes. {mend}");
        findings.push(invalid(text).at("spec.clusterId"));
    }
    wanted.clone()
}

fn listeners(listeners: &[api::Listener], findings: &mut Findings) -> Vec<Listener> {
    let own = [names::CONTROLLER_LISTENER, names::INTERNAL_LISTENER];
    for (i, listener) in listeners.iter().enumerate() {
        if own.iter().any(|name| name.eq_ignore_ascii_case(&listener.name)) {
            findings.push(
                invalid(format!("{} is a listener of Sluice's own", listener.name))
                    .at(format!("spec.listeners[{i}].name")),
            );
        }
        if listener.authentication == api::Authentication::Tls && !listener.tls {
            let text = "certificates are shown on encrypted connections alone: set tls: true";
            findings.push(invalid(text).at(format!("spec.listeners[{i}].tls")));
        }
        let taken = listeners[..i].iter().any(|l| l.port == listener.port);
        if taken || listener.port <= names::INTERNAL_PORT {
            findings.push(
                invalid(format!("port {} is taken", listener.port)).at(format!("spec.listeners[{i}].port")),
            );
        }
    }
    listeners
        .iter()
        .map(|l| Listener {
            name: l.name.clone(),
            port: l.port,
            tls: l.tls,
            authentication: l.authentication,
        })
        .collect()
}

/// What concerns all pools together.
fn pools_fit(cluster: &str, pools: &[api::Pool], findings: &mut Findings) {
    for (role, name) in [(Role::Controller, "controller"), (Role::Broker, "broker")] {
        if !pools.iter().any(|p| p.roles.contains(&role)) {
            findings.push(invalid(format!("one pool needs the role {name}")).at("spec.pools"));
        }
    }
    for (i, pool) in pools.iter().enumerate() {
        // every node of a pool is thought of one by one
        for (field, number, most) in [
            ("replicas", Some(pool.replicas), 1..=api::MOST_NODES),
            ("firstNodeId", pool.first_node_id, 0..=api::HIGHEST_FIRST_NODE_ID),
        ] {
            if number.is_some_and(|number| !most.contains(&number)) {
                let words = format!("it can be {} to {}", most.start(), most.end());
                findings.push(invalid(words).at(format!("spec.pools[{i}].{field}")));
            }
        }
        let name = names::pool(cluster, &pool.name);
        if name.len() > names::STATEFUL_SET_LIMIT {
            findings.push(
                invalid(format!(
                    "{name} has {} characters, and the names of cluster and pool may have {} together",
                    name.len(),
                    names::STATEFUL_SET_LIMIT - 1
                ))
                .at(format!("spec.pools[{i}].name")),
            );
        }
        if pools.len() > 1 && pool.first_node_id.is_none() {
            findings.push(
                invalid("with more than one pool each needs firstNodeId").at(format!("spec.pools[{i}]")),
            );
        }
        if let Some(other) = pools[..i].iter().find(|other| overlap(other, pool)) {
            findings.push(
                invalid(format!("node ids overlap with those of pool {}", other.name))
                    .at(format!("spec.pools[{i}].firstNodeId")),
            );
        }
    }
}

fn ids(pool: &api::Pool) -> std::ops::Range<i32> {
    let first = pool.first_node_id.unwrap_or(0);
    first..first.saturating_add(pool.replicas)
}

fn overlap(a: &api::Pool, b: &api::Pool) -> bool {
    let (a, b) = (ids(a), ids(b));
    a.start < b.end && b.start < a.end
}

fn read_pool(pool: &api::Pool, path: &str) -> Result<Pool, Finding<ClusterReason>> {
    let bytes = units::bytes(&pool.storage.size)
        .map_err(|error| invalid(error.to_string()).at(format!("{path}.storage.size")))?;
    Ok(Pool {
        name: pool.name.clone(),
        ids: ids(pool),
        controller: pool.roles.contains(&Role::Controller),
        broker: pool.roles.contains(&Role::Broker),
        weight: pool.weight.and_then(|weight| u32::try_from(weight).ok()).unwrap_or(1).max(1),
        storage: Storage {
            kind: pool.storage.kind,
            size: pool.storage.size.clone(),
            bytes,
            class: pool.storage.class.clone(),
        },
        resources: pool.resources.clone(),
        jvm: jvm::arguments(&pool.jvm, pool.resources.as_ref(), path)?,
        template: pool.template.clone(),
        inputs: Inputs::default(), // once everything else is known to be right
    })
}

/// What Sluice puts into every pod cannot be put there again.
fn template_fits(template: &PodTemplate, path: &str, findings: &mut Findings) {
    let mut clash = |field: &str, name: &str| {
        findings
            .push(invalid(format!("{name} is set by Sluice itself")).at(format!("{path}.template.{field}")));
    };
    for env in template.env.iter().filter(|e| desired::OWN_ENV.contains(&e.name.as_str())) {
        clash("env", &env.name);
    }
    for volume in template.volumes.iter().filter(|v| desired::OWN_VOLUMES.contains(&v.name.as_str())) {
        clash("volumes", &volume.name);
    }
    for mount in &template.volume_mounts {
        if desired::OWN_PATHS.iter().any(|own| mount.mount_path.trim_end_matches('/') == *own) {
            clash("volumeMounts", &mount.mount_path);
        }
    }
    let own = |name: &str| name.starts_with("app.kubernetes.io/") || name.starts_with("sluice.dev/");
    for name in template.labels.keys().filter(|n| own(n)) {
        clash("labels", name);
    }
    for name in template.annotations.keys().filter(|n| n.starts_with("sluice.dev/")) {
        clash("annotations", name);
    }
}

fn inputs(
    cluster: &KafkaCluster,
    pool: &api::Pool,
    config: &Config,
    listeners: &[Listener],
    version: &Version,
) -> Inputs {
    let spec = &cluster.spec;
    let declared: BTreeMap<_, _> =
        config.declared.iter().map(|(key, value)| (key.clone(), hash::short(value))).collect();
    let listeners: Vec<_> = listeners.iter().map(Listener::input).collect();
    Inputs {
        certificates: None, // there are none yet: `Wanted::certified`
        config: Some(declared),
        image: Some(spec.image.clone().unwrap_or_default()),
        jvm: Some(hash::of(&pool.jvm)),
        listeners: Some(listeners.join(",")),
        resources: Some(hash::of(&pool.resources)),
        restarted_at: Some(spec.restarted_at.as_ref().map(|t| t.0.to_string()).unwrap_or_default()),
        storage: Some(match pool.storage.kind {
            StorageType::Ephemeral => pool.storage.size.clone(),
            StorageType::Persistent => String::new(),
        }),
        template: Some(hash::of(&pool.template)),
        version: Some(version.kafka.to_owned()),
    }
}
