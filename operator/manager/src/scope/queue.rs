use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::Resource;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::controller::{Action, Config, Error as QueueError, applier};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::{Key, Shelf};
use crate::context::Context;
use crate::error::Error;

/// How a pass ended: when the next one is due if nothing wakes the object earlier.
pub type Pass = Result<Action, Error>;

/// The least and the most time between passes that end with an error.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Runs `reconcile` for every ring of the bell; one pass per object at a time, `concurrency` in all.
pub fn spawn<K, F>(
    context: &Arc<Context>,
    kind: &'static str,
    shelf: fn(&Context) -> &Shelf<K>,
    bell: UnboundedReceiver<ObjectRef<DeserializeGuard<K>>>,
    concurrency: u16,
    reconcile: fn(Arc<DeserializeGuard<K>>, Arc<Context>) -> F,
    tasks: &mut JoinSet<()>,
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + Send
        + Sync
        + 'static,
    F: Future<Output = Pass> + Send + 'static,
{
    let context = Arc::clone(context);
    tasks.spawn(async move {
        // no pass before every store is filled: an unread reference must not look like a missing one
        context.lists.filled().await;
        let rings = futures::stream::unfold(bell, |mut bell| async move {
            bell.recv().await.map(|object| (Ok::<_, std::convert::Infallible>(object), bell))
        });
        let pass = move |object: Arc<DeserializeGuard<K>>, context: Arc<Context>| {
            let key = Key::of(object.as_ref());
            let run = tokio::spawn(timed(kind, key, shelf, reconcile(object, Arc::clone(&context)), context));
            Box::pin(async move {
                AbortOnDropHandle::new(run).await.unwrap_or_else(|panic| Err(Error::Panicked { source: panic }))
            })
        };
        let retry = move |object: Arc<DeserializeGuard<K>>, error: &Error, context: Arc<Context>| {
            let key = Key::of(object.as_ref());
            let failed = shelf(&context).note(&key, true);
            let wait = BACKOFF.1.min(BACKOFF.0 * 2u32.saturating_pow(failed.min(10) - 1));
            if error.is_conflict() {
                debug!(kind, object = %key, error = %chain(error), retry_in = ?wait, "somebody else wrote first");
            } else if error.is_farewell() {
                debug!(kind, object = %key, error = %chain(error), retry_in = ?wait, "its namespace is going away");
            } else {
                warn!(kind, object = %key, reason = error.reason(), error = %chain(error), retry_in = ?wait, "pass failed");
            }
            Action::requeue(wait)
        };
        let config = Config::default().concurrency(concurrency);
        let store = shelf(&context).store();
        applier(pass, retry, context, store, Box::pin(rings), config)
            .for_each(|ended| async {
                match ended {
                    // deleted while its pass was due; failures are told where they are retried
                    Ok(_) | Err(QueueError::ObjectNotFound(_) | QueueError::ReconcilerFailed(..)) => {}
                    Err(error) => debug!(kind, %error, "queue"),
                }
            })
            .await;
    });
}

async fn timed<K>(
    kind: &'static str,
    key: Key,
    shelf: fn(&Context) -> &Shelf<K>,
    pass: impl Future<Output = Pass>,
    context: Arc<Context>,
) -> Pass
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + 'static,
{
    let started = Instant::now();
    let ended = pass.await;
    let result = match &ended {
        Ok(_) => {
            shelf(&context).note(&key, false);
            "ok"
        }
        Err(error) => error.reason(),
    };
    context.shared.metrics.pass(kind, result, started.elapsed());
    ended
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
