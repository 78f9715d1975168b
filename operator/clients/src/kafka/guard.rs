//! Keeps the codec from reserving memory that an answer only claims to need.
//!
//! `kafka-protocol` 0.18 decodes an array with `Vec::with_capacity(length)`, and the length is four bytes
//! from the wire: a broken or hostile answer of ten bytes reserves 800 GB, which aborts the process unless
//! the system grants memory it does not have. All lengths in the flexible encoding (the only one we speak,
//! see `versions`) are unsigned varints, read one `try_get_u8` after the other. [`Guarded`] follows those
//! reads and refuses a length that the bytes left cannot hold. What remains possible is a claim of the size
//! of the frame, times the size of one decoded item over its smallest encoding: about 25 times the bytes that
//! did arrive.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::buf::ByteBuf;

/// Tag numbers are varints too, and not lengths; real ones are far smaller.
const SLACK: u64 = 1024;
/// No string or list of replicas we ask for is longer; what is must be an array of structs of at least `WIDE`
/// bytes each.
const LONG: u64 = 1 << 18;
const WIDE: u64 = 8;

pub struct Guarded {
    bytes: Bytes,
    value: u64,
    shift: u32,
}

impl Guarded {
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, value: 0, shift: 0 }
    }

    /// One more byte of what may be a varint. A boolean of a sane peer (0 or 1) looks like a varint of its
    /// own; an insane one makes the value read here larger than the codec's, never smaller.
    fn follow(&mut self, byte: u8) -> Result<(), TryGetError> {
        self.value |= u64::from(byte & 0x7f) << self.shift;
        self.shift += 7;
        if byte & 0x80 == 0 {
            let value = std::mem::take(&mut self.value);
            self.shift = 0;
            let available = self.bytes.remaining();
            let needed = if value > LONG { value.saturating_mul(WIDE) } else { value };
            if needed > available as u64 + SLACK {
                return Err(TryGetError {
                    requested: usize::try_from(needed).unwrap_or(usize::MAX),
                    available,
                });
            }
        } else if self.shift >= 35 {
            // a fifth byte that announces a sixth: no 32-bit varint
            return Err(TryGetError { requested: usize::MAX, available: self.bytes.remaining() });
        }
        Ok(())
    }
}

impl Buf for Guarded {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let byte = self.bytes.try_get_u8()?;
        self.follow(byte)?;
        Ok(byte)
    }
}

impl ByteBuf for Guarded {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.bytes.split_to(size)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::describe_configs_response::{
        DescribeConfigsResourceResult, DescribeConfigsResult,
    };
    use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
    use kafka_protocol::messages::{BrokerId, DescribeConfigsResponse, MetadataResponse, TopicName};
    use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
    use proptest::prelude::*;

    use super::super::versions::SPOKEN;
    use super::*;

    /// Reads a varint of that value, byte by byte as the codec does, with that many bytes behind it.
    fn read(mut value: u32, rest: usize) -> Result<(), TryGetError> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
        let digits = bytes.len();
        bytes.resize(digits + rest, 0);
        let mut guarded = Guarded::new(bytes.into());
        (0..digits).try_for_each(|_| guarded.try_get_u8().map(drop))
    }

    #[test]
    fn a_length_must_fit_in_what_is_left() {
        let cases = [
            (0, 0, true),
            (1024, 0, true), // within the slack for tags
            (1025, 0, false),
            (5_000, 4_000, true),
            (5_000, 3_900, false),
            (1 << 18, 1 << 18, true),
            ((1 << 18) + 1, 1 << 18, false), // beyond LONG every item takes eight bytes
            ((1 << 18) + 1, 1 << 22, true),
            (u32::MAX, 1 << 22, false),
        ];
        for (value, rest, fits) in cases {
            assert_eq!(read(value, rest).is_ok(), fits, "{value} with {rest} bytes left");
        }
    }

    #[test]
    fn no_boolean_before_it_makes_a_length_look_smaller() {
        // two bytes that a codec may read as booleans, then the varint of four billion
        for hidden in [[0, 0], [1, 1], [0xff, 0x01], [0x80, 0x80], [0xff, 0xff]] {
            let bytes = [&hidden[..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0; 64]].concat();
            let mut guarded = Guarded::new(bytes.into());
            let read: Result<Vec<u8>, _> = (0..7).map(|_| guarded.try_get_u8()).collect();
            assert!(read.is_err(), "{hidden:?}");
        }
    }

    #[test]
    fn long_strings_that_are_there_are_read() {
        // a list of throttled replicas can be that long
        let text = StrBytes::from_string("0:1,".repeat(50_000));
        let entry = DescribeConfigsResourceResult::default().with_value(Some(text.clone()));
        let result = DescribeConfigsResult::default().with_configs(vec![entry]);
        let mut bytes = BytesMut::new();
        DescribeConfigsResponse::default().with_results(vec![result]).encode(&mut bytes, 4).unwrap();
        let read = DescribeConfigsResponse::decode(&mut Guarded::new(bytes.freeze()), 4).unwrap();
        assert_eq!(read.results[0].configs[0].value, Some(text));
    }

    /// An answer to correlation id 0 with some of everything in it.
    fn metadata(topics: u8) -> Vec<u8> {
        let partition = |index| {
            let replicas = vec![BrokerId(1), BrokerId(2), BrokerId(3)];
            let partition =
                MetadataResponsePartition::default().with_partition_index(index).with_leader_id(BrokerId(1));
            partition.with_replica_nodes(replicas.clone()).with_isr_nodes(replicas)
        };
        let topic = |i| {
            let name = TopicName(StrBytes::from_string(format!("topic-{i}")));
            MetadataResponseTopic::default()
                .with_name(Some(name))
                .with_partitions((0..3).map(partition).collect())
        };
        let body = MetadataResponse::default().with_topics((0..topics).map(topic).collect());
        let mut frame = vec![0; 5];
        body.encode(&mut frame, 13).unwrap();
        frame
    }

    fn decode_all(frame: &[u8]) {
        for spoken in SPOKEN {
            let _ = (spoken.decode)(Bytes::copy_from_slice(frame));
        }
    }

    #[test]
    fn an_undamaged_answer_is_read() {
        let spoken = SPOKEN.iter().find(|spoken| spoken.name == "Metadata").unwrap();
        (spoken.decode)(metadata(200).into()).unwrap();
    }

    // A panic fails these. That nothing is reserved for a claim is shown by the tables above: here the system
    // may grant it unused.
    proptest! {
        #[test]
        fn no_bytes_make_the_codec_panic(frame in prop::collection::vec(any::<u8>(), 0..400)) {
            decode_all(&frame);
        }

        #[test]
        fn no_damage_to_an_answer_does(
            changed in prop::collection::vec((0_usize..600, any::<u8>()), 0..6),
            claim in 0_usize..600,
            cut in 0_usize..600,
        ) {
            let mut frame = metadata(6);
            for (at, value) in changed {
                let at = at % frame.len();
                frame[at] = value;
            }
            decode_all(&frame);
            // four billion of whatever is counted there
            let claim = claim % (frame.len() - 5);
            frame[claim..claim + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
            decode_all(&frame);
            frame.truncate(cut);
            decode_all(&frame);
        }
    }
}
