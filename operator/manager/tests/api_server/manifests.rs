//! Everything in `manifests/` is taken by a real API server.

use std::path::PathBuf;

use apiserver_harness::{repository, shared};

use crate::{SCHEMA, with_crds};

fn manifests(folder: &str) -> Vec<PathBuf> {
    let folder = repository().join("manifests").join(folder);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

#[tokio::test]
async fn the_examples_are_accepted_as_they_are_written() {
    let server = with_crds().await;
    // a dry run makes no namespace for what comes after it
    server.kubectl(&["apply", "-f", manifests("examples/shop")[0].to_str().unwrap()]).await;
    for file in [manifests("examples"), manifests("examples/shop")].concat() {
        let said = server.kubectl(&["apply", "--dry-run=server", "-f", file.to_str().unwrap()]).await;
        assert!(said.contains("(server dry run)"), "{}: {said}", file.display());
    }
}

#[tokio::test]
async fn the_install_manifest_applies_twice() {
    let server = shared().await;
    let _alone = SCHEMA.lock().await;
    let file = manifests("").into_iter().find(|path| path.ends_with("install.yaml")).unwrap();
    for _ in 0..2 {
        let said = server
            .kubectl(&["apply", "--server-side", "--force-conflicts", "-f", file.to_str().unwrap()])
            .await;
        assert!(said.contains("deployment.apps/sluice serverside-applied"), "{said}");
    }
}
