//! Waiting for what the server does by itself.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// Looks until `look` shows what `wanted` accepts, at most 30 s. For what follows within moments.
pub async fn until<T: Debug, F: Future<Output = T>>(
    what: &str,
    mut look: impl FnMut() -> F,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let start = Instant::now();
    loop {
        let seen = look().await;
        if wanted(&seen) {
            return seen;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "not within 30 s: {what}; last look: {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
