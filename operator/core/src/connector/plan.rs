use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_crds::ConnectorStatus;
use sluice_crds::common::RunState as Declared;

use super::health::{failure, judge};
use super::restart::Progress;
use super::{ConnectorReason as Why, Wanted};
use crate::condition::Verdict;
use crate::connect::credentials::{Credentials, Missing, SecretKey};
use crate::connect::owner;
use crate::referent::{self, Referent};
use crate::view::Sight;
use crate::view::connect::{ConnectView, ConnectorView, RunState};

/// What a pass over a Connector knows of the world.
pub struct Seen<'a> {
    /// The ConnectCluster.
    pub cluster: Referent,
    /// `None`: nobody looks at that Connect cluster yet.
    pub connect: Option<&'a Sight<ConnectView>>,
    /// What the connectors' Secret says about itself.
    pub credentials: &'a Credentials,
    /// We gave an order a moment ago, and the view may be older.
    pub settling: bool,
}

/// The one change that is made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    None,
    /// Validated first. `fresh`: it does not exist yet.
    Configure {
        fresh: bool,
    },
    Pause,
    Resume,
    Stop,
    /// The connector and all of its tasks.
    Restart,
    /// What of it has failed; the state that the spec wants is ordered first, because a connector that failed ignores it.
    RestartFailed(Declared),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub step: Step,
    /// What holds before the step is made.
    pub verdict: Verdict,
    /// What must be in status before the step.
    pub before: Progress,
    /// What is in status once the step has been made.
    pub after: Progress,
    /// When to look again though nothing wakes us.
    pub again: Option<Timestamp>,
    /// Whether the connector in Connect is ours.
    pub owned: bool,
}

