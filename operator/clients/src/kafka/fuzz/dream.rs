//! Answers that are well formed and mean anything: the codec reads from a buffer that makes up what it is asked for.
//!
//! Random bytes are hardly ever an answer: one length too many, and the rest is read as something else. Here each read is known by
//! its type. So a number of items is small, a code is mostly that of no error, and what follows is asked for by the codec itself.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::buf::ByteBuf;

/// Decisions, one byte each. Once there are none left, every list is empty: each answer comes to an end.
pub struct Dream<'a>(pub &'a [u8]);

impl Dream<'_> {
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Mostly one of a few, else an edge, else anything.
    fn number(&mut self, few: i64, edge: i64) -> i64 {
        match self.byte() {
            None | Some(0..=31) => 0,
            Some(of @ 32..=191) => i64::from(of) % few,
            Some(192..=207) => edge,
            Some(208..=223) => -edge - 1,
            Some(224..=239) => -1,
            Some(_) => (0..8).fold(0, |number, _| number << 8 | i64::from(self.byte().unwrap_or(0))),
        }
    }

    fn fill(&mut self, to: &mut [u8]) {
        match self.byte() {
            // what the calls ask for
            None | Some(0..=159) => to.fill(b't'),
            Some(160..=207) => to.fill(b'1'),
            Some(_) => to.fill_with(|| self.byte().unwrap_or(b'x')),
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // any number will do
impl Buf for Dream<'_> {
    fn remaining(&self) -> usize {
        1 << 16
    }

    fn chunk(&self) -> &[u8] {
        unreachable!("the codec reads by types")
    }

    fn advance(&mut self, _: usize) {
        unreachable!("the codec reads by types")
    }

    /// A boolean, a tag, or a length and one: 0 stands for no list at all.
    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        Ok(match self.byte() {
            None => 1,
            Some(of @ 0..=191) => 1 + of % 3,
            Some(of @ 192..=247) => of % 16,
            // no second byte: a long list ends as soon as there is nothing left to decide
            Some(other) => other % 128,
        })
    }

    fn try_get_i8(&mut self) -> Result<i8, TryGetError> {
        Ok(self.number(8, i8::MAX.into()) as i8)
    }

    /// Mostly an error's code.
    fn try_get_i16(&mut self) -> Result<i16, TryGetError> {
        Ok(if self.byte().is_none_or(|of| of < 224) { 0 } else { self.number(130, i16::MAX.into()) as i16 })
    }

    fn try_get_u16(&mut self) -> Result<u16, TryGetError> {
        Ok(self.number(130, i16::MAX.into()) as u16)
    }

    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        Ok(self.number(4, i32::MAX.into()) as i32)
    }

    fn try_get_u32(&mut self) -> Result<u32, TryGetError> {
        Ok(self.number(4, i32::MAX.into()) as u32)
    }

    fn try_get_i64(&mut self) -> Result<i64, TryGetError> {
        Ok(self.number(1000, i64::MAX))
    }

    fn try_get_f64(&mut self) -> Result<f64, TryGetError> {
        Ok(f64::from_bits(self.number(1000, i64::MAX).cast_unsigned()))
    }

    fn try_copy_to_slice(&mut self, to: &mut [u8]) -> Result<(), TryGetError> {
        self.fill(to);
        Ok(())
    }
}

impl ByteBuf for Dream<'_> {
    fn peek_bytes(&mut self, _: std::ops::Range<usize>) -> Bytes {
        unreachable!("the codec peeks at records alone")
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        let mut bytes = vec![0; size];
        self.fill(&mut bytes);
        bytes.into()
    }
}
