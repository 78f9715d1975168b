//! Commit-to-sink latency: a row is committed in the source; how long until a query of the sink returns it?

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::sql::connect;

/// The sink is asked this often: the resolution of the measurement, beside the query's own time.
const POLL: Duration = Duration::from_millis(1);
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
    /// Query of the sink, with $1 = id (bigint), that returns a row once the change is there
    #[arg(long)]
    pub probe: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub changes: usize,
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
        p50_ms: rank(&times, 50),
        p99_ms: rank(&times, 99),
        max_ms: times[times.len() - 1],
    })
}

/// Nearest-rank percentile of sorted values.
fn rank(sorted: &[f64], percent: usize) -> f64 {
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
