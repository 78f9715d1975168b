//! Leader election by a Lease: client-go's protocol (k8s.io/client-go/tools/leaderelection).
//!
//! A lease has expired when *we* have watched it unchanged for its duration on our own clock; the times written
//! in it are never compared with ours. Every write is a replace with the resourceVersion that we read.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use crate::act::apply::is_status;
use crate::scope::chain;

/// How often one who waits says for whom.
const TELL: Duration = Duration::from_mins(1);

/// Where a lease is.
#[derive(Clone, Debug)]
pub struct Place {
    pub namespace: String,
    pub name: String,
}

/// client-go's defaults are 15 s, 10 s and 2 s; we renew every 3 s, which a lease of 15 s forgives four times.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long others leave a lease alone that does not change.
    pub duration: Duration,
    /// A leader that could not renew for so long steps down. Less than `duration`.
    pub renew_deadline: Duration,
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(3),
        }
    }
}

#[derive(Debug, Error)]
pub enum LeaseError {
    #[error("another replica holds the lease: {0}")]
    Taken(String),
    #[error("the lease could not be renewed for {} s", .0.as_secs())]
    NotRenewed(Duration),
}

pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
}

/// A lease as we last saw it, and when on our clock it last changed.
struct Observed {
    lease: Lease,
    changed: Instant,
}

impl Observed {
    fn holder(&self) -> Option<String> {
        self.lease.spec.as_ref()?.holder_identity.clone()
    }
}

/// What to do about a lease at one moment.
#[derive(Debug, PartialEq)]
enum Move {
    Create,
    Take,
    Renew,
    Wait,
}

/// Decides from what was seen, without looking at the times that others wrote.
fn next(seen: Option<(&LeaseSpec, Duration)>, identity: &str) -> Move {
    let Some((spec, unchanged)) = seen else { return Move::Create };
    match spec.holder_identity.as_deref() {
        Some(holder) if holder == identity => Move::Renew,
        None | Some("") => Move::Take,
        Some(_) => {
            let duration = u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
            if unchanged >= Duration::from_secs(duration) { Move::Take } else { Move::Wait }
        }
    }
}

impl Election {
    pub fn new(client: Client, place: Place, identity: &str, timing: Timing) -> Self {
        let Place { namespace, name } = place;
        Self { api: Api::namespaced(client, &namespace), name, identity: identity.to_owned(), timing }
    }

    /// Resolves once we lead. `answered` is called whenever the lease could be looked at: then we could take over.
    pub async fn win(self, answered: impl Fn()) -> Reign {
        let mut observed: Option<Observed> = None;
        let mut told: Option<(Instant, Option<String>)> = None;
        loop {
            let asked = Instant::now();
            // a connection can die without a word, and then there is no answer for ever
            match timeout(self.timing.renew_deadline, self.attempt(&mut observed)).await {
                Ok(Ok(true)) => {
                    answered();
                    let observed = observed.expect("an attempt that succeeded has seen the lease");
                    return Reign { lease: observed.lease, renewed: asked, election: self };
                }
                Ok(Ok(false)) => {
                    answered();
                    let holder = observed.as_ref().and_then(Observed::holder);
                    let news = told.as_ref().is_none_or(|(at, of)| at.elapsed() >= TELL || *of != holder);
                    if news {
                        info!(lease = self.name, holder, "standing by: another holds the lease");
                        told = Some((Instant::now(), holder));
                    }
                }
                Ok(Err(error)) => warn!(error = %chain(&error), "lease: trying again"),
                Err(_) => warn!("lease: no answer, trying again"),
            }
            sleep(self.timing.retry).await;
        }
    }

    /// One look and at most one write. Whether we hold the lease now.
    async fn attempt(&self, observed: &mut Option<Observed>) -> kube::Result<bool> {
        let found = self.api.get_opt(&self.name).await?;
        *observed = found.map(|lease| match observed.take() {
            Some(before) if before.lease.resource_version() == lease.resource_version() => before,
            _ => Observed { lease, changed: Instant::now() },
        });
        let seen = observed.as_ref().map(|o| (o.lease.spec.clone().unwrap_or_default(), o.changed.elapsed()));
        let chosen = next(seen.as_ref().map(|(spec, unchanged)| (spec, *unchanged)), &self.identity);
        let written = match chosen {
            Move::Wait => return Ok(false),
            Move::Create => {
                let lease = Lease {
                    metadata: ObjectMeta { name: Some(self.name.clone()), ..Default::default() },
                    spec: Some(self.spec(None)),
                };
                self.api.create(&PostParams::default(), &lease).await
            }
            Move::Take | Move::Renew => {
                let mut lease = observed.as_ref().expect("there is a lease to take").lease.clone();
                lease.spec = Some(self.spec(lease.spec.as_ref()));
                self.api.replace(&self.name, &PostParams::default(), &lease).await
            }
        };
        match written {
            Ok(lease) => {
                debug!(?chosen, "lease held");
                *observed = Some(Observed { lease, changed: Instant::now() });
                Ok(true)
            }
            // somebody was faster
            Err(error) if is_status(&error, &[409]) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The spec with which we hold the lease after `before`.
    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let ours = before.and_then(|spec| spec.holder_identity.as_ref()) == Some(&self.identity);
        let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timing.duration.as_secs()).ok(),
            acquire_time: if ours { before.and_then(|s| s.acquire_time.clone()) } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if ours || before.is_none() { transitions } else { transitions + 1 }),
            ..Default::default()
        }
    }
}

