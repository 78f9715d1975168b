use std::collections::BTreeMap;

use sluice_clients::connect::replay::addressed;
use sluice_clients::kafka::{At, Client, TopicPartition};
use sluice_core::cdc::replay::{Copies, Place};
use tokio::time::sleep;

use super::desk::State;
use super::part;
use super::task::{Job, LOOK, Sent, Stop};

/// Until the sink has read what was sent, and it is known what of it was put aside again. `end`: where the letters of the run end; what was put
/// aside again came behind them.
pub async fn wait(client: &Client, job: &Job, end: i64, sent: &mut Sent, state: &State) -> Result<(), Stop> {
    let (mut again, mut next) = (Copies::default(), end);
    if !sent.copies.is_empty() {
        let message = format!("Waits until the sink {} has read what was sent", job.sink);
        state.note(|state| state.message = message);
    }
    while !sent.copies.is_empty() {
        if state.left().is_some() {
            return Err(Stop::Left);
        }
        sent.copies.forget(&ends(client, &sent.copies).await?);
        let committed = committed(client, job).await?;
        let sealed;
        (next, sealed) = put_aside(client, job, next, &mut again).await?;
        // a record that was put aside is not committed, if it is the last: it could not be told from one that is still to come
        sent.sums.unread |= sealed;
        if sealed || sent.copies.are_read(&committed, &again) {
            break;
        }
        sleep(LOOK).await;
    }
    sent.sums.failed_again += again.count();
    Ok(())
}

/// Where the partitions end that copies were written to, as far as they say.
async fn ends(client: &Client, copies: &Copies) -> Result<BTreeMap<Place, i64>, Stop> {
    let mut topics: Vec<&str> = copies.places().map(|place| place.topic.as_str()).collect();
    topics.dedup();
    let ends = client.list_offsets(&topics, At::Latest).await?;
    let place = |at: TopicPartition| Place { topic: at.topic, partition: at.partition };
    Ok(ends.into_iter().filter_map(|(at, end)| Some((place(at), end.ok()?))).collect())
}

/// What the sink has read.
async fn committed(client: &Client, job: &Job) -> Result<BTreeMap<Place, i64>, Stop> {
    let groups = client.offset_fetch(&[job.group.as_str()]).await?;
    let of = groups.into_iter().find(|(group, _)| *group == job.group).map(|(_, item)| item);
    let offsets = of.and_then(Result::ok).unwrap_or_default();
    let place = |at: TopicPartition| Place { topic: at.topic, partition: at.partition };
    Ok(offsets.into_iter().map(|(at, offset)| (place(at), offset)).collect())
}

/// Which copies came to the dead-letter topic from this offset on. Where to go on, and whether some cannot be opened.
async fn put_aside(client: &Client, job: &Job, from: i64, again: &mut Copies) -> Result<(i64, bool), Stop> {
    let end = job.offset(client, At::Latest).await?;
    let begin = job.offset(client, At::Earliest).await?;
    // one that was made anew counts anew
    let mut next = if from > end { begin } else { from.max(begin) };
    let mut sealed = false;
    while next < end {
        let page = part::page(client, &job.letters, next).await?;
        for letter in page.records.iter().map(addressed) {
            let ours = letter.copied.is_some_and(|copied| copied.run == job.run);
            if let Some((place, offset)) = letter.from.filter(|_| ours) {
                again.note(&place, offset);
            }
        }
        sealed |= !page.sealed.is_empty();
        next = page.next.max(next + 1);
    }
    Ok((next, sealed))
}
