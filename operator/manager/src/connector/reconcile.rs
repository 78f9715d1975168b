use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt};
use sluice_clients::connect::Error as ConnectError;
use sluice_core::condition::{self, Verdict, VerdictKind};
use sluice_core::connector::{
    self, ConnectorReason, FINALIZER, Plan, Progress, Seen, Step, Teardown, TeardownSeen, Wanted,
};
use sluice_core::reason::Reason as _;
use sluice_core::referent::Referent;
use sluice_core::view::Sight;
use sluice_core::view::connect::ConnectView;
use sluice_crds::Connector;

use super::act::{self, Done};
use crate::act::finalizer;
use crate::connect::credentials;
use crate::context::Context;
use crate::error::Error;
use crate::observe::connect::World;
use crate::report::events::Severity;
use crate::report::{self, Farewell};
use crate::scope::{Found, Key, Pass, chain};

/// When something refused is tried again: the cause may be a database that is away.
const REFUSED: Duration = Duration::from_secs(30);
/// When an order that could not be given is tried again, and when one that showed no effect is judged.
const SOON: Duration = Duration::from_secs(1);

/// One pass over a Connector: look, decide, act, tell. At most one order to Connect.
pub async fn reconcile(object: Arc<DeserializeGuard<Connector>>, context: Arc<Context>) -> Pass {
    let connector = match &object.0 {
        Ok(connector) => connector,
        Err(invalid) => {
            let reason = ConnectorReason::Unparsable;
            let farewell = Farewell { finalizer: FINALIZER, left: connector::left_behind };
            return report::unparsable::<Connector>(
                &context,
                &object,
                &invalid.error,
                reason,
                Some(farewell),
            )
            .await;
        }
    };
    if context.written.is_ahead_of(connector) {
        return Ok(Action::await_change());
    }
    let key = Key::of(connector);
    let connect = key.sibling(&connector.spec.connect_ref.name);
    let world = context.connect.get(&connect);
    let pass = One { context: &context, connector, connect: &connect, world: world.as_deref() };
    if connector.meta().deletion_timestamp.is_some() {
        return pass.teardown().await;
    }
    match connector::validate(connector) {
        Ok(wanted) => pass.go(&wanted).await,
        Err(findings) => {
            let progress = Progress::of(&connector.status.clone().unwrap_or_default());
            let owned = connector.status.as_ref().is_some_and(|status| status.owned);
            pass.tell(&Verdict::refused(&findings), &progress, owned).await?;
            Ok(Action::await_change())
        }
    }
}

/// What one pass works with.
struct One<'a> {
    context: &'a Context,
    connector: &'a Connector,
    connect: &'a Key,
    world: Option<&'a World>,
}

