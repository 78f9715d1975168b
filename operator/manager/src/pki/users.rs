use std::sync::Arc;

use jiff::Timestamp;
use sluice_core::cluster::{Wanted, certificates, names};
use sluice_core::meta::Owner;
use sluice_core::pki::{self, Bundle, Certificate, Identity};
use tracing::info;

use super::issue::Place;
use super::mint::{self, Trouble};
use super::vault::Found;
use crate::context::Context;
use crate::error::Error;

/// What a user's clients should show.
pub struct Issued {
    pub bundle: Arc<Bundle>,
    /// It is not in their Secret yet.
    pub fresh: bool,
}

/// The authority of users and the name of its Secret, where users come by certificates. What brokers trust of it is written too:
/// they mount it.
pub async fn authority(
    place: &Place<'_>,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Option<(String, Arc<Bundle>)>, Error> {
    if !wanted.takes_certificates() {
        return Ok(None);
    }
    let name = names::clients_authority_secret(&wanted.owner.name);
    let bundle = match place.find(&name).await? {
        Found::There(bundle) => bundle,
        found if place.paused => return Ok(found.bundle().map(|bundle| (name, Arc::clone(bundle)))),
        found => {
            let bundle = match &found {
                // somebody deleted it
                Found::There(bundle) | Found::Lost(bundle) => Bundle::clone(bundle),
                Found::Nothing => mint::authority(&certificates::clients_authority(&wanted.owner), now)
                    .map_err(place.trouble(&name))?,
            };
            info!(cluster = %wanted.owner.name, "the certificate authority of users is written");
            let secret = bundle.authority_secret(place.owner, name.clone(), place.component);
            place.put(secret, bundle).await?
        }
    };
    if !place.paused {
        let name = names::clients_trust_secret(&wanted.owner.name);
        place
            .context
            .apply(&pki::trust_secret(&bundle.trusted, &wanted.owner, name, names::COMPONENT))
            .await?;
    }
    Ok(Some((name, bundle)))
}

/// The certificate of a user of the cluster: the one in the Secret, or a new one that the caller writes there. `None` while the
/// cluster has no authority for users.
pub async fn of_user(
    context: &Context,
    user: &Owner,
    secret: (String, &'static str),
    identity: &Identity,
    cluster: &Owner,
    now: Timestamp,
) -> Result<Option<Issued>, Error> {
    let name = names::clients_authority_secret(&cluster.name);
    let Found::There(authority) = context.vault.find(context, cluster, &name, names::COMPONENT).await? else {
        // the cluster's own pass makes it, or brings it back
        return Ok(None);
    };
    let (name, component) = secret;
    let place = Place { context, owner: user, component, paused: false };
    let signer = Certificate::first(&authority.certificate)
        .map_err(|_| Trouble::Authority)
        .map_err(place.trouble(&name))?;
    let found = place.find(&name).await?;
    let held = found.bundle();
    let Some(why) = pki::leaf(held.and_then(|held| held.leaf()).as_ref(), identity, &signer, now) else {
        return Ok(held.map(|bundle| Issued { bundle: Arc::clone(bundle), fresh: false }));
    };
    info!(user = %user.name, secret = name, why = why.text(), "a certificate is issued");
    let bundle =
        mint::leaf(identity, &authority, held.map(Arc::as_ref), now).map_err(place.trouble(&name))?;
    Ok(Some(Issued { bundle: Arc::new(bundle), fresh: true }))
}
