//! The main job, shown on real data: the example `shop` from an empty cluster to rows in the warehouse.
//!
//! `stages` (install → apply → databases → Kafka → Connect → snapshot → live changes → latency), each with its time;
//! then `story`: the tables a user would look at, row counts, what to try next. `down` removes all of it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::kubernetes;
use crate::ui::Ui;

mod down;
mod shop;
mod stages;
mod story;

#[derive(clap::Args)]
pub struct Args {
    /// Remove what the demo made
    #[arg(long)]
    down: bool,
    /// Image archives to import into the test bed's nodes first
    #[arg(long = "image", value_name = "TAR")]
    images: Vec<PathBuf>,
    /// Values for the chart `sluice`, as for helm
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub async fn main(args: Args) -> Result<ExitCode> {
    let ui = Ui::new();
    let client = kubernetes::connect().await?;
    if args.down {
        ui.during(down::remove(&ui, &client)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    Box::pin(ui.during(stages::play(&ui, &client, &args.images, &args.set))).await?;
    Ok(ExitCode::SUCCESS)
}
