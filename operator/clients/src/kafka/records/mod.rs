//! The first record of what a fetch brings: record batches of format 2 (KIP-98), plain or compressed with LZ4, as Sluice's source
//! connectors write them.
//!
//! Written by hand: the codec's own decoder reads all records of all batches into memory, and reserves it for as many as a batch claims
//! to have.

mod batch;

use batch::Batch;

/// Bytes of records that are enough at once: what is left is for the next time.
pub const MOST: usize = 4 << 20;
/// What a record takes beside its bytes, about.
const OVERHEAD: usize = 150;

/// What is at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peeked {
    /// The first record there or behind it.
    Record(Record),
    /// It is in a batch that cannot be opened: of another compression, or too large when unpacked. No record in it is newer than this, in milliseconds since 1970.
    Sealed { newest: i64 },
    /// None, or none yet.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub offset: i64,
    /// Milliseconds since 1970: when it was produced or appended, as the topic's `message.timestamp.type` has it.
    pub timestamp: i64,
    /// It is the latter.
    pub append_time: bool,
    pub key: Option<Vec<u8>>,
    /// `None`: a tombstone.
    pub value: Option<Vec<u8>>,
    /// In their order; one without a value is as one of no bytes.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// What it takes in memory, about.
    pub fn size(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.len() + OVERHEAD).sum();
        let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        bytes(&self.key) + bytes(&self.value) + headers + OVERHEAD
    }
}

/// The bytes are not what they should be, or end too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut;

/// The first record at `offset` or behind it. `Err`: the batch that it is in is not here to its end.
pub fn first(bytes: &[u8], offset: i64) -> Result<Peeked, Cut> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let batch = Batch::read(rest)?;
        rest = rest.get(batch.size..).unwrap_or_default();
        // of transactions: they have no record of anybody's
        if batch.control || batch.last_offset < offset {
            continue;
        }
        match batch.first(offset)? {
            Peeked::Nothing => {}
            found => return Ok(found),
        }
    }
    Ok(Peeked::Nothing)
}

/// What a fetch has brought of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct All {
    pub records: Vec<Record>,
    /// The offset behind them.
    pub next: i64,
    pub sealed: Vec<Sealed>,
}

/// Records that are missing: in a batch that cannot be opened, of another compression, too large when unpacked, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The offset behind them.
    pub before: i64,
    pub records: i64,
}

