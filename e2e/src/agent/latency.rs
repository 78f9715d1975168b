//! Commit-to-sink latency: a row is committed in the source; how long until a query of the sink returns it?

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::sql::connect;

/// The sink is asked this often: the resolution of the measurement, beside the query's own time.
const POLL: Duration = Duration::from_millis(1);
/// How often changes of the load are sent.
const BEAT: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub struct Measure {
    #[arg(long)]
    pub source_dsn: String,
    #[arg(long)]
    pub sink_dsn: String,
    #[arg(long, default_value_t = 200)]
    pub changes: u32,
    /// Changes made before the ones that count
    #[arg(long, default_value_t = 10)]
    pub warm_up: u32,
    /// First id
    #[arg(long)]
    pub first: i64,
    /// Statement for the source, with $1 = id (bigint)
    #[arg(long)]
    pub change: String,
    /// Changes made beside these, so many a second, each committed by itself
    #[arg(long, default_value_t = 0)]
    pub load: u32,
    /// First id of those
    #[arg(long, default_value_t = 0)]
    pub load_first: i64,
    /// Query of the sink, with $1 = id (bigint), that returns a row once the change is there
    #[arg(long)]
    pub probe: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub changes: usize,
    /// Changes a second that were made beside them.
    pub load: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// One change at a time, so that none waits behind another of ours.
pub async fn measure(args: Measure) -> Result<Latency> {
    ensure!(args.changes > 0, "--changes must be at least 1");
    let source = connect(&args.source_dsn).await?;
    let sink = connect(&args.sink_dsn).await?;
    let change = source.prepare(&args.change).await?;
    let load = if args.load > 0 { Some(Load::start(&args).await?) } else { None };
    let probe = sink.prepare(&args.probe).await?;
    let mut times = Vec::new();
    for n in 0..args.warm_up + args.changes {
        let id = args.first + i64::from(n);
        source.execute(&change, &[&id]).await?;
        let committed = Instant::now();
        while sink.query_opt(&probe, &[&id]).await?.is_none() {
            if committed.elapsed() > PATIENCE {
                bail!("change {n} (id {id}) was not in the sink after {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(POLL).await;
        }
        if n >= args.warm_up {
            times.push(committed.elapsed().as_secs_f64() * 1000.0);
        }
        // pauses of differing length, so that no polling interval on the way falls into step with us
        tokio::time::sleep(Duration::from_millis(u64::from(n * 37 % 50))).await;
    }
    times.sort_by(f64::total_cmp);
    Ok(Latency {
        changes: times.len(),
        load: match load {
            Some(load) => load.end().await?,
            None => 0.0,
        },
        p50_ms: rank(&times, 50),
        p99_ms: rank(&times, 99),
        max_ms: times[times.len() - 1],
    })
}

/// Changes that nobody waits for.
struct Load {
    made: Arc<AtomicU32>,
    began: Instant,
    task: JoinHandle<Result<()>>,
}

impl Load {
    async fn start(args: &Measure) -> Result<Self> {
        let made = Arc::new(AtomicU32::new(0));
        let (count, client) = (Arc::clone(&made), connect(&args.source_dsn).await?);
        let (change, rate, first) = (client.prepare(&args.change).await?, args.load, args.load_first);
        let task = tokio::spawn(async move {
            let mut beats = tokio::time::interval(BEAT);
            let began = Instant::now();
            loop {
                beats.tick().await;
                let due = u32::try_from(began.elapsed().as_millis() * u128::from(rate) / 1000)?;
                let so_far = count.load(Ordering::Relaxed);
                let ids: Vec<_> = (so_far..due).map(|n| first + i64::from(n)).collect();
                // sent together, committed one by one
                try_join_all(ids.iter().map(|id| async { client.execute(&change, &[id]).await })).await?;
                count.store(due.max(so_far), Ordering::Relaxed);
            }
        });
        Ok(Self { made, began: Instant::now(), task })
    }

    /// How many a second there were.
    async fn end(self) -> Result<f64> {
        let rate = f64::from(self.made.load(Ordering::Relaxed)) / self.began.elapsed().as_secs_f64();
        self.task.abort();
        match self.task.await {
            Ok(ended) => ended?,
            Err(aborted) => ensure!(aborted.is_cancelled(), "the load: {aborted}"),
        }
        Ok(rate)
    }
}

/// Nearest-rank percentile of sorted values.
pub fn rank(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let ranks = [rank(&hundred, 50), rank(&hundred, 99), rank(&[7.0], 99)];
        assert_eq!(ranks.map(|ms| format!("{ms}")), ["50", "99", "7"]);
    }
}
