//! The `sluice` binary; the crate's library is all of it.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    sluice::Cli::parse().run()
}
