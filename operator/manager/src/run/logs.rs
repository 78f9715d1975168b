use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

pub fn start(directives: &str, format: Format) -> anyhow::Result<()> {
    // what PostgreSQL says on the way ("relation exists, skipping") is no news
    let directives = if directives == "info" { "info,tokio_postgres=warn" } else { directives };
    let filter =
        EnvFilter::try_new(directives).with_context(|| format!("read the log directives {directives:?}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    match format {
        Format::Json => {
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
        }
        Format::Text => builder.with_ansi(std::io::stdout().is_terminal()).init(),
    }
    Ok(())
}
