use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// A batch is closed when nothing has joined it for this long,
const QUIET: Duration = Duration::from_millis(20);
/// or when its first wish has waited for this long. What a request costs the brokers hardly depends on its size: each one
/// is a round of the quorum, and every broker takes it in on its own.
const LONGEST: Duration = Duration::from_millis(300);
/// The most wishes in one batch: a request that a controller answers within a second or two.
const MOST: usize = 500;

/// What one pass wants of a cluster, and where its answer goes. A pass that went away needs none: its next one looks.
pub struct Wish<C, A> {
    pub change: C,
    pub done: oneshot::Sender<A>,
}

/// Where passes hand in what they want.
pub struct Wishes<C, A>(mpsc::UnboundedSender<Wish<C, A>>);

/// What many want at the same time.
pub struct Gathering<C, A>(mpsc::UnboundedReceiver<Wish<C, A>>);

pub fn gathering<C, A>() -> (Wishes<C, A>, Gathering<C, A>) {
    let (wishes, inbox) = mpsc::unbounded_channel();
    (Wishes(wishes), Gathering(inbox))
}

impl<C, A> Wishes<C, A> {
    /// The answer to `change`, which is made together with what others want; `None`: the cluster is being forgotten.
    pub async fn make(self, change: C) -> Option<A> {
        let (done, answer) = oneshot::channel();
        self.0.send(Wish { change, done }).ok()?;
        // what is sent while the other end goes is gone with the last sender
        drop(self);
        answer.await.ok()
    }
}

impl<C, A> Clone for Wishes<C, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C, A> Gathering<C, A> {
    /// The next batch; `None` once nobody can want anything any more.
    pub async fn next(&mut self) -> Option<Vec<Wish<C, A>>> {
        let mut wishes = vec![self.0.recv().await?];
        let latest = Instant::now() + LONGEST;
        while wishes.len() < MOST {
            let until = latest.min(Instant::now() + QUIET);
            match timeout_at(until, self.0.recv()).await {
                Ok(Some(next)) => wishes.push(next),
                Ok(None) | Err(_) => break,
            }
        }
        Some(wishes)
    }
}
