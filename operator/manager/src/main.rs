//! The `sluice` binary.

mod cli;
mod yaml;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    cli::Cli::parse().run()
}