/// The time in which we lead.
pub struct Reign {
    election: Election,
    lease: Lease,
    /// When we asked for it, not when we were told: others count from the write, which lies between.
    renewed: Instant,
}

impl Reign {
    /// Renews until that fails for too long or another holds the lease. Cancelling it loses nothing.
    pub async fn lost(&mut self) -> LeaseError {
        loop {
            sleep(self.election.timing.retry).await;
            let left = self.election.timing.renew_deadline.saturating_sub(self.renewed.elapsed());
            let asked = Instant::now();
            match timeout(left, self.renew()).await {
                Ok(Ok(())) => self.renewed = asked,
                Ok(Err(Some(holder))) => return LeaseError::Taken(holder),
                Ok(Err(None)) | Err(_) => {
                    if self.renewed.elapsed() >= self.election.timing.renew_deadline {
                        return LeaseError::NotRenewed(self.election.timing.renew_deadline);
                    }
                }
            }
        }
    }

    /// One write; a look only when somebody else has written. `Err(Some(holder))`: we are deposed.
    async fn renew(&mut self) -> Result<(), Option<String>> {
        let mut lease = self.lease.clone();
        lease.spec = Some(self.election.spec(lease.spec.as_ref()));
        match self.election.api.replace(&self.election.name, &PostParams::default(), &lease).await {
            Ok(lease) => {
                self.lease = lease;
                Ok(())
            }
            Err(error) if is_status(&error, &[404, 409]) => {
                let mut observed = None;
                match self.election.attempt(&mut observed).await {
                    Ok(true) => {
                        self.lease = observed.expect("held, so seen").lease;
                        Ok(())
                    }
                    Ok(false) => {
                        let holder = observed.and_then(|o| o.lease.spec).and_then(|s| s.holder_identity);
                        Err(holder)
                    }
                    Err(_) => Err(None),
                }
            }
            Err(error) => {
                warn!(error = %chain(&error), "lease not renewed");
                Err(None)
            }
        }
    }

    /// Gives the lease back, so that another replica need not wait for it to expire.
    pub async fn release(self) {
        match timeout(self.election.timing.renew_deadline, self.give_back()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(error = %chain(&error), "lease not released"),
            Err(_) => debug!("lease not released: no answer"),
        }
    }

    async fn give_back(&self) -> kube::Result<()> {
        let Election { api, name, .. } = &self.election;
        // not as we know it: a renewal that was cancelled may have arrived all the same
        let Some(mut lease) = api.get_opt(name).await? else { return Ok(()) };
        match lease.spec.as_mut() {
            Some(spec) if spec.holder_identity.as_ref() == Some(&self.election.identity) => {
                spec.holder_identity = None;
                spec.lease_duration_seconds = Some(1);
            }
            _ => return Ok(()),
        }
        api.replace(name, &PostParams::default(), &lease).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(by: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(by.into()),
            lease_duration_seconds: Some(15),
            // a clock that is an hour ahead, or behind, changes nothing
            renew_time: Some(MicroTime(Timestamp::now() + Duration::from_hours(1))),
            ..Default::default()
        }
    }

    #[test]
    fn a_lease_is_taken_only_when_nobody_touched_it_for_its_duration() {
        let lease = held("other");
        assert_eq!(next(Some((&lease, Duration::from_secs(14))), "me"), Move::Wait);
        assert_eq!(next(Some((&lease, Duration::from_secs(15))), "me"), Move::Take);
    }

    #[test]
    fn our_own_and_a_released_lease_need_no_waiting() {
        assert_eq!(next(Some((&held("me"), Duration::ZERO)), "me"), Move::Renew);
        assert_eq!(next(Some((&held(""), Duration::ZERO)), "me"), Move::Take);
        assert_eq!(next(None, "me"), Move::Create);
    }
}
