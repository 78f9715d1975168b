//! The rebalance planner on clusters that are made up: how long it takes, and whether it ever moves more than it must.

use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use sluice_core::rebalance::generate::{STORIES, told};
use sluice_core::rebalance::{Model, Options, Plan, plan};

use super::Bench;

/// Brokers and racks: few, many, more racks than replicas, none.
const SHAPES: [(usize, usize); 8] = [(3, 1), (4, 3), (6, 3), (12, 3), (17, 5), (40, 12), (100, 6), (200, 12)];
const SMALL: usize = 2_000;

pub fn plans(bench: &mut Bench<'_>) -> Result<()> {
    let mut worst: f64 = 1.0;
    for story in STORIES {
        for (seed, (brokers, racks)) in (0..).zip(SHAPES) {
            let made = made(&told(story, seed, brokers, racks, SMALL))?;
            worst = worst.max(over(&made)?);
        }
    }
    for (key, replicas) in [("plan_10k_s", 10_000), ("plan_100k_s", 100_000)] {
        let mut slowest: f64 = 0.0;
        for story in STORIES {
            let model = told(story, 1, 200, 12, replicas);
            let began = Instant::now();
            let made = made(&model)?;
            slowest = slowest.max(began.elapsed().as_secs_f64());
            worst = worst.max(over(&made)?);
        }
        bench.note(key, slowest);
    }
    // figures have two places: whatever is above 1 must show
    bench.note("moves_over_bound_max", (worst * 100.0).ceil() / 100.0);
    Ok(())
}

fn made(model: &Model) -> Result<Plan> {
    plan(model, Options::default()).map_err(|findings| {
        anyhow!(
            "no plan: {}",
            findings.iter().map(sluice_core::finding::Finding::text).collect::<Vec<_>>().join("; ")
        )
    })
}

/// Moves for each that must be.
fn over(plan: &Plan) -> Result<f64> {
    let number = |count: usize| u32::try_from(count).map(f64::from);
    match (plan.moves, plan.lower_bound) {
        (0, 0) => Ok(1.0),
        (moves, 0) => bail!("{moves} moves where none is needed"),
        (moves, bound) => Ok(number(moves)? / number(bound)?),
    }
}
