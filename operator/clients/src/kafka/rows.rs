//! Which rows a snapshot has brought to the topics of its tables, found by looking at single records.

use std::collections::BTreeMap;

use sluice_core::cdc::snapshot::{Floor, Hunt, Mark, Part, Run, Spot, Tally};
use sluice_core::view::source::{Lsn, TableName};

use super::{At, Client, Error, Peeked, TopicPartition};

/// What is looked for.
#[derive(Clone, Debug)]
pub struct SnapshotRows {
    /// Tables by their topics.
    pub tables: BTreeMap<String, TableName>,
    /// Rows that came to Kafka before, in milliseconds since 1970, are of an older snapshot: positions of another server, or of this one
    /// restored from a backup, cannot be compared.
    pub since: i64,
    /// Rows that were read at an earlier position are of an older snapshot.
    pub floor: Lsn,
    /// The snapshot's position, where it is known.
    pub told: Option<Lsn>,
    /// All rows have been read, and are in the topics.
    pub completed: bool,
}

/// What was found out, from one look to the next. It only saves looks.
#[derive(Clone, Debug, Default)]
pub struct KnownRows {
    lsn: Lsn,
    runs: BTreeMap<TopicPartition, Run>,
    /// All rows had been read when it was found out: nothing of it changes any more.
    settled: bool,
}

/// `None`: something could not be seen, and half a sum would be a lie.
pub async fn snapshot_rows(
    client: &Client,
    sought: &SnapshotRows,
    known: &mut KnownRows,
) -> Result<Option<Tally>, Error> {
    let topics: Vec<&str> = sought.tables.keys().map(String::as_str).collect();
    let begins = client.list_offsets(&topics, At::Earliest).await?;
    let ends = client.list_offsets(&topics, At::Latest).await?;
    let froms = client.list_offsets(&topics, At::Time(sought.since)).await?;
    let mut spans = Spans::new();
    for (at, end) in ends {
        let (Some(Ok(log)), Some(Ok(from)), Ok(end)) = (begins.get(&at), froms.get(&at), end) else {
            return Ok(None);
        };
        let from = if *from < 0 { end } else { (*from).clamp(*log, end) };
        spans.insert(at, Span { log: *log, from, end });
    }
    let told = sought.told.filter(|lsn| *lsn >= sought.floor);
    let looked_up = known.settled && Some(known.lsn) == told;
    let open: BTreeMap<TopicPartition, i64> = spans
        .iter()
        .filter(|(at, span)| span.from < span.end && !(looked_up && known.runs.contains_key(at)))
        .map(|(at, span)| (at.clone(), span.end - 1))
        .collect();
    let Some(tails) = spots(client, &open).await? else { return Ok(None) };
    let rows = tails.values().flatten().filter_map(|spot| spot.mark).filter(|mark| mark.row);
    let newest = rows.map(|mark| mark.lsn).filter(|lsn| *lsn >= sought.floor).chain(told).max();
    let lsn = match newest {
        Some(lsn) => lsn,
        None if sought.completed => match discover(client, sought.floor, &spans).await? {
            Some(lsn) => lsn,
            None => return Ok(None),
        },
        None => sought.floor,
    };
    if known.lsn != lsn {
        *known = KnownRows { lsn, ..Default::default() };
    }
    let Some(runs) = hunt(client, &spans, tails, known).await? else { return Ok(None) };
    let mut parts: BTreeMap<TableName, Vec<Part>> = BTreeMap::new();
    for (at, span) in &spans {
        if let Some(table) = sought.tables.get(&at.topic) {
            parts.entry(table.clone()).or_default().push(Part { end: span.end, run: runs.get(at).copied() });
        }
    }
    (known.runs, known.settled) = (runs, sought.completed);
    Ok(Some(Tally::of(lsn, &parts)))
}

/// Where a partition's log begins, where rows of the snapshot may begin, and where it ends.
#[derive(Clone, Copy, Debug)]
struct Span {
    log: i64,
    from: i64,
    end: i64,
}

type Spans = BTreeMap<TopicPartition, Span>;
type Spots = BTreeMap<TopicPartition, Option<Spot>>;

/// In all partitions at once, so that it takes as many requests as one of them needs looks.
async fn hunt(
    client: &Client,
    spans: &Spans,
    tails: Spots,
    known: &KnownRows,
) -> Result<Option<BTreeMap<TopicPartition, Run>>, Error> {
    let mut runs = BTreeMap::new();
    let mut hunts = BTreeMap::new();
    for (at, span) in spans {
        let run = known.runs.get(at).copied();
        match run.filter(|_| known.settled) {
            Some(run) => drop(runs.insert(at.clone(), run)),
            None => drop(hunts.insert(at.clone(), Hunt::new(known.lsn, span.log, span.from..span.end, run))),
        }
    }
    let mut answers = tails;
    loop {
        for (at, spot) in answers {
            if let Some(hunt) = hunts.get_mut(&at) {
                hunt.told(spot);
            }
        }
        let asked: BTreeMap<_, _> =
            hunts.iter().filter_map(|(at, hunt)| Some((at.clone(), hunt.asks()?))).collect();
        if asked.is_empty() {
            break;
        }
        let Some(seen) = spots(client, &asked).await? else { return Ok(None) };
        answers = seen;
    }
    runs.extend(hunts.iter().filter_map(|(at, hunt)| Some((at.clone(), hunt.run()?))));
    Ok(Some(runs))
}

/// Where a snapshot stood that nothing else tells: its rows are behind the floor in one of the partitions, or there are none. `None`:
/// it could not be seen.
async fn discover(client: &Client, floor: Lsn, spans: &Spans) -> Result<Option<Lsn>, Error> {
    let mut floors: BTreeMap<&TopicPartition, Floor> =
        spans.iter().map(|(at, span)| (at, Floor::new(floor, span.from, span.end))).collect();
    loop {
        let asked: BTreeMap<_, _> =
            floors.iter().filter_map(|(at, floor)| Some(((*at).clone(), floor.asks()?))).collect();
        if asked.is_empty() {
            return Ok(floors.values().filter_map(Floor::snapshot).max().or(Some(floor)));
        }
        let Some(answers) = spots(client, &asked).await? else { return Ok(None) };
        for (at, spot) in answers {
            if let Some(floor) = floors.get_mut(&at) {
                floor.told(spot);
            }
        }
    }
}

/// `None`: one of them could not be seen.
async fn spots(client: &Client, asked: &BTreeMap<TopicPartition, i64>) -> Result<Option<Spots>, Error> {
    if asked.is_empty() {
        return Ok(Some(Spots::new()));
    }
    let mut peeks = client.peek(asked).await?;
    let mut spots = Spots::new();
    for (at, offset) in asked {
        let Some(Ok(peeked)) = peeks.remove(at) else { return Ok(None) };
        let spot = match peeked {
            Peeked::Record(record) => Some(Spot {
                offset: record.offset,
                at: record.timestamp,
                mark: record.value.as_deref().and_then(Mark::of),
            }),
            Peeked::Sealed { newest } => Some(Spot { offset: *offset, at: newest, mark: None }),
            Peeked::Nothing => None,
        };
        spots.insert(at.clone(), spot);
    }
    Ok(Some(spots))
}
