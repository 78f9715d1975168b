//! The command line.
//!
//! `crds` and `docs` print what the API types say about themselves; `generate` writes every file of the
//! repository that comes from them: `crds` (CRDs) + `docs` (reference) + `examples` → `generate` (a tree of files).

mod crds;
mod docs;
mod examples;
mod generate;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::run::{self, RunArgs};

/// Runs Kafka, Kafka Connect and CDC pipelines on Kubernetes.
#[derive(Parser)]
#[command(name = "sluice", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator
    Run(RunArgs),
    /// Print the custom resource definitions as YAML
    Crds,
    /// Print the API reference as Markdown
    Docs,
    /// Write all generated files of the repository below a folder
    #[command(hide = true)]
    Generate { root: PathBuf },
}

impl Cli {
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run(args) => run::run(args)?,
            Command::Crds => print!("{}", crds::page()?),
            Command::Docs => print!("{}", docs::page()),
            Command::Generate { root } => generate::write(&root)?,
        }
        Ok(())
    }
}
