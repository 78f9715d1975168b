use std::sync::Arc;

use jiff::Timestamp;
use sluice_core::cluster::{Wanted, certificates, names};
use sluice_core::pki::{self, Bundle, Certificate, Refusal, Turn, Wish};
use tracing::info;

use super::issue::Place;
use super::mint;
use super::vault::{Found, Vault};
use crate::error::Error;

/// The authority of a cluster, and why it is not the one that the spec names.
pub struct Ruled {
    /// `None`: there is none, and none may be made.
    pub held: Option<Arc<Bundle>>,
    pub refused: Option<String>,
}

/// The authority as it should be, but for steps that wait for somebody's restart.
pub async fn of_cluster(place: &Place<'_>, wanted: &Wanted, now: Timestamp) -> Result<Ruled, Error> {
    let name = names::authority_secret(&wanted.owner.name);
    let found = place.find(&name).await?;
    let given = match &wanted.authority.given {
        Some(given) => Some(Vault::given(place.context, place.owner, given, now).await?),
        None => None,
    };
    let refused = given.as_ref().and_then(|given| given.as_ref().err()).map(Refusal::to_string);
    let held = found.bundle();
    // what is refused changes nothing: as if the one that there is had been given
    let wished = match (&given, held) {
        (Some(Ok(given)), _) => Some(given.certificate.as_str()),
        (Some(Err(_)), Some(held)) => Some(held.certificate.as_str()),
        (Some(Err(_)), None) => return Ok(Ruled { held: None, refused }),
        (None, _) => None,
    };
    let identity = certificates::authority(&wanted.owner);
    let wish = Wish { identity: &identity, given: wished, requested: wanted.authority.requested };
    let turn = pki::turn(held.map(Arc::as_ref), &wish, false, now);
    let bundle = match (turn, held, &found) {
        (None, Some(held), Found::There(_)) => return Ok(Ruled { held: Some(Arc::clone(held)), refused }),
        _ if place.paused => return Ok(Ruled { held: held.cloned(), refused }),
        // somebody deleted it
        (None, Some(held), _) => Bundle::clone(held),
        (turn, held, _) => {
            let next = match &given {
                Some(Ok(given)) => given.clone(),
                _ => mint::authority(&identity, now).map_err(place.trouble(&name))?,
            };
            match (turn, held) {
                (Some(Turn::Introduce(_)), Some(held)) => held.introduce(next),
                _ => match lost(place, wanted, &next).await? {
                    Some(lost) => next.after_lost(&lost),
                    None => next,
                },
            }
        }
    };
    info!(cluster = %wanted.owner.name, ?turn, phase = ?bundle.phase(), "the certificate authority is written");
    Ok(Ruled { held: Some(write(place, &name, bundle).await?), refused })
}

/// The next step of a replacement.
pub async fn advance(place: &Place<'_>, held: &Bundle, now: Timestamp) -> Result<Arc<Bundle>, Error> {
    let next = held.advance(now);
    info!(cluster = %place.owner.name, phase = ?next.phase(), "another certificate authority takes over");
    write(place, &names::authority_secret(&place.owner.name), next).await
}

async fn write(place: &Place<'_>, name: &str, bundle: Bundle) -> Result<Arc<Bundle>, Error> {
    let secret = bundle.authority_secret(place.owner, name.to_owned(), place.component);
    place.put(secret, bundle).await
}

/// The certificate of an authority that is gone and has signed what nodes still show.
async fn lost(place: &Place<'_>, wanted: &Wanted, next: &Bundle) -> Result<Option<String>, Error> {
    let next = next.leaf().and_then(|next| next.key_id);
    for leaf in certificates::leaves(wanted) {
        let found = place.find(&leaf.secret).await?;
        let Some(bundle) = found.bundle() else { continue };
        let issuer = bundle.leaf().and_then(|leaf| leaf.issuer_key_id);
        let signed = |pem: &&str| {
            let key_id = Certificate::first(pem).ok().and_then(|authority| authority.key_id);
            key_id.is_some() && key_id == issuer && key_id != next
        };
        if let Some(lost) = pki::certificates(&bundle.trusted).find(signed) {
            return Ok(Some(lost.to_owned()));
        }
    }
    Ok(None)
}
