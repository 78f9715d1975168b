use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use sluice_crds::{User, UserStatus};

use super::{UserReason, secret_name};
use crate::condition::{self, Verdict};

/// The status that says `verdict`.
///
/// `good_until`: of the certificate that clients have, if they have one.
pub fn status(user: &User, verdict: &Verdict, good_until: Option<Timestamp>, now: Timestamp) -> UserStatus {
    let previous = user.status.clone().unwrap_or_default();
    let generation = user.metadata.generation;
    let made = verdict.is_ready() || previous.secret_name.is_some();
    UserStatus {
        observed_generation: generation,
        conditions: condition::build(verdict, generation, now, &previous.conditions),
        username: Some(user.name_any()),
        certificate_not_after: good_until.map(Time),
        secret_name: made.then(|| secret_name(&user.name_any())),
    }
}

/// The verdict when Kafka refused a change for good.
pub fn rejected(words: &str) -> Verdict {
    Verdict::stalled(
        UserReason::KafkaRefused,
        format!("Kafka refused the change: {words}. Change the spec accordingly"),
    )
}

/// The verdict when Kafka or Kubernetes did not take a change, and may later.
pub fn change_failed(error: &str) -> Verdict {
    Verdict::reconciling(UserReason::ChangeFailed, format!("{error}. It is tried again"))
}

/// The verdict when the Secret that we would make is there already. `what` says whose.
pub fn name_taken(what: &str) -> Verdict {
    Verdict::stalled(
        UserReason::NameTaken,
        format!("{what}. It is left as it is. Rename or delete it, or create the User under another name"),
    )
}