/// What happens next to a connector, or why nothing does.
pub fn plan(wanted: &Wanted, status: &ConnectorStatus, seen: &Seen<'_>, now: Timestamp) -> Plan {
    let progress = Progress::of(status);
    let keep = |verdict| Plan {
        step: Step::None,
        verdict,
        before: progress.clone(),
        after: progress.clone(),
        again: None,
        owned: status.owned,
    };
    match seen.cluster {
        Referent::There => {}
        Referent::Missing => {
            return keep(Verdict::stalled(
                Why::ConnectMissing,
                format!(
                    "There is no ConnectCluster {} in this namespace. Create it, or delete this Connector and create it with \
                     another spec.connectRef",
                    wanted.connect
                ),
            ));
        }
        Referent::Unparsable => {
            let message =
                referent::unparsable("ConnectCluster", &wanted.connect, "The connector stays as it is");
            return keep(Verdict::unknown(Why::ConnectUnparsable, message));
        }
    }
    let Some(view) = seen.connect.and_then(Sight::current) else {
        return keep(blind(wanted, seen.connect));
    };
    let connector = view.connectors.get(&wanted.name);
    let ours = connector.is_some_and(|c| owner::is_ours(&c.config, &wanted.namespace, &wanted.name));
    let mut plan = Plan { owned: ours, ..keep(Verdict::reconciling(Why::Creating, "")) };
    if connector.is_some() && !ours && !seen.settling {
        plan.verdict = Verdict::stalled(
            Why::NameTaken,
            format!(
                "Connect has a connector {0} that Sluice did not make. It is left alone. Delete it there (its offsets stay, and this \
                 connector continues from them), or create this Connector under another name",
                wanted.name
            ),
        );
        return plan;
    }
    if let Some(verdict) = paused(wanted, connector) {
        plan.verdict = verdict;
        return plan;
    }
    // to stop takes neither plugin nor Secret: who deletes a pipeline may have deleted its Secret before
    if let Some(connector) = connector
        && wanted.state == Declared::Stopped
        && !seen.settling
        && let Some(step) = towards(wanted.state, connector)
    {
        plan.verdict = changing_state(wanted);
        plan.step = step;
        return plan;
    }
    if let Some(verdict) = plugin_missing(wanted, view) {
        plan.verdict = verdict;
        return plan;
    }
    let missing = seen.credentials.missing(&wanted.references);
    if !missing.is_empty() {
        plan.verdict = secret_missing(&missing, connector.is_some());
        return plan;
    }
    let Some(version) = seen.credentials.version_of(&wanted.references) else {
        plan.verdict = Verdict::reconciling(
            Why::SecretsPending,
            "Sluice is gathering the Secrets that the configuration names",
        );
        return plan;
    };
    // a file that is not there is no error to Connect: the connector would start with the variable as its password
    let mounted = wanted.references.is_empty() || view.secrets_revision >= Some(version);
    let pending = || {
        Verdict::reconciling(
            Why::SecretsPending,
            "The workers do not have the newest values of the Secrets yet; it takes seconds",
        )
    };
    let Some(connector) = connector else {
        let restarted_at = wanted.restarted_at;
        let fresh = Progress { restarts: None, restarted_at, secrets_revision: Some(version) };
        plan.verdict =
            Verdict::reconciling(Why::Creating, format!("Connector {} is being created", wanted.name));
        return configure(plan, seen, mounted, pending, fresh, true);
    };
    let differing = differing(&connector.config, &wanted.config);
    if !differing.is_empty() {
        let changed = Progress { restarts: None, secrets_revision: Some(version), ..progress.clone() };
        let keys = crate::connector::status::list(&differing, 8);
        plan.verdict = Verdict::reconciling(Why::Updating, format!("Changing {keys}"));
        return configure(plan, seen, mounted, pending, changed, false);
    }
    if seen.settling {
        plan.verdict = settling(status, connector);
        return plan;
    }
    if let Some(step) = towards(wanted.state, connector) {
        plan.verdict = changing_state(wanted);
        plan.step = step;
        return plan;
    }
    let requested = wanted.restarted_at.is_some() && wanted.restarted_at != progress.restarted_at;
    let rotated = !wanted.references.is_empty() && progress.secrets_revision != Some(version);
    if requested || rotated {
        if rotated && !mounted {
            plan.verdict = pending();
            return plan;
        }
        let why =
            if requested { "spec.restartedAt was set" } else { "a Secret that it uses has a new value" };
        plan.verdict = Verdict::reconciling(Why::Restarting, format!("Restarting the connector: {why}"));
        plan.step = Step::Restart;
        plan.after = Progress {
            restarts: None,
            restarted_at: wanted.restarted_at.or(progress.restarted_at),
            secrets_revision: Some(version),
        };
        return plan;
    }
    judge(plan, wanted, connector, now)
}

fn changing_state(wanted: &Wanted) -> Verdict {
    Verdict::reconciling(Why::ChangingState, format!("Changing its state to {:?}", wanted.state))
}

fn configure(
    mut plan: Plan,
    seen: &Seen<'_>,
    mounted: bool,
    pending: impl Fn() -> Verdict,
    after: Progress,
    fresh: bool,
) -> Plan {
    if !mounted {
        plan.verdict = pending();
    } else if !seen.settling {
        plan.step = Step::Configure { fresh };
        plan.after = after;
    }
    plan
}

/// The order that brings the connector to the declared state, if it is not there.
fn towards(state: Declared, connector: &ConnectorView) -> Option<Step> {
    match (state, connector.state) {
        (Declared::Running, RunState::Paused | RunState::Stopped) => Some(Step::Resume),
        (Declared::Stopped, seen) if seen != RunState::Stopped => Some(Step::Stop),
        // one that has failed stays FAILED whatever is ordered: the restart of what failed orders the state too
        (Declared::Paused, seen) if seen != RunState::Paused && seen != RunState::Failed => Some(Step::Pause),
        _ => None,
    }
}

/// Keys that only one of them has, or that have another value.
fn differing(in_force: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let mut keys: Vec<_> = wanted
        .iter()
        .filter(|(key, value)| in_force.get(*key) != Some(value))
        .map(|(key, _)| key)
        .chain(in_force.keys().filter(|key| !wanted.contains_key(*key)))
        .cloned()
        .collect();
    keys.sort();
    keys
}