impl One<'_> {
    async fn go(&self, wanted: &Wanted) -> Pass {
        let now = Context::now();
        let status = self.connector.status.clone().unwrap_or_default();
        let settling = self.world.is_some_and(|world| world.is_settling(&wanted.name));
        let sight = self.world.map(World::sight);
        let plan = connector::plan(
            wanted,
            &status,
            &Seen {
                cluster: self.context.shelves.connects.refer(self.connect).referent(),
                connect: sight.as_deref(),
                credentials: &credentials(self.context, self.connect),
                settling,
            },
            now,
        );
        if plan.verdict.kind == VerdictKind::Unknown
            && !sight.as_deref().is_some_and(Sight::has_looked)
            && condition::speak_of(&status.conditions, self.connector.metadata.generation)
        {
            // the observer wakes us once it has looked; what status says until then still holds
            return Ok(Action::requeue(SOON));
        }
        let (Some(world), true) = (self.world, plan.step != Step::None) else {
            self.tell(&plan.verdict, &plan.before, plan.owned).await?;
            return Ok(if settling { Action::requeue(SOON) } else { due(plan.again, now) });
        };
        finalizer::hold(self.context, self.connector, FINALIZER).await?;
        if plan.before != Progress::of(&status) {
            self.tell(&plan.verdict, &plan.before, plan.owned).await?;
        }
        self.carry_out(wanted, world, &plan).await
    }

    async fn carry_out(&self, wanted: &Wanted, world: &World, plan: &Plan) -> Pass {
        let exists = plan.step != Step::Configure { fresh: true };
        let (verdict, progress, requeue) = match act::step(world, wanted, &plan.step).await {
            Done::Nothing => (plan.verdict.clone(), &plan.before, Action::await_change()),
            Done::Ordered => {
                self.event(&plan.step, &plan.verdict).await;
                // the order is in Connect's hands: a connector that was just made is ours
                self.tell(&plan.verdict, &plan.after, true).await?;
                return Ok(Action::requeue(SOON));
            }
            Done::NotYet(words) => {
                (connector::not_yet(&plan.verdict, &words), &plan.before, Action::requeue(SOON))
            }
            Done::Invalid(errors) => {
                (connector::invalid(wanted, &errors, exists), &plan.before, Action::requeue(REFUSED))
            }
            Done::Refused(words) => {
                (connector::refused(wanted, &words), &plan.before, Action::requeue(REFUSED))
            }
        };
        self.tell(&verdict, progress, plan.owned).await?;
        Ok(requeue)
    }

    async fn event(&self, step: &Step, verdict: &Verdict) {
        let failed = [ConnectorReason::TaskFailed.as_str(), ConnectorReason::ConnectorFailed.as_str()];
        let severity = if failed.contains(&verdict.reason) { Severity::Warning } else { Severity::Normal };
        let action = match step {
            Step::None => return,
            Step::Configure { fresh: true } => "Create",
            Step::Configure { fresh: false } => "Update",
            Step::Pause => "Pause",
            Step::Resume => "Resume",
            Step::Stop => "Stop",
            Step::Restart | Step::RestartFailed(_) => "Restart",
        };
        self.context.event(self.connector, severity, verdict.reason, action, &verdict.message).await;
    }

    /// Whether there will be workers to delete the connector from.
    fn connect_expected(&self) -> Referent {
        let shelves = &self.context.shelves;
        let connect = match shelves.connects.refer(self.connect) {
            Found::There(connect) => connect,
            other => return other.referent(),
        };
        let kafka = shelves.clusters.refer(&self.connect.sibling(&connect.spec.cluster_ref.name));
        // a KafkaCluster that cannot be read may well run, and Connect with it
        let expected = connect.spec.replicas > 0 && kafka.referent() != Referent::Missing;
        if expected { Referent::There } else { Referent::Missing }
    }

    async fn teardown(&self) -> Pass {
        if !self.connector.finalizers().iter().any(|name| name == FINALIZER) {
            return Ok(Action::await_change());
        }
        let name = self.connector.name_any();
        let sight = self.world.map(World::sight);
        let decided = connector::teardown(&TeardownSeen {
            namespace: &self.connect.namespace,
            name: &name,
            connect_name: &self.connect.name,
            connect_expected: self.connect_expected(),
            connect: sight.as_deref(),
        });
        let waits = match (decided, self.world) {
            (Teardown::Wait(verdict), _) => Some(verdict),
            (Teardown::Delete, Some(world)) => match world.client.delete(&name).await {
                Ok(()) | Err(ConnectError::NotFound { .. }) => {
                    world.ordered(&name);
                    None
                }
                Err(error) => {
                    world.look_soon();
                    let message = format!(
                        "Connect did not delete the connector: {}. Sluice keeps trying",
                        chain(&error)
                    );
                    Some(Verdict::reconciling(ConnectorReason::Deleting, message))
                }
            },
            (Teardown::Delete | Teardown::Release, _) => None,
        };
        if let Some(verdict) = waits {
            let progress = Progress::of(&self.connector.status.clone().unwrap_or_default());
            self.tell(&verdict, &progress, true).await?;
            return Ok(Action::requeue(SOON));
        }
        finalizer::release(self.context, self.connector, FINALIZER).await?;
        Ok(Action::await_change())
    }

    async fn tell(&self, verdict: &Verdict, progress: &Progress, owned: bool) -> Result<(), Error> {
        let sight = self.world.map(World::sight);
        let name = self.connector.name_any();
        let view = sight.as_deref().and_then(Sight::<ConnectView>::latest);
        let view = view.and_then(|view| view.connectors.get(&name)).filter(|_| owned);
        let status = connector::status(
            self.connector,
            verdict,
            view.map(Arc::as_ref),
            progress,
            owned,
            Context::now(),
        );
        let present = self.connector.status.as_ref();
        let written = report::status::write(self.context, self.connector, present, &status).await?;
        if written.is_some() {
            let before = present.map(|status| &status.conditions);
            self.context.turned(self.connector, before, &status.conditions).await;
        }
        Ok(())
    }
}

fn due(again: Option<Timestamp>, now: Timestamp) -> Action {
    match again {
        // a moment later rather than a moment too early
        Some(at) => {
            let wait = u64::try_from(at.duration_since(now).as_millis()).unwrap_or(0);
            Action::requeue(Duration::from_millis(wait + 50))
        }
        None => Action::await_change(),
    }
}
