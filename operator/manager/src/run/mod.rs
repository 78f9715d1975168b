//! `sluice run`: `http` (probes, metrics) from the start; then wait to lead (`lease`); then one scope per watched
//! namespace, until told to stop. Who loses the lease drops all of that and waits to lead again.

mod http;
pub mod lease;
mod logs;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::http::HeaderValue;
use axum::http::header::USER_AGENT;
use clap::Args;
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::context::Shared;
use crate::scope;
use lease::{Election, Place, Timing};

/// Deadlines of the connection to the API server. Watches send something at least every 290 s (their timeout), but
/// a dead peer must be noticed sooner: that is what the read deadline of `act` is for.
const CONNECT: Duration = Duration::from_secs(5);
const AGENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

#[derive(Args)]
pub struct RunArgs {
    /// Namespaces to watch, separated by commas; none: all
    #[arg(long, env = "SLUICE_WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    /// Namespace of the lease
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    lease_namespace: String,
    /// Namespace that Sluice itself runs in, which network policies of Kafka clusters let in; none: there are no policies
    #[arg(long, env = "POD_NAMESPACE")]
    home: Option<String>,
    /// Name of the lease: those of the same name take turns, so two releases in one namespace need two
    #[arg(long, env = "SLUICE_LEASE_NAME", default_value = "sluice")]
    lease_name: String,
    /// Who we are in the lease
    #[arg(long, env = "POD_NAME", default_value = "sluice")]
    identity: String,
    /// Address of probes and metrics
    #[arg(long, env = "SLUICE_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// What to log: a level, or directives like `info,sluice=debug`
    #[arg(long, env = "SLUICE_LOG", default_value = "info")]
    log: String,
    /// How to log
    #[arg(long, env = "SLUICE_LOG_FORMAT", default_value = "json")]
    log_format: logs::Format,
}

/// Runs until a signal. An error ends the process, so that Kubernetes starts a fresh one.
pub fn run(args: RunArgs) -> anyhow::Result<()> {
    logs::start(&args.log, args.log_format)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider was installed already"))?;
    tokio::runtime::Builder::new_multi_thread()
        // the work is waiting; more threads are only more memory
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(operate(args))
}

async fn operate(args: RunArgs) -> anyhow::Result<()> {
    let mut config = Config::infer().await.context("find the Kubernetes API")?;
    config.connect_timeout = Some(CONNECT);
    // who we are in audit logs, and in the managed fields of what we write
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    let connect = || Client::try_from(config.clone()).context("make a client of the Kubernetes API");
    // the lease has connections of its own: a renewal must not wait behind anything else
    let (client, lease_client) = (connect()?, connect()?);
    let shared = Arc::new(Shared { home: args.home.clone(), ..Shared::new(client) });
    let state = http::State::new(Arc::clone(&shared));
    let mut server = http::serve(args.listen, state.clone()).await?;
    let mut stop = Box::pin(told_to_stop()?);

    loop {
        let place = Place { namespace: args.lease_namespace.clone(), name: args.lease_name.clone() };
        let election = Election::new(lease_client.clone(), place, &args.identity, Timing::default());
        info!(identity = args.identity, version = env!("CARGO_PKG_VERSION"), "waiting to lead");
        let mut reign = tokio::select! {
            reign = election.win(|| state.set_ready(true)) => reign,
            () = &mut stop => return Ok(()),
            ended = &mut server => bail!("the HTTP server has ended: {ended:?}"),
        };
        info!("leading");
        state.set_ready(false);
        let ended = tokio::select! {
            never = lead(&shared, &state, &args.watch_namespaces) => match never? {},
            lost = reign.lost() => Some(lost),
            () = &mut stop => None,
            ended = &mut server => bail!("the HTTP server has ended: {ended:?}"),
        };
        shared.works_on(&[]);
        shared.metrics.stand_by();
        let Some(lost) = ended else {
            reign.release().await;
            info!("stopped");
            return Ok(());
        };
        warn!(error = %lost, "the lease is lost: standing by");
    }
}

/// Watches and reconciles until it is dropped: no pass goes on once another may lead.
async fn lead(
    shared: &Arc<Shared>,
    state: &http::State,
    namespaces: &[String],
) -> anyhow::Result<Infallible> {
    shared.metrics.leader.set(1);
    let mut tasks = JoinSet::new();
    let scopes = match namespaces {
        [] => vec![None],
        names => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    let contexts: Vec<_> =
        scopes.into_iter().map(|namespace| scope::start(shared, namespace, &mut tasks)).collect();
    shared.works_on(&contexts);
    let filled = async {
        futures::future::join_all(contexts.iter().map(|context| context.lists.filled())).await;
        info!("everything is listed");
        state.set_ready(true);
        std::future::pending::<Infallible>().await
    };
    let ended = tokio::select! {
        ended = tasks.join_next() => ended,
        never = filled => match never {},
    };
    bail!("a task that should not end has ended: {ended:?}")
}

fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
