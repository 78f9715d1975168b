use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt};
use sluice_core::cluster::names as kafka;
use sluice_core::condition::{self, Verdict};
use sluice_core::connect::credentials::Credentials;
use sluice_core::connect::desired::Objects;
use sluice_core::connect::names::{self, Internal};
use sluice_core::connect::{self, ConnectReason, Plan, Seen, Step, Wanted, desired, pods};
use sluice_core::meta::Owner;
use sluice_core::pki::Bundle;
use sluice_core::reason::Reason as _;
use sluice_core::referent::Referent;
use sluice_crds::kafka_cluster::Role;
use sluice_crds::{ConnectCluster, KafkaCluster, Topic};

use super::{act, gather};
use crate::act::live;
use crate::context::Context;
use crate::error::Error;
use crate::observe::connect::{Workers, World};
use crate::pki;
use crate::report;
use crate::scope::{Child as _, Key, Pass, belonging_to, chain};

/// When a look is due although nothing woke us: orphans that could not be deleted, a REST API that stays silent.
const AGAIN: Duration = Duration::from_secs(5);
/// When a cache will have caught up.
const SOON: Duration = Duration::from_millis(200);

/// One pass over a ConnectCluster: look, decide, act, tell.
pub async fn reconcile(object: Arc<DeserializeGuard<ConnectCluster>>, context: Arc<Context>) -> Pass {
    let connect = match &object.0 {
        Ok(connect) => connect,
        Err(invalid) => {
            let reason = ConnectReason::Unparsable;
            return report::unparsable::<ConnectCluster>(&context, &object, &invalid.error, reason, None)
                .await;
        }
    };
    let key = Key::of(connect);
    if connect.meta().deletion_timestamp.is_some() {
        // what we made goes with it, by its owner references; topics and what is in them stay
        return Ok(Action::await_change());
    }
    let kafka_key = key.sibling(&connect.spec.cluster_ref.name);
    let bootstrap = format!(
        "{}.{}.svc:{}",
        kafka::bootstrap_service(&kafka_key.name),
        key.namespace,
        kafka::INTERNAL_PORT
    );
    let wanted = match connect::validate(connect, &bootstrap) {
        Ok(wanted) => wanted,
        Err(findings) => {
            tell(&context, connect, None, &Verdict::refused(&findings), &[], None).await?;
            return Ok(Action::await_change());
        }
    };
    let cluster = context.shelves.clusters.refer(&kafka_key);
    let kafka = cluster.referent();
    let cluster = cluster.there();
    let world = context.connect.ensure(&context, &key);
    let found = Found::look(&context, &key, &wanted, &world);
    let own = match certificate(&context, &wanted, cluster.as_deref()).await {
        Ok(own) => own,
        Err(error) => return failed(&context, connect, &wanted, &world, &found, error).await,
    };
    let wanted = wanted.certified(own.as_ref().map(|own| own.revision));
    let seen = found.seen(kafka);
    let plan = connect::plan(&wanted, &seen);
    if let (true, Some(cluster)) = (plan.apply, &cluster) {
        let objects = desired::build(&wanted, brokers(cluster), &found.topics);
        if let Err(error) = carry_out(&context, connect, &wanted, &world, &found, &objects, &plan).await {
            return failed(&context, connect, &wanted, &world, &found, error).await;
        }
    }
    let status = connect.status.as_ref();
    let spoken = status.is_some_and(|s| condition::speak_of(&s.conditions, connect.metadata.generation));
    // until the workers have been asked for the first time, what status says still holds
    if !(spoken && !found.rest.has_looked() && plan.verdict.reason == ConnectReason::Starting.as_str()) {
        // before a worker is restarted: its reason is in status first
        tell(&context, connect, Some(&wanted), &plan.verdict, &found.pods, Some(&world)).await?;
    }
    if let Step::Restart { pod, uid, reasons } = &plan.step {
        // our caches may not show yet what the step before has done
        let fresh = live::pods(&context, names::APP, connect).await?;
        let again = connect::plan(&wanted, &Seen { pods: &fresh, ..seen });
        if again.step != plan.step || !live::still_wanted(&context, connect).await? {
            return Ok(Action::requeue(SOON));
        }
        act::restart(&context, connect, pod, uid, reasons).await?;
    }
    let waits = found.rest.current().is_none() || !plan.orphans.is_empty();
    let due = own.as_deref().and_then(|own| pki::due_in(own, Context::now()));
    Ok(if waits { Action::requeue(AGAIN) } else { due.map_or_else(Action::await_change, Action::requeue) })
}

/// What the workers show Kafka, issued where it is missing; `None` where it cannot be yet.
async fn certificate(
    context: &Context,
    wanted: &Wanted,
    cluster: Option<&KafkaCluster>,
) -> Result<Option<Arc<Bundle>>, Error> {
    let cluster = cluster.and_then(|cluster| Owner::of(cluster, kafka::APP));
    let Some(cluster) = cluster.filter(|_| !wanted.paused) else { return Ok(None) };
    let secret = names::certificate_secret(&wanted.owner.name);
    let client = (&wanted.owner, names::COMPONENT);
    pki::of_client(context, client, &secret, &wanted.identity(), &cluster, Context::now()).await
}

