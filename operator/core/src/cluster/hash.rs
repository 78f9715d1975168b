//! Short fingerprints and the derived cluster id.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Ten hexadecimal digits: enough to tell revisions apart, short enough for a file's name.
pub fn short(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text).iter().take(5).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // writing to a String cannot fail
        out
    })
}

/// The fingerprint of a part of the spec. Equal parts have equal fingerprints, also in a later Sluice: fields that
/// are not set are not serialized.
pub fn of(part: &impl Serialize) -> String {
    // types of the API, with string keys: they always serialize
    short(&serde_json::to_string(part).unwrap_or_default())
}

/// The id of a cluster that names none: the same for the same namespace and name, so that a cluster that is
/// deleted and created again fits the volumes it left.
pub fn cluster_id(namespace: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("sluice/{namespace}/{name}"));
    URL_SAFE_NO_PAD.encode(&digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_id_depends_on_namespace_and_name_alone() {
        assert_eq!(cluster_id("a", "b"), "x-T0ifXFvBADC2mXodPVHA");
        assert_ne!(cluster_id("a", "c"), cluster_id("a", "b"));
        assert_eq!(cluster_id("shop", "shop").len(), 22);
    }
}
