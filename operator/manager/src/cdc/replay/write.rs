use std::collections::BTreeMap;

use sluice_clients::connect::replay::{copy, end};
use sluice_clients::kafka::{Client, ItemError, NewRecord, Peeked, TopicPartition};
use sluice_core::cdc::replay::{Batch, Refusal, Sending, What};

use super::ground::Known;
use super::part::Part;
use super::task::{Memo, Stop};
use crate::context::Context;

/// What goes in one batch, at most.
const BYTES: usize = 256 << 10;
/// What a batch and a record take beside key, value and headers.
const OVERHEAD: usize = 100;
/// Rows that are named in a message.
pub const NAMED: usize = 5;

/// Writes copies.
pub struct Writer<'a> {
    pub client: &'a Client,
    pub part: &'a Part,
    pub known: &'a Known,
    /// Corrections that Kafka does not take, and of which rows.
    pub refused: Vec<String>,
}

impl Writer<'_> {
    pub async fn write(&mut self, batch: &mut Batch, sends: &[Sending], memo: &mut Memo) -> Result<(), Stop> {
        for of_place in sends.chunk_by(|a, b| a.place == b.place) {
            let place = &of_place[0].place;
            let at = TopicPartition { topic: place.topic.clone(), partition: place.partition };
            let most = BYTES.min(self.known.room(&place.topic).saturating_sub(OVERHEAD));
            let (mut records, mut of, mut bytes) = (Vec::new(), Vec::new(), 0);
            for sending in of_place {
                let record = self.made(&at, sending).await?;
                let size = size(&record);
                if bytes + size > most && !records.is_empty() {
                    self.put(batch, &at, &std::mem::take(&mut records), &std::mem::take(&mut of), memo)
                        .await?;
                    bytes = 0;
                }
                bytes += size;
                records.push(record);
                of.push(sending);
            }
            self.put(batch, &at, &records, &of, memo).await?;
        }
        Ok(())
    }

    /// The record that is to be written.
    async fn made(&self, at: &TopicPartition, sending: &Sending) -> Result<NewRecord, Stop> {
        let letter = &self.part.records[sending.letter];
        let offset = match sending.what {
            What::Letter => return Ok(copy(letter, &sending.copied)),
            What::Nothing => return Ok(end(letter, &sending.copied)),
            What::Newest(offset) => offset,
        };
        let mut peeks = self.client.peek(&BTreeMap::from([(at.clone(), offset)])).await?;
        match peeks.remove(at) {
            Some(Ok(Peeked::Record(record))) if record.offset == offset => Ok(copy(&record, &sending.copied)),
            _ => Err(Stop::Again(format!("{}-{} does not show offset {offset}", at.topic, at.partition))),
        }
    }

    /// All at once; one by one where Kafka does not take one of them.
    async fn put(
        &mut self,
        batch: &mut Batch,
        at: &TopicPartition,
        records: &[NewRecord],
        of: &[&Sending],
        memo: &mut Memo,
    ) -> Result<(), Stop> {
        self.known.holds(self.client, &at.topic).await?;
        let Some(error) = self.produce(at, records, memo).await? else { return Ok(()) };
        if let [sending] = of {
            self.refuse(batch, sending, &error);
            return Ok(());
        }
        for (record, sending) in records.iter().zip(of) {
            if let Some(error) = self.produce(at, std::slice::from_ref(record), memo).await? {
                self.refuse(batch, sending, &error);
            }
        }
        Ok(())
    }

    /// Gives why Kafka will never take them as they are.
    async fn produce(
        &self,
        at: &TopicPartition,
        records: &[NewRecord],
        memo: &mut Memo,
    ) -> Result<Option<ItemError>, Stop> {
        let answer = self.client.produce(at, records, Context::now().as_millisecond()).await;
        let error = match answer {
            Ok(Ok(_)) => {
                memo.owes = true;
                return Ok(None);
            }
            Ok(Err(error)) => error,
            Err(error) => {
                if error.outcome_unknown() {
                    memo.unsure();
                }
                return Err(error.into());
            }
        };
        match Refusal::of(error.code.0) {
            Refusal::Never => return Ok(Some(error)),
            Refusal::NotNow => {}
            Refusal::Unsure => memo.unsure(),
        }
        Err(Stop::Again(format!("{}-{}: {error}", at.topic, at.partition)))
    }

    fn refuse(&mut self, batch: &mut Batch, sending: &Sending, error: &ItemError) {
        let what = match sending.what {
            What::Letter => return batch.refused(sending.letter),
            What::Newest(offset) => format!("the newest change (offset {offset})"),
            What::Nothing => "the end, after a TRUNCATE,".to_owned(),
        };
        batch.stuck(sending.letter);
        if self.refused.len() < NAMED {
            self.refused.push(format!(
                "{}: Kafka refuses to take {what} of the row once more behind an older one: {error}",
                self.part.row(sending.letter)
            ));
        }
    }
}

fn size(record: &NewRecord) -> usize {
    let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len() + 10).sum();
    bytes(&record.key) + bytes(&record.value) + headers + OVERHEAD
}