async fn failed(
    context: &Context,
    connect: &ConnectCluster,
    wanted: &Wanted,
    world: &World,
    found: &Found,
    error: Error,
) -> Pass {
    let taken = matches!(error, Error::NameTaken { earlier: false, .. });
    let verdict =
        if taken { connect::name_taken(&error.to_string()) } else { connect::change_failed(&chain(&error)) };
    tell(context, connect, Some(wanted), &verdict, &found.pods, Some(world)).await?;
    if taken { Ok(Action::requeue(AGAIN)) } else { Err(error) }
}

/// All that disturbs nobody.
async fn carry_out(
    context: &Context,
    connect: &ConnectCluster,
    wanted: &Wanted,
    world: &World,
    found: &Found,
    objects: &Objects,
    plan: &Plan,
) -> Result<(), Error> {
    let key = Key::of(connect);
    gather::gather(context, &key, wanted).await?;
    act::apply(context, objects, plan.start).await?;
    let revision = credentials(context, &key).revision();
    act::tell_kubelets(context, &found.pods, revision).await?;
    world.set_workers(found.workers(revision));
    act::forget_orphans(context, connect, world, &plan.orphans).await
}

/// What the annotations of the Secret say that the workers mount.
pub fn credentials(context: &Context, connect: &Key) -> Credentials {
    let secret = connect.sibling(&names::secret(&connect.name));
    Secret::seen(&context.children, &secret).map(|meta| Credentials::of(&meta)).unwrap_or_default()
}

fn brokers(cluster: &KafkaCluster) -> i32 {
    cluster
        .spec
        .pools
        .iter()
        .filter(|pool| pool.roles.contains(&Role::Broker))
        .map(|pool| pool.replicas)
        .sum()
}

/// The part of the world that a pass looks at.
struct Found {
    topics: Vec<Topic>,
    stateful_set: Option<Arc<StatefulSet>>,
    children: Vec<ObjectMeta>,
    pods: Vec<Pod>,
    rest: Arc<sluice_core::view::Sight<sluice_core::view::connect::ConnectView>>,
    connectors: BTreeSet<String>,
}

impl Found {
    fn look(context: &Context, key: &Key, wanted: &Wanted, world: &World) -> Self {
        let topics: Vec<Topic> = Internal::ALL
            .into_iter()
            .filter_map(|internal| {
                let topic = context.shelves.topics.get(&key.sibling(&internal.topic(&key.name)))?;
                Some(Topic::clone(&topic))
            })
            .collect();
        let whole = key.sibling(&names::whole(&wanted.owner.name));
        let set = ObjectRef::new(&whole.name).within(&key.namespace);
        let all = &context.children;
        let children = [
            StatefulSet::seen(all, &whole),
            ConfigMap::seen(all, &whole),
            ServiceAccount::seen(all, &whole),
            PodDisruptionBudget::seen(all, &whole),
            Service::seen(all, &whole),
            Service::seen(all, &key.sibling(&names::workers_service(&key.name))),
            Secret::seen(all, &key.sibling(&names::secret(&key.name))),
            Secret::seen(all, &key.sibling(&names::certificate_secret(&key.name))),
        ];
        let children = children.into_iter().flatten().chain(topics.iter().map(|t| t.metadata.clone()));
        let worker_pods = belonging_to(&context.children.pods, names::APP, key);
        Self {
            children: children.collect(),
            topics,
            stateful_set: context.children.stateful_sets.get(&set),
            pods: worker_pods.iter().map(|pod| Pod::clone(pod)).collect(),
            rest: world.sight(),
            connectors: context.connectors_of(key).iter().map(|c| c.name_any()).collect(),
        }
    }

    fn seen(&self, kafka: Referent) -> Seen<'_> {
        Seen {
            kafka,
            topics: &self.topics,
            stateful_set: self.stateful_set.as_deref(),
            children: &self.children,
            pods: &self.pods,
            rest: Some(&self.rest),
            connectors: &self.connectors,
            now: Context::now(),
        }
    }

    /// Whom the observer asks what is mounted.
    fn workers(&self, revision: i64) -> Workers {
        let ready = self.pods.iter().filter(|pod| pods::is_ready(pod)).filter_map(pods::address);
        let mut urls: Vec<_> = ready
            .map(|ip| if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() })
            .map(|host| format!("http://{host}:{}", names::REST_PORT))
            .collect();
        urls.sort();
        Workers { urls, revision }
    }
}

async fn tell(
    context: &Context,
    connect: &ConnectCluster,
    wanted: Option<&Wanted>,
    verdict: &Verdict,
    worker_pods: &[Pod],
    world: Option<&World>,
) -> Result<(), Error> {
    let rest = world.map(World::sight);
    let status = connect::status(connect, wanted, verdict, worker_pods, rest.as_deref(), Context::now());
    let shared = &context.shared;
    let present = connect.status.as_ref();
    if report::status::patch(&shared.client, &shared.metrics, connect, present, &status).await? {
        context.turned(connect, present.map(|s| &s.conditions), &status.conditions).await;
    }
    Ok(())
}
