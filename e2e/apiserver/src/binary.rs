//! Where Kubernetes is: `SLUICE_KUBERNETES`, else what the test bed has built.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The binary that holds etcd and kube-apiserver. Panics with what builds it: a skipped test would look like a passed one.
pub fn kubernetes() -> PathBuf {
    std::env::var_os("SLUICE_KUBERNETES").map_or_else(ask_test_bed, PathBuf::from)
}

fn ask_test_bed() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testbed/testbed");
    let said = Command::new(&script).args(["path", "kubernetes"]).output();
    let said = said.unwrap_or_else(|e| panic!("a Kubernetes binary is needed: {}: {e}", script.display()));
    let why = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{}", why.trim());
    PathBuf::from(String::from_utf8_lossy(&said.stdout).trim())
}
