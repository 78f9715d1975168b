use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use axum::Router;
use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::task::JoinHandle;

use crate::context::Shared;

#[derive(Clone)]
pub struct State {
    shared: Arc<Shared>,
    ready: Arc<AtomicBool>,
}

impl State {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, ready: Arc::default() }
    }

    /// Ready means: leading with everything listed, or able to take over. A standby that were not ready would block a rollout.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }
}

/// Serves probes and metrics; the handle ends only with an error.
pub async fn serve(address: SocketAddr, state: State) -> anyhow::Result<JoinHandle<std::io::Result<()>>> {
    let listener =
        tokio::net::TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    let router = Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state);
    Ok(tokio::spawn(async move { axum::serve(listener, router).await }))
}

async fn ready(Extract(state): Extract<State>) -> impl IntoResponse {
    if state.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    }
}

async fn metrics(Extract(state): Extract<State>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], state.shared.scrape())
}
