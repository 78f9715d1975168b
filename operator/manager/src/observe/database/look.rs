use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sluice_clients::postgres::Session;
use sluice_core::cdc::lag::Track;
use sluice_core::view::source::Trouble;
use tracing::{debug, info};

use super::entry::{self, Failure};
use super::eyes::{Eyes, changed};
use super::world::{Seen, World};
use crate::context::Context;
use crate::observe::survive::unending;

/// While a pipeline waits for something in the database: how soon what somebody mended is seen.
const BRISK: Duration = Duration::from_secs(2);
/// Between attempts to get in.
const AGAIN: Duration = Duration::from_secs(3);
/// All facts of a database that is fine.
const WHOLE: Duration = Duration::from_mins(2);
/// How long a busy database is believed to be as it was seen last.
const BUSY: Duration = Duration::from_mins(1);

/// Looks at the database for ever.
pub async fn observe<V: Eyes>(world: Arc<World<V>>, context: Weak<Context>) {
    let blind = |why: &str| {
        let before = world.seen();
        world.failed(Timestamp::now(), &Failure { trouble: Trouble::Failed, text: why.to_owned() });
        if let Some(context) = context.upgrade() {
            tell(&world, &context, &before);
        }
    };
    unending("look at a database", &world.place.host(), || rounds(&world, &context), blind).await;
}

async fn rounds<V: Eyes>(world: &Arc<World<V>>, context: &Weak<Context>) {
    let mut round = Round { session: None, track: Track::default(), whole: None, seen: None };
    let mut asked = true;
    loop {
        let before = world.seen();
        look(world, &mut round, asked).await;
        let after = world.seen();
        {
            let Some(context) = context.upgrade() else { return };
            tell(world, &context, &before);
        }
        let pause = match (after.sight.current(), world.question().brisk) {
            (None, _) => AGAIN,
            (Some(_), true) => BRISK,
            (Some(_), false) => V::STEADY,
        };
        asked = world.pause(pause).await || world.question().brisk;
    }
}

/// Wakes those that rely on the database, where it is not as it was `before`.
fn tell<V: Eyes>(world: &World<V>, context: &Context, before: &Seen<V>) {
    if changed(before, &world.seen()) {
        for pipeline in world.pipelines() {
            context.shelves.pipelines.wake(&pipeline);
        }
    }
}

struct Round {
    session: Option<Session>,
    track: Track,
    /// When all facts were seen last.
    whole: Option<Instant>,
    /// When anything was.
    seen: Option<Instant>,
}

async fn look<V: Eyes>(world: &World<V>, round: &mut Round, asked: bool) {
    let was_clear = world.seen().sight.current().is_some();
    match seen(world, round, asked).await {
        Ok(mut view) => {
            view.remember(Timestamp::now(), &mut round.track);
            if !was_clear {
                info!(database = %place(world), "the database answers");
            }
            world.looked(view);
            round.seen = Some(Instant::now());
            if !V::STAYS && !world.question().brisk {
                round.session = None;
            }
        }
        // it is there, and something in it is waited for: what was seen is still the best that is known
        Err(failure)
            if was_clear && is_busy(&failure) && round.seen.is_some_and(|at| at.elapsed() < BUSY) =>
        {
            debug!(database = %place(world), error = %failure.text, "the database is busy");
        }
        Err(failure) => {
            // whatever went wrong, a new session is the surer way
            (round.session, round.whole) = (None, None);
            let (trouble, error) = (failure.trouble, &failure.text);
            if was_clear {
                info!(database = %place(world), ?trouble, %error, "lost sight of the database");
            } else {
                debug!(database = %place(world), ?trouble, %error, "the database cannot be looked at");
            }
            world.failed(Timestamp::now(), &failure);
        }
    }
}

async fn seen<V: Eyes>(world: &World<V>, round: &mut Round, asked: bool) -> Result<V, Failure> {
    // the Secret has changed: what it says now must be what lets us in
    if world.keys().is_none() || round.session.as_ref().is_some_and(Session::is_closed) {
        round.session = None;
    }
    let session = match &mut round.session {
        Some(session) => session,
        none => none.insert(entry::enter(world).await?),
    };
    let known = world.seen();
    let due = asked || round.whole.is_none_or(|at| at.elapsed() >= WHOLE);
    if let (false, Some(view)) = (due, known.sight.current()) {
        return Ok(view.glance(session).await?);
    }
    let began = Instant::now();
    match world.look(session).await.map_err(Failure::from) {
        Ok(view) => {
            round.whole = Some(began);
            Ok(view)
        }
        // position and slots need no locks
        Err(failure) if is_busy(&failure) => match known.sight.current() {
            Some(view) => Ok(view.glance(session).await?),
            None => Err(failure),
        },
        Err(failure) => Err(failure),
    }
}

fn is_busy(failure: &Failure) -> bool {
    failure.trouble == Trouble::Busy
}

fn place<V>(world: &World<V>) -> String {
    let place = &world.place;
    format!("{}:{}/{}", place.host, place.port, place.database)
}
