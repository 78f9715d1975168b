//! One batch of records.

use std::borrow::Cow;
use std::io::Read;

use lz4_flex::frame::FrameDecoder;

use super::{Cut, Peeked, Record};

/// `RecordBatch.RECORDS_OFFSET`: where the records begin.
pub(super) const HEADER: usize = 61;
/// Where the length of a batch begins to count.
pub(super) const PREFIX: usize = 12;
/// The most bytes that a batch may have unpacked: `max.message.bytes` of compressed ones is a megabyte by default.
const UNPACKED: u64 = 64 << 20;
/// The same where all of its records are kept.
const KEPT: u64 = 16 << 20;

pub(super) struct Batch<'a> {
    pub size: usize,
    base_offset: i64,
    pub last_offset: i64,
    base_timestamp: i64,
    newest: i64,
    compression: i16,
    append_time: bool,
    pub control: bool,
    pub count: i32,
    records: &'a [u8],
}

impl<'a> Batch<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Cut> {
        let length = i32::from_be_bytes(part(bytes, 8)?);
        let size = usize::try_from(length).map_err(|_| Cut)?.checked_add(PREFIX).ok_or(Cut)?;
        let [magic] = part(bytes, 16)?;
        if magic != 2 || size < HEADER {
            return Err(Cut);
        }
        let records = bytes.get(HEADER..size).ok_or(Cut)?;
        let attributes = i16::from_be_bytes(part(bytes, 21)?);
        let base_offset = i64::from_be_bytes(part(bytes, 0)?);
        Ok(Self {
            size,
            base_offset,
            last_offset: base_offset.saturating_add(i32::from_be_bytes(part(bytes, 23)?).into()),
            base_timestamp: i64::from_be_bytes(part(bytes, 27)?),
            newest: i64::from_be_bytes(part(bytes, 35)?),
            compression: attributes & 0b111,
            append_time: attributes & 0b1000 != 0,
            control: attributes & 0b10_0000 != 0,
            count: i32::from_be_bytes(part(bytes, 57)?),
            records,
        })
    }

    pub fn first(&self, offset: i64) -> Result<Peeked, Cut> {
        let Some(plain) = self.plain(UNPACKED)? else { return Ok(Peeked::Sealed { newest: self.newest }) };
        let mut records = plain.as_ref();
        for _ in 0..self.count {
            if let Some(record) = self.next(&mut records, offset)? {
                return Ok(Peeked::Record(record));
            }
        }
        Ok(Peeked::Nothing)
    }

    /// Its records at `offset` or behind it; `None`: it cannot be opened.
    pub fn all(&self, offset: i64) -> Result<Option<Vec<Record>>, Cut> {
        let Some(plain) = self.plain(KEPT)? else { return Ok(None) };
        let (mut records, mut found) = (plain.as_ref(), Vec::new());
        for _ in 0..self.count {
            found.extend(self.next(&mut records, offset)?);
        }
        Ok(Some(found))
    }

    /// Its records, unpacked; `None`: they are of a compression that cannot be opened, or more bytes than this.
    fn plain(&self, most: u64) -> Result<Option<Cow<'a, [u8]>>, Cut> {
        match self.compression {
            0 => Ok(Some(Cow::Borrowed(self.records))),
            3 => {
                let mut plain = Vec::new();
                let unpacked = FrameDecoder::new(self.records).take(most + 1).read_to_end(&mut plain);
                let length = unpacked.map_err(|_| Cut)?;
                Ok(u64::try_from(length).is_ok_and(|length| length <= most).then_some(Cow::Owned(plain)))
            }
            _ => Ok(None),
        }
    }

    /// Reads one record; `None`: it is before the offset.
    fn next(&self, records: &mut &[u8], offset: i64) -> Result<Option<Record>, Cut> {
        let length = varint(records)?;
        let mut record = take(records, length)?.ok_or(Cut)?;
        let record = &mut record;
        take(record, 1)?; // attributes: none are defined
        let timestamp = self.base_timestamp.saturating_add(varint(record)?);
        let at = self.base_offset.saturating_add(varint(record)?);
        if at < offset {
            return Ok(None);
        }
        let key = varint(record)?;
        let key = take(record, key)?.map(<[u8]>::to_vec);
        let value = varint(record)?;
        let value = take(record, value)?.map(<[u8]>::to_vec);
        let mut headers = Vec::new();
        for _ in 0..varint(record)? {
            let length = varint(record)?;
            let name = take(record, length)?.ok_or(Cut)?;
            let length = varint(record)?;
            let content = take(record, length)?.unwrap_or_default();
            headers.push((String::from_utf8_lossy(name).into_owned(), content.to_vec()));
        }
        let timestamp = if self.append_time { self.newest } else { timestamp };
        Ok(Some(Record { offset: at, timestamp, append_time: self.append_time, key, value, headers }))
    }
}

fn part<const N: usize>(bytes: &[u8], from: usize) -> Result<[u8; N], Cut> {
    bytes.get(from..from + N).and_then(|part| part.try_into().ok()).ok_or(Cut)
}

/// The next bytes; `None` for a length below zero, which stands for nothing at all.
fn take<'a>(bytes: &mut &'a [u8], length: i64) -> Result<Option<&'a [u8]>, Cut> {
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Cut)?;
    *bytes = rest;
    Ok(Some(taken))
}

/// A zigzag varint, as in Protocol Buffers.
fn varint(bytes: &mut &[u8]) -> Result<i64, Cut> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Cut)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    Err(Cut)
}
