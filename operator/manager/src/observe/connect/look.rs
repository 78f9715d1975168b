use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use sluice_clients::connect::{Client, Deadlines, Error};
use sluice_core::cdc::compile::SOURCE_CLASS;
use sluice_core::connect::credentials;
use sluice_core::view::Sight;
use sluice_core::view::connect::ConnectView;
use tracing::{debug, info};

use super::world::{Workers, World};
use crate::context::Context;
use crate::observe::survive::unending;
use crate::scope::chain;

/// Time between looks. Steady: a task's failure is told within 5 s (this, a request, a pass).
const STEADY: Duration = Duration::from_secs(2);
const BRISK: Duration = Duration::from_millis(400);
/// A look that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(5);
/// Every so many looks the worker is asked for its version and plugins too: they only change with its image.
const WHOLE: u64 = 30;

/// Looks at the cluster for ever.
pub async fn observe(world: Arc<World>, context: Weak<Context>) {
    let blind = |why: &str| {
        let before = world.sight();
        world.failed(Timestamp::now(), why.to_owned());
        if let Some(context) = context.upgrade() {
            context.connect_seen(&world.key, &before, &world.sight());
        }
    };
    unending("look at Connect", &world.key, || rounds(&world, &context), blind).await;
}

async fn rounds(world: &Arc<World>, context: &Weak<Context>) {
    let deadlines = Deadlines { quick: DEADLINE, validate: DEADLINE, ..Deadlines::default() };
    let client = world.client.with(deadlines);
    let mut asked = Asked::default();
    for round in 0.. {
        let before = world.sight();
        look(world, &client, &mut asked, round % WHOLE == 0).await;
        let after = world.sight();
        {
            let Some(context) = context.upgrade() else { return };
            context.connect_seen(&world.key, &before, &after);
        }
        let expected = match after.current() {
            Some(view) => view.secrets_revision < Some(asked.whom.revision),
            // a worker that is ready and does not answer is about to
            None => !world.workers().urls.is_empty(),
        };
        let pause = if expected || world.anything_settles() { BRISK } else { STEADY };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = world.nudged() => {}
        }
    }
}

/// What was asked last of the workers' mounts.
#[derive(Default)]
struct Asked {
    whom: Workers,
}

async fn look(world: &World, client: &Client, asked: &mut Asked, whole: bool) {
    let sight = world.sight();
    match seen(client, &sight, whole).await {
        Ok(mut view) => {
            let workers = world.workers();
            let known = sight.current().and_then(|before| before.secrets_revision);
            view.secrets_revision = if workers == asked.whom && known >= Some(workers.revision) {
                known
            } else {
                mounted(client, &workers, &view).await
            };
            let again = whole || workers != asked.whom || sight.current().is_none();
            if again {
                view.exactly_once = exactly_once(client, &workers, &view).await;
            }
            asked.whom = workers;
            if sight.current().is_none() {
                info!(connect = %world.key, "Connect answers");
            }
            world.looked(view);
        }
        Err(error) => {
            let text = chain(&error);
            if sight.current().is_some() {
                info!(connect = %world.key, reason = error.reason(), error = %text, "lost sight of Connect");
            } else if sight.blind().and_then(|(_, error)| error) != Some(&text) {
                debug!(connect = %world.key, reason = error.reason(), error = %text, "Connect does not answer");
            }
            world.failed(Timestamp::now(), text);
        }
    }
}

async fn seen(client: &Client, sight: &Sight<ConnectView>, whole: bool) -> Result<ConnectView, Error> {
    let before = sight.latest().map(Arc::as_ref);
    match sight.current() {
        Some(view) if !whole => Ok(ConnectView {
            connectors: client.connectors(before).await?,
            version: view.version.clone(),
            kafka_cluster_id: view.kafka_cluster_id.clone(),
            plugins: view.plugins.clone(),
            secrets_revision: view.secrets_revision,
            exactly_once: view.exactly_once,
        }),
        _ => client.view(before).await,
    }
}

/// The lowest revision of the connectors' Secret that a worker has mounted; `None` where one does not say. A task can start on any
/// worker, so the slowest kubelet counts.
async fn mounted(client: &Client, workers: &Workers, view: &ConnectView) -> Option<i64> {
    // any connector class will do: it is only asked what it makes of its name
    let class = view.plugins.iter().find(|plugin| plugin.kind == "source" || plugin.kind == "sink")?;
    let variable = credentials::revision_variable();
    let mut lowest = None;
    for url in &workers.urls {
        let worker = client.at(url.parse().ok()?);
        let said = match worker.resolve(&class.class, &variable).await {
            Ok(said) => said?,
            Err(error) => {
                debug!(worker = %url, error = %chain(&error), "a worker does not say what it has mounted");
                return None;
            }
        };
        let revision = said.trim().parse::<i64>().ok()?;
        lowest = Some(lowest.map_or(revision, |lowest: i64| lowest.min(revision)));
    }
    lowest
}

/// Whether all workers run the source's connector exactly once; `None` where one does not say: a task can start on any of them.
async fn exactly_once(client: &Client, workers: &Workers, view: &ConnectView) -> Option<bool> {
    let known = view.plugins.iter().any(|plugin| plugin.class == SOURCE_CLASS);
    if !known || workers.urls.is_empty() {
        return None;
    }
    let mut all = true;
    for url in &workers.urls {
        match client.at(url.parse().ok()?).exactly_once(SOURCE_CLASS).await {
            Ok(one) => all &= one,
            Err(error) => {
                debug!(worker = %url, error = %chain(&error), "a worker does not say whether it delivers exactly once");
                return None;
            }
        }
    }
    Some(all)
}
