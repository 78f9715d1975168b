//! How the operator behaves towards a real API server: who leads (`lease`), children (`apply`), `status`, whole passes
//! over `clusters` and `users`, and objects that were stored under another schema (`unparsable`). Whether it takes our `manifests`. Whether a
//! `namespace` goes.

// `json!({ … })` reads best where it is used, as an argument
#![allow(clippy::needless_pass_by_value)]

mod apply;
mod clusters;
mod lease;
mod manifests;
mod namespace;
mod status;
mod unparsable;
mod users;

use apiserver_harness::{ApiServer, shared};
use tokio::sync::{Mutex, OnceCell};

/// Held while the schema of the shared server is changed: it is everybody's.
static SCHEMA: Mutex<()> = Mutex::const_new(());

/// The shared server, with our CRDs.
async fn with_crds() -> &'static ApiServer {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let server = shared().await;
    INSTALLED.get_or_init(|| async { server.install(&sluice_crds::all()).await }).await;
    server
}
