//! Keeps the codec from reserving memory that an answer only claims to need.
//!
//! `kafka-protocol` 0.18 decodes an array with `Vec::with_capacity(length)`, and the length is four bytes from the wire: a broken
//! or hostile answer of ten bytes reserves 800 GB, which aborts the process. All lengths in the flexible encoding (the only one
//! we speak, see `versions`) are unsigned varints, read one `try_get_u8` after the other. [`Guarded`] follows those reads
//! and refuses a length that the bytes left cannot hold. What remains possible is a claim of the size of the frame, times
//! the size of one decoded item over its smallest encoding: about 25 times the bytes that did arrive.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::buf::ByteBuf;

/// Tag numbers are varints too, and not lengths; real ones are far smaller.
const SLACK: u64 = 1024;
/// No string or list of replicas we ask for is longer; what is must be an array of structs of at least `WIDE` bytes each.
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

    /// One more byte of what may be a varint. A boolean of a sane peer (0 or 1) looks like a varint of its own; an insane
    /// one makes the value read here larger than the codec's, never smaller.
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
