use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::view::source::Lsn;

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
    /// Where the change stands in the source's log; `None`: it does not say.
    pub lsn: Option<Lsn>,
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

/// What tells the records of a row from those of others: the values of its key, and of what fields they are. The same row has other values
/// where its columns have another type (7 as `numeric` is `Bw==`), so of two keys that differ in their fields nobody can tell whether they mean
/// the same row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    form: Form,
    values: Vec<u8>,
}

/// The fields of a key, by name and type. The integers are one type: they are written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Form(u64);

impl Key {
    pub fn of(bytes: Option<&[u8]>) -> Option<Self> {
        let bytes = bytes?;
        let told = serde_json::from_slice::<Value>(bytes).ok();
        Some(
            told.as_ref()
                .and_then(Self::told)
                .unwrap_or_else(|| Self { form: Form(0), values: bytes.to_vec() }),
        )
    }

    /// As the JSON converter writes it.
    fn told(key: &Value) -> Option<Self> {
        let payload = key.get("payload").filter(|payload| !payload.is_null())?;
        Some(Self { form: Form::of(key.get("schema")?), values: payload.to_string().into_bytes() })
    }

    pub fn form(&self) -> Form {
        self.form
    }

    /// For a message.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.values).chars().take(SHOWN).collect()
    }
}

impl Form {
    fn of(schema: &Value) -> Self {
        let fields = schema.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut told: Vec<_> = fields.iter().map(Self::field).collect();
        if told.is_empty() {
            told.push(Self::field(schema));
        }
        told.sort();
        let mut hasher = DefaultHasher::new();
        told.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// `name` and `parameters` are of the meaning, such as the digits behind the point.
    fn field(field: &Value) -> [String; 4] {
        let text = |name: &str| field.get(name).map(Value::to_string).unwrap_or_default();
        let of = field.get("type").and_then(Value::as_str);
        let of = of
            .filter(|of| ["int8", "int16", "int32", "int64"].contains(of))
            .map_or_else(|| text("type"), |_| "int".into());
        [text("field"), of, text("name"), text("parameters")]
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
