use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use sluice_core::cluster::names as kafka;
use sluice_core::condition::{self, Verdict};
use sluice_core::meta::Owner;
use sluice_core::pki::Bundle;
use sluice_core::user::{self, Door, FINALIZER, Login, Plan, Seen, Teardown, UserReason, Wanted};
use sluice_crds::{KafkaCluster, User};

use super::act::{self, Refusal};
use super::passwords;
use crate::act::finalizer;
use crate::context::Context;
use crate::error::Error;
use crate::observe::kafka::World;
use crate::pki::{self, Issued};
use crate::report::{self, Farewell};
use crate::scope::{Key, Pass, chain};

/// When we look again for what only time changes.
const SOON: Duration = Duration::from_secs(5);
/// When a refused change is tried again: the cause may be in Kafka rather than in the spec.
const REFUSED: Duration = Duration::from_secs(30);

/// One pass over a User: look, decide, act, tell.
pub async fn reconcile(object: Arc<DeserializeGuard<User>>, context: Arc<Context>) -> Pass {
    let user = match &object.0 {
        Ok(user) => user,
        Err(invalid) => {
            let farewell = Farewell { finalizer: FINALIZER, left: user::left_behind };
            let reason = UserReason::Unparsable;
            return report::unparsable::<User>(&context, &object, &invalid.error, reason, Some(farewell))
                .await;
        }
    };
    if context.written.is_ahead_of(user) {
        return Ok(Action::await_change());
    }
    let key = Key::of(user);
    let cluster = key.sibling(&user.spec.cluster_ref.name);
    if user.meta().deletion_timestamp.is_some() {
        return teardown(&context, user, &key, &cluster).await;
    }
    let wanted = match user::validate(user) {
        Ok(wanted) => wanted,
        Err(findings) => {
            tell_only(&context, user, &Verdict::refused(&findings)).await?;
            return Ok(Action::await_change());
        }
    };
    let world = context.kafka.get(&cluster);
    let (plan, issued) = match look(&context, &wanted, &cluster, world.as_deref()).await {
        Ok(found) => found,
        Err(error) => return failed(&context, user, error).await,
    };
    let (Some(secret), Some(world)) = (&plan.secret, world) else {
        let later = user::is_for_now(&plan.verdict);
        let status = user.status.as_ref();
        let spoken = status.is_some_and(|s| condition::speak_of(&s.conditions, user.metadata.generation));
        // until somebody has looked for the first time, what status says still holds
        if !(later && spoken) {
            tell_only(&context, user, &plan.verdict).await?;
        }
        return Ok(if later { Action::requeue(SOON) } else { Action::await_change() });
    };
    // before anything is in Kafka that must go with the object
    finalizer::hold(&context, user, FINALIZER).await?;
    if !plan.changes.is_empty()
        && let Err(refusal) = act::carry_out(&context, &world, &wanted.name, &plan.changes).await
    {
        return refused(&context, user, refusal).await;
    }
    let written = match &issued {
        Some(Issued { bundle, fresh: true }) => {
            context.vault.put(&context, &wanted.owner, secret.clone(), Bundle::clone(bundle)).await.map(drop)
        }
        _ => context.apply(secret).await.map(drop),
    };
    if let Err(error) = written {
        return failed(&context, user, error).await;
    }
    tell(&context, user, &plan.verdict, good_until(issued.as_ref())).await?;
    let due = issued.and_then(|issued| pki::due_in(&issued.bundle, Context::now()));
    Ok(due.map_or_else(Action::await_change, Action::requeue))
}

/// Until when the certificate is good that clients have.
fn good_until(issued: Option<&Issued>) -> Option<Timestamp> {
    issued.and_then(|issued| issued.bundle.leaf()).map(|leaf| leaf.not_after)
}

