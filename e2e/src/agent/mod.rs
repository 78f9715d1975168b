//! Works beside the data, inside the cluster. Each command prints one JSON line, the value that its twin in
//! `scene::agent` reads.
//!
//! `kafka` (topics, configs) · `knock` (who is let in) · `records` (produce, consume) · `sql` · `latency` (commit to sink) · `rest` (Connect)
//! · `disk` (a volume without room) · `workload` (a shop's transactions, and whether a copy of it is the same).

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

pub mod disk;
pub mod kafka;
pub mod knock;
pub mod latency;
pub mod numbers;
pub mod records;
pub mod rest;
pub mod sql;
pub mod workload;

#[derive(Subcommand)]
pub enum Command {
    /// Stay until told to stop, so that the other commands can be exec'd here
    Serve,
    /// Write records
    Produce(records::Produce),
    /// Read a topic from its beginning to its present end
    Consume(records::Consume),
    /// Topics, their partitions and replicas
    Topics(kafka::Topics),
    /// A topic's or broker's configuration
    Configs(kafka::Configs),
    /// Create, grow, delete or reconfigure a topic behind the operator's back
    Meddle(kafka::Meddle),
    /// Try to get in on a listener that takes certificates
    Knock(knock::Knock),
    /// Run SQL statements
    Sql(sql::Sql),
    /// Time from a commit in the source to the row in the sink
    Latency(latency::Measure),
    /// Transactions of the reference workload
    Workload(workload::Workload),
    /// Compare tables of two databases row by row
    Compare(workload::compare::Compare),
    /// One HTTP request with a JSON body
    Rest(rest::Request),
    /// Take all the room of a volume, until told to stop
    Occupy(disk::Occupy),
}

pub async fn main(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve => serve().await?,
        Command::Produce(args) => print(&records::produce(args).await?)?,
        Command::Consume(args) => print(&records::consume(args).await?)?,
        Command::Topics(args) => print(&kafka::topics(args).await?)?,
        Command::Configs(args) => print(&kafka::configs(args).await?)?,
        Command::Meddle(args) => print(&kafka::meddle(args).await?)?,
        Command::Knock(args) => print(&knock::knock(args).await?)?,
        Command::Sql(args) => print(&sql::run(args).await?)?,
        Command::Latency(args) => print(&latency::measure(args).await?)?,
        Command::Workload(args) => print(&workload::run(args).await?)?,
        Command::Compare(args) => print(&workload::compare::run(args).await?)?,
        Command::Rest(args) => print(&rest::send(args).await?)?,
        Command::Occupy(args) => disk::occupy(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(value: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

async fn serve() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // a pod's first process gets no default action for SIGTERM
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}