/// The records at `offset` or behind it that are here whole: all, or some megabytes of them. `Err`: not even one batch is here to its end.
pub fn all(bytes: &[u8], offset: i64) -> Result<All, Cut> {
    let (mut rest, mut found, mut next, mut sealed) = (bytes, Vec::<Record>::new(), offset, Vec::new());
    let mut size = 0;
    while !rest.is_empty() && size < MOST {
        let batch = match Batch::read(rest) {
            Ok(batch) => batch,
            Err(Cut) if next > offset => break,
            Err(Cut) => return Err(Cut),
        };
        rest = rest.get(batch.size..).unwrap_or_default();
        let before = batch.last_offset.saturating_add(1);
        if !batch.control && batch.last_offset >= next {
            // one that is damaged must not hide those before and behind it
            if let Ok(Some(records)) = batch.all(next) {
                size += records.iter().map(Record::size).sum::<usize>();
                found.extend(records);
            } else {
                sealed.push(Sealed { before, records: i64::from(batch.count.max(1)) });
            }
        }
        next = next.max(before);
    }
    Ok(All { records: found, next, sealed })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::BytesMut;
    use kafka_protocol::records::{
        Compression, Record as Wire, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    };
    use proptest::prelude::*;

    use super::batch::{HEADER, PREFIX};
    use super::*;

    fn wire(offset: i64, value: Option<&'static str>) -> Wire {
        Wire {
            transactional: false,
            control: false,
            partition_leader_epoch: 0,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset,
            // records whose numbers do not follow on each other would each be a batch
            sequence: i32::try_from(offset).unwrap(),
            timestamp: 1_000 + offset,
            key: Some("key".into()),
            value: value.map(Into::into),
            headers: Default::default(),
            delete_horizon: false,
        }
    }

    /// A batch as Kafka's own producer would make it.
    fn batch(records: &[Wire], compression: Compression) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut bytes, records, &options).unwrap();
        let mut bytes = bytes.to_vec();
        if compression != Compression::None {
            let mut packed = lz4_flex::frame::FrameEncoder::new(Vec::new());
            packed.write_all(&bytes.split_off(HEADER)).unwrap();
            bytes.extend(packed.finish().unwrap());
            let length = i32::try_from(bytes.len() - PREFIX).unwrap();
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[22] |= compression as u8;
        }
        bytes
    }

    fn value(peeked: Result<Peeked, Cut>) -> (i64, i64, Option<String>) {
        let Ok(Peeked::Record(record)) = peeked else { panic!("{peeked:?}") };
        let text = record.value.map(|value| String::from_utf8(value).unwrap());
        (record.offset, record.timestamp, text)
    }

    #[test]
    fn the_record_at_an_offset_is_found_in_plain_and_packed_batches() {
        for compression in [Compression::None, Compression::Lz4] {
            let records = [wire(10, Some("a")), wire(11, None), wire(14, Some("c"))];
            let bytes = [batch(&records, compression), batch(&[wire(20, Some("d"))], compression)].concat();
            for (asked, found) in [
                (0, (10, 1010, Some("a"))),
                (11, (11, 1011, None)),
                (12, (14, 1014, Some("c"))),
                (15, (20, 1020, Some("d"))),
            ] {
                let found = (found.0, found.1, found.2.map(str::to_owned));
                assert_eq!(value(first(&bytes, asked)), found, "{compression:?} {asked}");
            }
            let offsets = |from| {
                let All { records, next, sealed } = all(&bytes, from).unwrap();
                assert!(
                    sealed.is_empty() && records.iter().all(|record| record.key.as_deref() == Some(b"key"))
                );
                (records.iter().map(|record| record.offset).collect::<Vec<_>>(), next)
            };
            assert_eq!(offsets(0), (vec![10, 11, 14, 20], 21), "{compression:?}");
            assert_eq!(offsets(12), (vec![14, 20], 21), "{compression:?}");
            assert_eq!(offsets(21), (vec![], 21), "{compression:?}");
            assert_eq!(
                all(&bytes[..bytes.len() - 1], 12).unwrap().next,
                15,
                "half a batch is for the next time"
            );
            assert_eq!(all(&bytes[..bytes.len() - 1], 20), Err(Cut));
            assert_eq!(first(&bytes, 21), Ok(Peeked::Nothing));
            assert_eq!(first(&bytes[..bytes.len() - 1], 20), Err(Cut), "half a batch");
            assert_eq!(value(first(&bytes[..bytes.len() - 1], 14)).0, 14);
        }
        assert_eq!(first(&[], 0), Ok(Peeked::Nothing));
    }

    #[test]
    fn a_batch_of_another_compression_tells_its_newest_time() {
        let bytes = batch(&[wire(1, Some("a")), wire(2, Some("b"))], Compression::Zstd);
        assert_eq!(first(&bytes, 1), Ok(Peeked::Sealed { newest: 1002 }));
        let sealed = vec![Sealed { before: 3, records: 2 }];
        assert_eq!(all(&bytes, 1), Ok(All { records: vec![], next: 3, sealed }));
    }

    #[test]
    fn a_batch_that_is_too_large_when_unpacked_is_passed_over() {
        let large: &'static str = Box::leak("x".repeat(17 << 20).into_boxed_str());
        let bytes = [
            batch(&[wire(1, Some(large))], Compression::Lz4),
            batch(&[wire(2, Some("b"))], Compression::Lz4),
        ];
        let All { records, next, sealed } = all(&bytes.concat(), 1).unwrap();
        assert_eq!((records.len(), records[0].offset, next), (1, 2, 3));
        assert_eq!(sealed, [Sealed { before: 2, records: 1 }]);
    }

    #[test]
    fn a_damaged_batch_hides_no_other_one() {
        for compression in [Compression::None, Compression::Lz4] {
            let mut parts = [1, 2, 4].map(|offset| batch(&[wire(offset, Some("some text"))], compression));
            parts[1][HEADER..].fill(0xff);
            let All { records, next, sealed } = all(&parts.concat(), 1).unwrap();
            let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
            assert_eq!((offsets, next), (vec![1, 4], 5), "{compression:?}");
            assert_eq!(sealed, [Sealed { before: 3, records: 1 }], "{compression:?}");
        }
    }

    #[test]
    fn more_than_some_megabytes_are_left_for_the_next_time() {
        let large: &'static str = Box::leak("x".repeat(3 << 20).into_boxed_str());
        let bytes: Vec<u8> = (0..4).flat_map(|n| batch(&[wire(n, Some(large))], Compression::Lz4)).collect();
        assert_eq!(all(&bytes, 0).map(|all| (all.records.len(), all.next)), Ok((2, 2)));
        assert_eq!(all(&bytes, 2).map(|all| (all.records.len(), all.next)), Ok((2, 4)));
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(
            changed in prop::collection::vec((0_usize..200, any::<u8>()), 0..6),
            cut in 0_usize..200,
            offset in 0_i64..20,
        ) {
            for compression in [Compression::None, Compression::Lz4] {
                let mut bytes = batch(&[wire(1, Some("some text")), wire(2, None)], compression);
                for (at, value) in &changed {
                    let at = at % bytes.len();
                    bytes[at] = *value;
                }
                let _ = (first(&bytes, offset), all(&bytes, offset));
                bytes.truncate(cut);
                let _ = (first(&bytes, offset), all(&bytes, offset));
            }
        }
    }
}
