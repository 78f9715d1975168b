use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use sluice_clients::postgres::{Error, Session, SourceQuestion};
use sluice_core::cdc::lag::Track;
use sluice_core::view::source::{SinkView, SourceView};

use super::world::{Interest, Place, World};

/// What a look at one kind of database is.
pub trait Eyes: Sized + Send + Sync + 'static {
    /// Between looks at a database that is fine.
    const STEADY: Duration;
    /// Whether a session is kept between looks.
    const STAYS: bool;

    /// All facts.
    fn look(
        session: &mut Session,
        place: &Place,
        question: Interest,
        publications: BTreeSet<String>,
    ) -> impl Future<Output = Result<Self, Error>> + Send;

    /// What moves, on top of what is known. Cheap.
    fn glance(&self, session: &mut Session) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Takes the view into the history of what was seen before, and the history into the view.
    fn remember(&mut self, now: Timestamp, track: &mut Track);

    /// Whether a pass has something to do because of the difference.
    fn differs(&self, other: &Self) -> bool;
}

impl Eyes for SourceView {
    /// What a slot's reader did is only known as well as it was watched.
    const STEADY: Duration = Duration::from_secs(2);
    const STAYS: bool = true;

    async fn look(
        session: &mut Session,
        _: &Place,
        question: Interest,
        publications: BTreeSet<String>,
    ) -> Result<Self, Error> {
        session.source(&SourceQuestion { tables: question.tables, publications }).await
    }

    async fn glance(&self, session: &mut Session) -> Result<Self, Error> {
        let pulse = session.pulse().await?;
        Ok(Self { position: pulse.position, slots: pulse.slots, ..self.clone() })
    }

    fn remember(&mut self, now: Timestamp, track: &mut Track) {
        self.lags = track.lags(now, self.position, &self.slots);
    }

    fn differs(&self, other: &Self) -> bool {
        self.calm() != other.calm()
    }
}

impl Eyes for SinkView {
    const STEADY: Duration = Duration::from_mins(2);
    const STAYS: bool = false;

    async fn look(
        session: &mut Session,
        place: &Place,
        question: Interest,
        _: BTreeSet<String>,
    ) -> Result<Self, Error> {
        let names = question.tables.into_iter().map(|table| table.name).collect();
        session.sink(place.schema.as_deref().unwrap_or("public"), &names).await
    }

    async fn glance(&self, _: &mut Session) -> Result<Self, Error> {
        Ok(self.clone())
    }

    fn remember(&mut self, _: Timestamp, _: &mut Track) {}

    fn differs(&self, other: &Self) -> bool {
        self != other
    }
}

/// Whether the two sights differ in what concerns a pass.
pub(super) fn changed<V: Eyes>(before: &super::Seen<V>, after: &super::Seen<V>) -> bool {
    match (before.sight.current(), after.sight.current()) {
        (Some(then), Some(now)) => then.differs(now),
        (None, None) => {
            let why = |seen: &super::Seen<V>| {
                seen.sight.blind().map(|(since, error)| (since, error.map(str::to_owned)))
            };
            before.trouble != after.trouble || why(before) != why(after)
        }
        _ => true,
    }
}

impl<V: Eyes> World<V> {
    pub(super) async fn look(&self, session: &mut Session) -> Result<V, Error> {
        V::look(session, &self.place, self.question(), self.publications()).await
    }
}
