use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use sluice_clients::kafka::tls;
use sluice_core::cluster::certificates;
use sluice_core::cluster::{Certificates, Wanted, names};
use sluice_core::meta::Owner;
use sluice_core::pki::{self, Bundle, Certificate, Identity, Phase, Why};
use tracing::info;

use super::authority::{self, Ruled};
use super::mint::{self, Trouble};
use super::spread;
use super::users;
use super::vault::Found;
use crate::context::Context;
use crate::error::Error;

/// What of a cluster's certificates there is.
#[derive(Default)]
pub struct Certified {
    /// Of each pool's certificate.
    pub revisions: BTreeMap<String, i64>,
    /// Sluice's own.
    pub own: Option<Arc<Bundle>>,
    /// What status tells.
    pub seen: Certificates,
    /// When the first of them is due.
    renew_at: Option<Timestamp>,
}

/// Issues what a cluster lacks. What could be issued before one failed is told too, so that a pass can go on.
pub async fn of_cluster(context: &Context, wanted: &Wanted, now: Timestamp) -> (Certified, Option<Error>) {
    let mut certified = Certified::default();
    let done = issue_all(context, wanted, now, &mut certified).await;
    (certified, done.err())
}

async fn issue_all(
    context: &Context,
    wanted: &Wanted,
    now: Timestamp,
    certified: &mut Certified,
) -> Result<(), Error> {
    let place = Place { context, owner: &wanted.owner, component: names::COMPONENT, paused: wanted.paused };
    let Ruled { held, refused } = authority::of_cluster(&place, wanted, now).await?;
    certified.seen.refused = refused;
    let Some(held) = held else { return Ok(()) };
    if let Some((name, bundle)) = users::authority(&place, wanted, now).await? {
        certified.tell(name, &bundle);
    }
    leaves(&place, wanted, &held, now, certified).await?;
    if held.phase() == Phase::Settled || wanted.paused {
        return Ok(());
    }
    // only once every Secret says what the authority says can be seen who was restarted since
    if spread::is_everywhere(context, wanted, &held, &certified.revisions).await? {
        let next = authority::advance(&place, &held, now).await?;
        leaves(&place, wanted, &next, now, certified).await?;
    }
    Ok(())
}

async fn leaves(
    place: &Place<'_>,
    wanted: &Wanted,
    authority: &Bundle,
    now: Timestamp,
    certified: &mut Certified,
) -> Result<(), Error> {
    let name = names::authority_secret(&wanted.owner.name);
    certified.tell(name.clone(), authority);
    certified.seen.authority = Some((name, authority.phase()));
    if !wanted.paused {
        let name = names::trust_secret(&wanted.owner.name);
        let secret = pki::trust_secret(&authority.trusted, &wanted.owner, name, names::COMPONENT);
        place.context.apply(&secret).await?;
    }
    for leaf in certificates::leaves(wanted) {
        let Some(bundle) = place.leaf(&leaf.secret, &leaf.identity, authority, now).await? else { continue };
        certified.tell(leaf.secret, &bundle);
        match leaf.pool {
            Some(pool) => drop(certified.revisions.insert(pool, bundle.revision)),
            None => certified.own = Some(bundle),
        }
    }
    Ok(())
}

