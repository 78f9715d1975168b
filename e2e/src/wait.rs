//! The only two ways to spend time: until something is so, and while it must stay so.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::ui::Task;

/// How often the world is asked. Small against what is measured, large against what asking costs.
const POLL: Duration = Duration::from_millis(200);

/// Asks until `look` gives a value. Fails after `within`, with what was waited for and what was seen last.
pub async fn eventually<T>(
    task: &Task,
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T> {
    let start = Instant::now();
    let mut saw = "nothing yet".to_owned();
    task.waits_for(what);
    loop {
        let left = within.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, look()).await {
            Ok(Ok(value)) => {
                task.goes_on();
                return Ok(value);
            }
            Ok(Err(seen)) => saw = seen,
            Err(_) => bail!("waited {:.0} s for {what}; saw last: {saw}", within.as_secs_f64()),
        }
        task.saw(&saw);
        tokio::time::sleep(POLL).await;
    }
}

/// Asks again and again for the whole of `period`; the first `Err` is the failure.
pub async fn stays(
    task: &Task,
    what: &str,
    period: Duration,
    mut look: impl AsyncFnMut() -> Result<(), String>,
) -> Result<()> {
    let start = Instant::now();
    task.waits_for(&format!("{} s in which {what}", period.as_secs()));
    while start.elapsed() < period {
        if let Err(seen) = look().await {
            bail!("after {:.1} s it was no longer so that {what}: {seen}", start.elapsed().as_secs_f64());
        }
        tokio::time::sleep(POLL).await;
    }
    task.goes_on();
    Ok(())
}

/// An error with its causes, in one line; what the API server said instead of how kube shows it.
pub fn said(error: impl std::error::Error + 'static) -> String {
    chain(&error)
}

/// As [`said`], of any error.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(kube::Error::Api(status)) = error.downcast_ref() {
            texts.push(status.message.clone());
            break;
        }
        let text = error.to_string();
        // some errors repeat their cause's text
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

/// `5` seconds, as deadlines are written in scenarios.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
