//! Where the jars are: `SLUICE_KAFKA_LIBS` and `SLUICE_CONNECT_PLUGINS`, else the test bed fetches them (seconds, from Maven
//! Central) and says where.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static LIBS: LazyLock<PathBuf> = LazyLock::new(|| find("SLUICE_KAFKA_LIBS", "kafka-libs", "kafka_"));
static PLUGINS: LazyLock<PathBuf> =
    LazyLock::new(|| find("SLUICE_CONNECT_PLUGINS", "plugins", "debezium-connector-"));

/// A directory with `kafka_*.jar` and all it needs. Panics with what is missing: a skipped test would look
/// like a passed one.
pub fn libs() -> &'static Path {
    &LIBS
}

/// A directory with a folder for each of Debezium's plugins.
pub fn plugins() -> &'static Path {
    &PLUGINS
}

/// The directory that the variable names, else that of the test bed. Something in it must begin with `proof`.
fn find(variable: &str, part: &str, proof: &str) -> PathBuf {
    let dir = std::env::var_os(variable).map_or_else(|| ask_test_bed(variable, part), PathBuf::from);
    let inside = std::fs::read_dir(&dir).into_iter().flatten().flatten();
    let found = inside
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .any(|name| name.starts_with(proof));
    assert!(found, "no {proof}* in {}: unset {variable} or let it name the right directory", dir.display());
    dir
}

fn ask_test_bed(variable: &str, part: &str) -> PathBuf {
    // as it is now: the binary may have been built in another checkout that shares the target directory
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let script = Path::new(&package).join("../../e2e/testbed/testbed");
    let said = Command::new(&script).args(["path", part]).output();
    let said = said.unwrap_or_else(|e| panic!("jars are needed: set {variable}; {}: {e}", script.display()));
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "`testbed path {part}` failed, so there are no jars:\n{errors}");
    PathBuf::from(String::from_utf8_lossy(&said.stdout).trim())
}
