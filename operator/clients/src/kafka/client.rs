//! A client of one cluster: chooses the broker, and the next one when it does not answer.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::ApiVersionsRequest;
use parking_lot::{Mutex, MutexGuard};
use sluice_core::view::kafka::NodeId;
use tokio::time::Instant;

use super::address::Address;
use super::broker::Broker;
use super::error::Error;
use super::options::Options;
use super::routes::Routes;
use super::versions::Speak;

/// Cheap to clone; clones share connections and what was learned about the cluster.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    within: Option<Duration>,
}

struct Inner {
    options: Options,
    routes: Mutex<Routes>,
}

/// An answer and who gave it.
pub(super) struct Answer<R: Speak> {
    pub body: R::Response,
    broker: Arc<Broker>,
}

impl Client {
    /// Connects when it is first used.
    pub fn new(options: Options) -> Self {
        let routes = Mutex::new(Routes::new(&options.bootstrap));
        Self { inner: Arc::new(Inner { options, routes }), within: None }
    }

    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// First questions go there from now on. What was learned about the cluster stays.
    pub fn reach(&self, bootstrap: &[Address]) {
        self.routes().reach(bootstrap);
    }

    /// The same client with another deadline for each call.
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        Self { inner: Arc::clone(&self.inner), within: Some(deadline) }
    }

    /// Whether a connection to a broker has ended, or none could be made, since this was asked before: a broker has likely
    /// gone. Asks nobody; a machine that went without a word is noticed by its silence, some seconds later.
    pub fn has_lost_a_broker(&self) -> bool {
        self.routes().was_one_lost()
    }

    /// Sees to a connection to the broker, so that [`Self::has_lost_a_broker`] tells its end too. Sends nothing where there is one.
    pub async fn hold(&self, id: NodeId) -> Result<(), Error> {
        let Some(broker) = self.routes().node(id) else { return Ok(()) };
        broker.hold(&self.inner.options, self.until::<ApiVersionsRequest>()).await
    }

    /// When a call of kind `R` that starts now must be done.
    pub(super) fn until<R: Speak>(&self) -> Instant {
        let options = &self.inner.options;
        Instant::now() + self.within.unwrap_or(if R::READS { options.read } else { options.write })
    }

    pub(super) fn routes(&self) -> MutexGuard<'_, Routes> {
        self.inner.routes.lock()
    }

    /// Asks any broker. KRaft brokers forward to the controller what is the controller's (KIP-590).
    ///
    /// A request that changes something goes to a second broker only if the first has surely not seen it.
    pub(super) async fn any<R: Speak>(&self, request: &R, until: Instant) -> Result<Answer<R>, Error> {
        let candidates = self.routes().candidates();
        let mut tried: Vec<Address> = Vec::new();
        let mut last = Error::NoBootstrap { request: R::NAME };
        for (i, broker) in candidates.iter().enumerate() {
            let more = i + 1 < candidates.len();
            match broker.call(request, &self.inner.options, share::<R>(until, more)).await {
                Ok(body) => {
                    self.routes().prefer(broker);
                    return Ok(Answer { body, broker: Arc::clone(broker) });
                }
                Err(error) => {
                    tried.push(broker.address.clone());
                    let elsewhere = error.is_about_broker() && (R::READS || !error.outcome_unknown());
                    last = error;
                    if !elsewhere {
                        return Err(last);
                    }
                    if more {
                        tracing::debug!(error = %last, "asking another broker");
                    }
                }
            }
        }
        match tried.len() {
            0 | 1 => Err(last),
            _ => Err(Error::NoneAnswered { request: R::NAME, tried, last: Box::new(last) }),
        }
    }

    /// Asks this broker and no other.
    pub(super) async fn node<R: Speak>(
        &self,
        id: NodeId,
        request: &R,
        until: Instant,
    ) -> Result<Answer<R>, Error> {
        let known = self.routes().node(id);
        let broker = if let Some(broker) = known {
            broker
        } else {
            self.refresh(until).await?;
            self.routes().node(id).ok_or(Error::NoSuchBroker { request: R::NAME, node: id })?
        };
        let answered = broker.call(request, &self.inner.options, until).await;
        if let Err(Error::Unreachable { .. } | Error::TimedOut { .. }) = answered {
            self.routes().forget(id);
        }
        Ok(Answer { body: answered?, broker })
    }
}

/// Another broker is left to ask: keep half of the time for it.
fn share<R: Speak>(until: Instant, more: bool) -> Instant {
    let now = Instant::now();
    if R::READS && more { now + until.saturating_duration_since(now) / 2 } else { until }
}

impl<R: Speak> Answer<R> {
    /// The whole request was refused.
    pub fn refused(&self, error: super::ItemError) -> Error {
        Error::Kafka { request: R::NAME, broker: self.broker.address.clone(), error }
    }

    /// Well encoded, but it makes no sense.
    pub fn nonsense(&self, what: impl Into<String>) -> Error {
        self.broker.content::<R>(what.into())
    }
}