/// The certificate of a client of the cluster, in a Secret of the client's own; `None` while the cluster has no authority.
pub async fn of_client(
    context: &Context,
    client: (&Owner, &'static str),
    secret: &str,
    identity: &Identity,
    cluster: &Owner,
    now: Timestamp,
) -> Result<Option<Arc<Bundle>>, Error> {
    let name = names::authority_secret(&cluster.name);
    let authority = match context.vault.find(context, cluster, &name, names::COMPONENT).await? {
        Found::There(authority) => authority,
        // its own pass brings it back
        Found::Lost(_) | Found::Nothing => return Ok(None),
    };
    let (owner, component) = client;
    Place { context, owner, component, paused: false }.leaf(secret, identity, &authority, now).await
}

/// How Sluice itself connects to a cluster, if there is a certificate for it.
pub async fn sluices_own(context: &Context, owner: &Owner) -> Result<Option<Arc<Bundle>>, Error> {
    let name = names::operator_secret(&owner.name);
    let found = context.vault.find(context, owner, &name, names::COMPONENT).await?;
    Ok(found.bundle().cloned())
}

/// Whether a certificate is what the authority as it is now makes of it.
pub fn agrees(bundle: &Bundle, authority: &Bundle) -> bool {
    let key_id = |pem: &str| Certificate::first(pem).ok().and_then(|certificate| certificate.key_id);
    let issuer = bundle.leaf().and_then(|leaf| leaf.issuer_key_id);
    let signer = authority.signer();
    // what a lost authority signed cannot be signed again
    bundle.trusted == authority.trusted && (signer.1.is_none() || issuer == key_id(signer.0))
}

impl Certified {
    fn tell(&mut self, secret: String, bundle: &Bundle) {
        let Some(certificate) = bundle.leaf() else { return };
        self.renew_at = [self.renew_at, Some(pki::renew_at(&certificate))].into_iter().flatten().min();
        self.seen.ends.insert(secret, certificate.not_after);
    }

    /// How long until the first certificate is due.
    pub fn due_in(&self, now: Timestamp) -> Option<Duration> {
        self.renew_at.map(|at| until(at, now))
    }
}

/// How long until a certificate is due.
pub fn due_in(bundle: &Bundle, now: Timestamp) -> Option<Duration> {
    bundle.leaf().map(|leaf| until(pki::renew_at(&leaf), now))
}

/// Not at once: what is due and cannot be renewed is tried again now and then. And not so late that a timer could not hold it.
fn until(at: Timestamp, now: Timestamp) -> Duration {
    let left = u64::try_from(at.as_second() - now.as_second()).unwrap_or(0);
    Duration::from_secs(left.clamp(60, 7 * 24 * 3600))
}

/// Whose Secrets are issued.
pub struct Place<'a> {
    pub context: &'a Context,
    pub owner: &'a Owner,
    pub component: &'static str,
    /// Nothing is written.
    pub paused: bool,
}

impl Place<'_> {
    async fn leaf(
        &self,
        name: &str,
        identity: &Identity,
        authority: &Bundle,
        now: Timestamp,
    ) -> Result<Option<Arc<Bundle>>, Error> {
        let (signer, key) = authority.signer();
        let signer =
            Certificate::first(signer).map_err(|_| Trouble::Authority).map_err(self.trouble(name))?;
        let found = self.find(name).await?;
        let held = found.bundle();
        let why = pki::leaf(held.and_then(|held| held.leaf()).as_ref(), identity, &signer, now)
            // it may be of the new authority already: who has come since has nothing else
            .filter(|why| *why != Why::Issuer || key.is_some());
        let trusts = held.is_some_and(|held| held.trusted == authority.trusted);
        let bundle = match (why, held, &found) {
            (None, Some(held), Found::There(_)) if trusts => return Ok(Some(Arc::clone(held))),
            _ if self.paused => return Ok(held.cloned()),
            (None, Some(held), _) if trusts => Bundle::clone(held),
            (None, Some(held), _) => mint::trusting(authority, held, now),
            (_, held, _) => {
                mint::leaf(identity, authority, held.map(Arc::as_ref), now).map_err(self.trouble(name))?
            }
        };
        let why = why.map_or("it was gone, or others are trusted now", Why::text);
        info!(owner = %self.owner.name, secret = name, why, "a certificate is written");
        let secret = bundle.secret(self.owner, name.to_owned(), self.component);
        self.put(secret, bundle).await.map(Some)
    }

    pub async fn find(&self, name: &str) -> Result<Found, Error> {
        self.context.vault.find(self.context, self.owner, name, self.component).await
    }

    pub async fn put(&self, secret: Secret, bundle: Bundle) -> Result<Arc<Bundle>, Error> {
        self.context.vault.put(self.context, self.owner, secret, bundle).await
    }

    pub fn trouble(&self, name: &str) -> impl FnOnce(Trouble) -> Error + use<> {
        let doing = format!("issue the certificate of Secret {}/{name}", self.owner.namespace);
        move |source| Error::Certificate { doing, source }
    }
}

/// TLS with this certificate.
pub fn tls_of(bundle: &Bundle) -> Result<rustls::ClientConfig, Trouble> {
    let [trusted, certificate, key] =
        [&bundle.trusted, &bundle.certificate, &bundle.key].map(String::as_bytes);
    Ok(tls::mutual(trusted, certificate, key)?)
}
