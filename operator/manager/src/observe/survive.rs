use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tracing::error;

/// Before what panicked begins anew.
const AGAIN: Duration = Duration::from_secs(5);

/// Whether `work` came to its end without a panic. One is a defect of Sluice, whose message goes to the log: what goes on for ever must
/// not end by it, unnoticed.
pub async fn survived(what: &'static str, of: &impl Display, work: impl Future<Output = ()>) -> bool {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    if ended.is_err() {
        error!(what, of = %of, "panicked: report this with the lines before it");
    }
    ended.is_ok()
}

/// Work that begins anew where it panics. `blind`: what it has seen is not believed any more, and who relies on it is told.
pub async fn unending<F: Future<Output = ()>>(
    what: &'static str,
    of: &impl Display,
    begin: impl Fn() -> F,
    blind: impl Fn(&'static str),
) {
    while !survived(what, of, begin()).await {
        let why = "Sluice itself failed while it looked, and begins anew. Its log says why";
        survived(what, of, async { blind(why) }).await;
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use parking_lot::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_panics_is_told_and_begins_anew() {
        let (begun, told) = (AtomicU32::new(0), Mutex::new(Vec::new()));
        let look = || async {
            assert!(begun.fetch_add(1, Ordering::Relaxed) >= 2, "a defect, made for this test");
        };
        unending("test", &"it", look, |why| told.lock().push(why)).await;
        assert_eq!((begun.into_inner(), told.into_inner().len()), (3, 2));
    }
}
