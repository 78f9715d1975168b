//! Where Kubernetes is: `SLUICE_KUBERNETES`, else what the test bed has built.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The binary that holds etcd and kube-apiserver. Panics with what builds it: a skipped test would look like a passed one.
pub fn kubernetes() -> PathBuf {
    std::env::var_os("SLUICE_KUBERNETES").map_or_else(ask_test_bed, PathBuf::from)
}

/// The checkout whose tests run; the binary may have been built in another one that shares the target directory.
pub fn repository() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let mut folders = Path::new(&package).ancestors();
    folders
        .find(|folder| folder.join("Cargo.lock").exists())
        .expect("the workspace has a lock file")
        .to_owned()
}

fn ask_test_bed() -> PathBuf {
    let script = repository().join("e2e/testbed/testbed");
    let said = Command::new(&script).args(["path", "kubernetes"]).output();
    let said = said.unwrap_or_else(|e| panic!("a Kubernetes binary is needed: {}: {e}", script.display()));
    let why = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{}", why.trim());
    PathBuf::from(String::from_utf8_lossy(&said.stdout).trim())
}
