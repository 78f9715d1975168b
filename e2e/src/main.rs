//! Sluice against a real cluster, in one binary:
//!
//! `install` puts images and charts on the cluster that `KUBECONFIG` names. `run` plays the acceptance cases
//! (`cases/`, each a `scene/`), `demo` shows the main job on real data, `bench` measures, `chaos` disturbs. `agent` is the same binary
//! inside the cluster: it produces, consumes, queries and measures next to the data (`agent/`), so that all of this
//! works on any cluster, wherever it is.

use clap::{Parser, Subcommand};

mod agent;
mod bench;
mod cases;
mod chaos;
mod demo;
mod install;
mod kubernetes;
mod run;
mod scene;
mod ui;
mod wait;

#[derive(Parser)]
#[command(version, about = "Sluice against a real cluster")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load the images and install both charts
    Install(install::Args),
    /// Play acceptance cases
    Run(run::Args),
    /// Show the main job: a shop database flows into another one
    Demo(demo::Args),
    /// Measure, print a table and write docs/benchmarks/latest.json
    Bench(bench::Args),
    /// Disturb a cluster for some minutes, in an order that a seed decides, and judge what came of it
    Chaos(chaos::Args),
    /// Work beside the data, inside the cluster; prints one JSON line
    #[command(subcommand)]
    Agent(agent::Command),
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    // one crypto provider for everything in this process; see DESIGN §9
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing installed another provider before");
    let done = match Args::parse().command {
        Command::Install(args) => install::main(args).await,
        Command::Run(args) => run::main(args).await,
        Command::Demo(args) => Box::pin(demo::main(args)).await,
        Command::Bench(args) => Box::pin(bench::main(args)).await,
        Command::Chaos(args) => Box::pin(chaos::main(args)).await,
        Command::Agent(command) => agent::main(command).await,
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("e2e: {}", wait::chain(error.as_ref()));
            std::process::ExitCode::FAILURE
        }
    }
}
