use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

/// The header of a record that was sent again.
pub const HEADER: &str = "__sluice.replay";
/// Of a key in a message: keys are short, but need not be.
const SHOWN: usize = 100;

/// A partition of a table's topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub topic: String,
    pub partition: i32,
}

/// A record of the dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where the sink read it; `None`: it does not say.
    pub from: Option<(Place, i64)>,
    pub key: Option<Key>,
    /// It was a copy already.
    pub copied: Option<Copied>,
    pub print: Print,
    /// When the record was written that the sink read, in milliseconds since 1970: Connect gives a letter the time of its record. `None`: the
    /// broker has put its own time there.
    pub made: Option<i64>,
}

/// Key and value of a record, byte by byte: a topic that was made anew has other records at the same offsets, and their keys may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print(u64);

impl Print {
    pub fn of(key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let mut hasher = DefaultHasher::new();
        (key, value).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What tells the records of a row from those of others: the key as it means, not as it is written. The schema that a key carries may be
/// another one after an `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    pub fn of(bytes: Option<&[u8]>) -> Option<Self> {
        let bytes = bytes?;
        let payload = serde_json::from_slice::<Value>(bytes).ok().and_then(|mut key| {
            let payload = key.get_mut("payload")?.take();
            (!payload.is_null()).then(|| payload.to_string().into_bytes())
        });
        Some(Self(payload.unwrap_or_else(|| bytes.to_vec())))
    }

    /// For a message.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).chars().take(SHOWN).collect()
    }
}

/// What the header of a copy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Offset, in the same partition, of the record that it is a copy of: the newer record of a row is the one of the higher rank. Of other
    /// records the rank is their own offset.
    pub rank: i64,
    /// For which run it was made.
    pub run: String,
}

impl Copied {
    pub fn read(header: &[u8]) -> Option<Self> {
        let (rank, run) = std::str::from_utf8(header).ok()?.split_once(' ')?;
        Some(Self { rank: rank.parse().ok()?, run: run.to_owned() })
    }

    pub fn write(&self) -> Vec<u8> {
        format!("{} {}", self.rank, self.run).into_bytes()
    }
}
