//! Walks through a table and its copy in chunks of the primary key, both at once; where a chunk's checksums differ, in finer ones, down
//! to the rows.

use std::future::Future;

use sluice_core::cdc::verify::TableOutcome;
use sluice_core::cdc::verify::compare::{Digest, Row, Rows, Suspects};
use sluice_core::cdc::verify::pair::{Pair, Side};
use sluice_core::cdc::verify::sql::{self, Key, Range};
use sluice_core::view::source::{Lsn, Trouble};

use super::error::Error;
use super::facts::read;
use super::session::Session;

/// Rows of a chunk: some tenths of a second of a database's time.
const CHUNK: u32 = 20_000;
/// Where a chunk takes too long its rows are wide. Fewer than these are not tried.
const LEAST: u32 = 500;
/// Rows that are looked at one by one.
const FINE: u32 = 500;
/// Keys that are held at once, and the differences after which a table is not compared to its end.
const MANY: usize = 1000;
/// Looks at keys that differ, each after the sink has caught up.
const LOOKS: u32 = 4;

/// Who waits for the sink, and is told how far it is.
pub trait Watch {
    /// Waits until the sink has applied all changes up to this position. `Err`: why that takes too long.
    fn caught_up(&self, position: Lsn) -> impl Future<Output = Result<(), String>> + Send;

    /// So many more rows of the source were compared.
    fn compared(&self, rows: i64);
}

/// Compares one table with its copy. Each side is asked one thing at a time; what is held of rows is bounded.
pub async fn compare(
    source: &mut Session,
    sink: &mut Session,
    pair: &Pair,
    name: &str,
    watch: &impl Watch,
) -> Result<TableOutcome, Error> {
    let outcome = TableOutcome::of(pair, name);
    let mut walk = Walk { source, sink, pair, chunk: CHUNK, suspects: Suspects::default(), outcome };
    let mut range = Range::default();
    loop {
        let chunk = walk.chunk;
        match walk.chunk(&range, watch).await {
            Ok(Some(end)) => range.after = Some(end),
            Ok(None) => break,
            Err(error) if error.trouble() == Trouble::Busy && chunk > LEAST => {
                walk.chunk = (chunk / 4).max(LEAST);
                continue;
            }
            Err(error) => return Err(error),
        }
        if walk.is_full() && !walk.settle(watch).await? {
            break;
        }
    }
    walk.settle(watch).await?;
    Ok(walk.outcome)
}

struct Walk<'a> {
    source: &'a mut Session,
    sink: &'a mut Session,
    pair: &'a Pair,
    chunk: u32,
    suspects: Suspects,
    outcome: TableOutcome,
}