fn paused(wanted: &Wanted, connector: Option<&std::sync::Arc<ConnectorView>>) -> Option<Verdict> {
    if !wanted.paused {
        return None;
    }
    let would = match connector {
        None => "the connector does not exist and would be created".to_owned(),
        Some(connector) => {
            let keys = differing(&connector.config, &wanted.config);
            match keys.as_slice() {
                [] => "the connector has the declared configuration".to_owned(),
                keys => format!("this would change: {}", crate::connector::status::list(keys, 8)),
            }
        }
    };
    Some(Verdict::stalled(Why::Paused, format!("spec.paused is set: {would}")))
}

fn plugin_missing(wanted: &Wanted, view: &ConnectView) -> Option<Verdict> {
    let connectors = view.plugins.iter().filter(|plugin| plugin.kind == "source" || plugin.kind == "sink");
    let mut classes: Vec<&str> = connectors.map(|plugin| plugin.class.as_str()).collect();
    if classes.contains(&wanted.class.as_str()) {
        return None;
    }
    let short = |class: &str| class.rsplit('.').next().unwrap_or_default().to_lowercase();
    let own = short(&wanted.class);
    // the package is often the part that somebody remembers wrongly
    classes.sort_by_key(|class| (strsim::damerau_levenshtein(&own, &short(class)), *class));
    classes.dedup();
    let near = match classes.as_slice() {
        [] => "It has no connector plugin at all".to_owned(),
        classes => {
            let names: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
            format!("It has, the most similar first: {}", crate::connector::status::list(&names, 5))
        }
    };
    Some(Verdict::stalled(
        Why::PluginMissing,
        format!(
            "The image of ConnectCluster {} has no connector plugin {}. {near}. Correct spec.class, or give spec.image of the \
             ConnectCluster an image with the plugin",
            wanted.connect, wanted.class
        ),
    ))
}

fn secret_missing(missing: &[(&SecretKey, Missing)], exists: bool) -> Verdict {
    let what: Vec<_> = missing
        .iter()
        .map(|(reference, missing)| match missing {
            Missing::Secret => format!("there is no Secret {}", reference.secret),
            Missing::Key => format!("Secret {} has no key {}", reference.secret, reference.key),
        })
        .collect();
    let then =
        if exists { "The connector goes on as it is" } else { "The connector is created once it is there" };
    Verdict::stalled(
        Why::SecretMissing,
        format!("The configuration names what does not exist: {}. {then}. Create it", what.join(", ")),
    )
}

/// After an order, until a view shows what it did: what status says stays, if it speaks of something under way.
fn settling(status: &ConnectorStatus, connector: &ConnectorView) -> Verdict {
    if let Some((reason, what)) = failure(connector) {
        return Verdict::reconciling(reason, format!("{what}. It is being restarted"));
    }
    let under_way = status.conditions.iter().find(|condition| condition.type_ == "Reconciling");
    let message =
        under_way.map_or("Connect is carrying out an order", |condition| condition.message.as_str());
    let known = [Why::Creating, Why::Updating, Why::ChangingState, Why::Restarting, Why::Recovering];
    let reason = under_way
        .and_then(|condition| {
            use crate::reason::Reason as _;
            known.into_iter().find(|why| why.as_str() == condition.reason)
        })
        .unwrap_or(Why::ChangingState);
    Verdict::reconciling(reason, message)
}

pub(super) fn blind(wanted: &Wanted, sight: Option<&Sight<ConnectView>>) -> Verdict {
    let (since, error) = sight.and_then(Sight::blind).map_or((None, None), |(s, e)| (Some(s), e));
    let since = match since {
        Some(since) => format!("ConnectCluster {} has not answered since {since:.0}", wanted.connect),
        None => format!("ConnectCluster {} has not been reached yet", wanted.connect),
    };
    let error = error.map(|error| format!(": {error}")).unwrap_or_default();
    Verdict::unknown(
        Why::ConnectUnreachable,
        format!("{since}{error}. Sluice keeps trying; see the conditions of the ConnectCluster"),
    )
}
