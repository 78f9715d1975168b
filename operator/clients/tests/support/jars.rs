//! Where Kafka's jars are: `SLUICE_KAFKA_LIBS`, else the test bed builds them (seconds, from Maven Central)
//! and says where.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static LIBS: LazyLock<PathBuf> = LazyLock::new(find);

/// A directory with `kafka_*.jar` and all it needs. Panics with what is missing: a skipped test would look
/// like a passed one.
pub fn libs() -> &'static Path {
    &LIBS
}

fn find() -> PathBuf {
    let libs = std::env::var_os("SLUICE_KAFKA_LIBS").map_or_else(ask_test_bed, PathBuf::from);
    let jars = std::fs::read_dir(&libs).into_iter().flatten().flatten();
    let found = jars
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .any(|name| name.starts_with("kafka_"));
    assert!(
        found,
        "no kafka_*.jar in {}: unset SLUICE_KAFKA_LIBS or point it to Kafka's libs",
        libs.display()
    );
    libs
}

fn ask_test_bed() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/testbed/testbed");
    let said = Command::new(&script).args(["path", "kafka-libs"]).output();
    let said = said.unwrap_or_else(|e| {
        panic!("Kafka's jars are needed: set SLUICE_KAFKA_LIBS; {}: {e}", script.display())
    });
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "`testbed path kafka-libs` failed, so there are no Kafka jars:\n{errors}");
    PathBuf::from(String::from_utf8_lossy(&said.stdout).trim())
}