impl Walk<'_> {
    fn is_full(&self) -> bool {
        self.suspects.len() >= MANY
    }

    /// Compares the next rows behind `range.after`; where they end, if not with the table.
    async fn chunk(&mut self, range: &Range, watch: &impl Watch) -> Result<Option<Key>, Error> {
        let to = self.bound(range, self.chunk).await?;
        let range = Range { after: range.after.clone(), to: to.clone() };
        let (there, here) = self.digests(&range, self.chunk).await?;
        if there == here {
            self.outcome.rows += there.rows;
            watch.compared(there.rows);
            return Ok(to);
        }
        // finer, until as many keys as are held at once
        let mut at = range;
        loop {
            let end = self.bound(&at, FINE).await?;
            let last = end.is_none();
            let fine = Range { after: at.after.clone(), to: end.or_else(|| to.clone()) };
            let (there, here) = self.digests(&fine, FINE).await?;
            let mut reached = fine.to.clone();
            if there != here {
                reached = self.rows(&fine).await?;
            }
            self.outcome.rows += there.rows;
            watch.compared(there.rows);
            if self.is_full() && (!last || reached != fine.to) {
                return Ok(reached);
            }
            if last {
                return Ok(to);
            }
            at.after = reached;
        }
    }

    /// Looks at the rows of a range one by one; up to which key. Of a sink with many rows that the source does not have it is not to
    /// the end of the range, once as many are held as may be.
    async fn rows(&mut self, range: &Range) -> Result<Option<Key>, Error> {
        let limit = 2 * FINE;
        let mut range = range.clone();
        loop {
            let copies = rows(self.sink, &sql::keys(&self.pair.sink, &range, limit)).await?;
            let cut = copies.len() >= limit as usize;
            let end = if cut { copies.last().map(|(key, _)| key.clone()) } else { range.to.clone() };
            let part = Range { after: range.after.clone(), to: end.clone() };
            // more than the range had when its end was chosen were inserted since: they are on their way
            let there = rows(self.source, &sql::keys(&self.pair.source, &part, 2 * limit)).await?;
            self.suspects.add(&there.into_iter().collect(), &copies.into_iter().collect());
            if !cut || self.is_full() {
                return Ok(end);
            }
            range.after = end;
        }
    }

    /// Looks again at what differed, after the sink has caught up. `false`: there is no use in going on.
    async fn settle(&mut self, watch: &impl Watch) -> Result<bool, Error> {
        for _ in 0..LOOKS {
            if self.suspects.is_empty() {
                break;
            }
            let position = self.position().await?;
            if let Err(why) = watch.caught_up(position).await {
                self.outcome.unknown = Some(why);
                self.suspects = Suspects::default();
                return Ok(false);
            }
            let copies = rows(self.sink, &sql::at(&self.pair.sink, self.suspects.keys())).await?;
            let there = rows(self.source, &sql::at(&self.pair.source, self.suspects.keys())).await?;
            let (there, copies): (Rows, Rows) = (there.into_iter().collect(), copies.into_iter().collect());
            let found = self.suspects.look_again(&there, &copies);
            self.outcome.count(found);
        }
        let restless = std::mem::take(&mut self.suspects).len();
        self.outcome.restless += i64::try_from(restless).unwrap_or(i64::MAX);
        let goes_on = self.outcome.differences() < i64::try_from(MANY).unwrap_or(i64::MAX);
        self.outcome.at_least |= !goes_on;
        Ok(goes_on)
    }

    async fn bound(&mut self, range: &Range, rows: u32) -> Result<Option<Key>, Error> {
        let query = sql::bound(&self.pair.source, range, rows);
        let found = self.source.texts("find the end of a chunk", sql::SETTINGS, &query).await?;
        found
            .first()
            .and_then(|row| row.first())
            .map(|text| read("find the end of a chunk", text))
            .transpose()
    }

    /// Of source and sink. The source is looked at first only by chance: what differs is looked at again.
    async fn digests(&mut self, range: &Range, rows: u32) -> Result<(Digest, Digest), Error> {
        let (pair, limit) = (self.pair, rows.saturating_mul(2));
        let of = |side: &Side| sql::digest(side, range, limit);
        let (there, here) = (of(&pair.source), of(&pair.sink));
        let (there, here) = tokio::join!(digest(self.source, &there), digest(self.sink, &here));
        Ok((there?, here?))
    }

    async fn position(&mut self) -> Result<Lsn, Error> {
        const DOING: &str = "ask for the position";
        let rows = self.source.texts(DOING, "", sql::POSITION).await?;
        let text = rows.first().and_then(|row| row.first()).cloned().unwrap_or_default();
        read(DOING, &format!("{text:?}"))
    }
}

async fn digest(session: &mut Session, query: &str) -> Result<Digest, Error> {
    const DOING: &str = "sum up rows";
    let rows = session.texts(DOING, sql::SETTINGS, query).await?;
    let [count, sum] = rows.into_iter().next().and_then(|row| row.try_into().ok()).unwrap_or_default();
    Ok(Digest { rows: read(DOING, &count)?, sum })
}

async fn rows(session: &mut Session, query: &str) -> Result<Vec<(Key, Row)>, Error> {
    const DOING: &str = "look at rows";
    let mut rows = Vec::new();
    for row in session.texts(DOING, sql::SETTINGS, query).await? {
        let [key, hash, version] = row.try_into().unwrap_or_default();
        rows.push((read(DOING, &key)?, Row { hash, version }));
    }
    Ok(rows)
}