async fn look(
    context: &Context,
    wanted: &Wanted,
    cluster: &Key,
    world: Option<&World>,
) -> Result<(Plan, Option<Issued>), Error> {
    let found = context.shelves.clusters.refer(cluster);
    let referent = found.referent();
    let owner = found.there().and_then(|cluster| Some((Owner::of(&*cluster, kafka::APP)?, cluster)));
    let door = match &owner {
        Some((owner, cluster)) => door(context, owner, cluster, &wanted.login).await?,
        None => None,
    };
    let (mut held, mut given, mut issued) = (None, None, None);
    match (&wanted.login, &owner) {
        (Login::Password(from), _) => {
            held = context.passwords.held(context, &wanted.owner).await?;
            if let Some(from) = from {
                given = Some(passwords::given(context, &wanted.owner.namespace, from).await?);
            }
        }
        (Login::Certificate(identity), Some((owner, _))) if door.is_some() => {
            let secret = (user::secret_name(&wanted.owner.name), user::COMPONENT);
            issued = pki::of_user(context, &wanted.owner, secret, identity, owner, Context::now()).await?;
        }
        (Login::Certificate(_), _) => {}
    }
    let sight = world.map(World::trusted);
    let (users, access) = (world.and_then(World::users), world.and_then(World::access));
    let plan = user::plan(
        wanted,
        &Seen {
            cluster: referent,
            kafka: sight.as_deref(),
            users: users.as_deref(),
            access: access.as_deref(),
            door: door.as_ref(),
            held: held.as_deref(),
            given: given.as_ref(),
            fresh: &passwords::fresh(),
            certificate: issued.as_ref().map(|issued| &*issued.bundle),
        },
    );
    Ok((plan, issued))
}

async fn door(
    context: &Context,
    owner: &Owner,
    cluster: &KafkaCluster,
    login: &Login,
) -> Result<Option<Door>, Error> {
    let name = kafka::authority_secret(&owner.name);
    let authority = context.vault.find(context, owner, &name, kafka::COMPONENT).await?;
    Ok(user::door(cluster, login, authority.bundle().map(|authority| authority.trusted.as_str())))
}

async fn teardown(context: &Context, user: &User, key: &Key, cluster: &Key) -> Pass {
    if !user.finalizers().iter().any(|name| name == FINALIZER) {
        return Ok(Action::await_change());
    }
    let referent = context.shelves.clusters.refer(cluster).referent();
    let world = context.kafka.get(cluster);
    let sight = world.as_ref().map(|world| world.trusted());
    match user::teardown(&key.name, (cluster.name.as_str(), referent), sight.as_deref()) {
        Teardown::Release => {}
        Teardown::Wait(verdict) => {
            tell_only(context, user, &verdict).await?;
            return Ok(Action::requeue(SOON));
        }
        Teardown::Remove(changes) => {
            let Some(world) = world else { return Ok(Action::requeue(SOON)) };
            let done = act::carry_out(context, &world, &key.name, &changes).await;
            if let Err(Refusal::ForGood(words) | Refusal::ForNow(words)) = done {
                let message = format!("Kafka did not take the user out: {words}. Sluice keeps trying");
                tell_only(context, user, &Verdict::reconciling(UserReason::Deleting, message)).await?;
                return Ok(Action::requeue(SOON));
            }
        }
    }
    context.passwords.forget(key);
    finalizer::release(context, user, FINALIZER).await?;
    Ok(Action::await_change())
}

async fn refused(context: &Context, user: &User, refusal: Refusal) -> Pass {
    let (verdict, again) = match refusal {
        Refusal::ForGood(words) => (user::rejected(&words), REFUSED),
        Refusal::ForNow(words) => (user::change_failed(&words), SOON),
    };
    tell_only(context, user, &verdict).await?;
    Ok(Action::requeue(again))
}

async fn failed(context: &Context, user: &User, error: Error) -> Pass {
    if matches!(error, Error::NameTaken { earlier: false, .. }) {
        tell_only(context, user, &user::name_taken(&error.to_string())).await?;
        return Ok(Action::requeue(SOON));
    }
    tell_only(context, user, &user::change_failed(&chain(&error))).await?;
    Err(error)
}

/// What clients have is what they had.
async fn tell_only(context: &Context, user: &User, verdict: &Verdict) -> Result<(), Error> {
    let had = user.status.as_ref().and_then(|status| status.certificate_not_after.as_ref());
    tell(context, user, verdict, had.map(|time| time.0)).await
}

async fn tell(
    context: &Context,
    user: &User,
    verdict: &Verdict,
    good_until: Option<Timestamp>,
) -> Result<(), Error> {
    let status = user::status(user, verdict, good_until, Context::now());
    let present = user.status.as_ref();
    if report::status::write(context, user, present, &status).await?.is_some() {
        context.turned(user, present.map(|s| &s.conditions), &status.conditions).await;
    }
    Ok(())
}
