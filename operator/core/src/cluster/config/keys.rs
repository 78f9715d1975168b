//! What Kafka knows about one configuration key, and whether a value can be meant.

use super::table::{KEYS, TOPIC_SYNONYMS};

/// One broker configuration key, as Kafka defines it.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub mode: Mode,
    pub kind: Kind,
    /// Kafka's own default, where it is a number or a boolean.
    pub default: Option<&'static str>,
    pub valid: Valid,
}

/// How a change of the key takes effect (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// After a restart.
    ReadOnly,
    /// At once, for all brokers.
    ClusterWide,
    /// At once, for one broker.
    PerBroker,
}

/// `org.apache.kafka.common.config.ConfigDef.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    Class,
    Double,
    Int,
    List,
    Long,
    Password,
    Short,
    Text,
}

/// What Kafka's validator accepts; `Any` where it is more than a range or a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Valid {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    OneOf(&'static [&'static str]),
}

pub const fn key(
    name: &'static str,
    mode: Mode,
    kind: Kind,
    default: Option<&'static str>,
    valid: Valid,
) -> Key {
    Key { name, mode, kind, default, valid }
}

/// The key of this name, if Kafka has one.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.binary_search_by(|k| k.name.cmp(name)).ok().map(|i| &KEYS[i])
}

/// What a broker calls this topic-level key: `retention.ms` is `log.retention.ms`.
pub fn of_topic(name: &str) -> Option<&'static str> {
    TOPIC_SYNONYMS.iter().find(|(topic, _)| *topic == name).map(|(_, broker)| *broker)
}

/// The known key that looks most like `name`, if one is close enough to be meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|k| (strsim::osa_distance(name, k.name), k.name))
        .min()
        .filter(|(distance, _)| *distance <= 2 + name.len() / 8)
        .map(|(_, name)| name)
}

impl Key {
    /// What is wrong with `value`, if anything: `is not a whole number`.
    pub fn complaint(&self, value: &str) -> Option<String> {
        let value = value.trim(); // so does Kafka
        match self.kind {
            Kind::Boolean => (!value.eq_ignore_ascii_case("true") && !value.eq_ignore_ascii_case("false"))
                .then(|| "must be true or false".into()),
            Kind::Short => self.integer(value, i16::MIN.into(), i16::MAX.into()),
            Kind::Int => self.integer(value, i32::MIN.into(), i32::MAX.into()),
            Kind::Long => self.integer(value, i64::MIN, i64::MAX),
            Kind::Double => self.number(value),
            Kind::List => {
                value.split(',').map(str::trim).filter(|v| !v.is_empty()).find_map(|v| self.choice(v))
            }
            Kind::Text => self.choice(value),
            Kind::Class | Kind::Password => None,
        }
    }

    fn integer(&self, value: &str, min: i64, max: i64) -> Option<String> {
        let (min, max) = match self.valid {
            Valid::AtLeast(least) => (least, max),
            Valid::Between(least, most) => (least, most),
            Valid::Any | Valid::OneOf(_) => (min, max),
        };
        match value.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => None,
            Ok(_) => Some(format!("must be between {min} and {max}")),
            Err(_) => Some("must be a whole number".into()),
        }
    }

    fn number(&self, value: &str) -> Option<String> {
        let Ok(number) = value.parse::<f64>() else {
            return Some("must be a number".into());
        };
        #[allow(clippy::cast_precision_loss)] // the bounds that Kafka has are small
        let fits = match self.valid {
            Valid::AtLeast(least) => number >= least as f64,
            Valid::Between(least, most) => (least as f64..=most as f64).contains(&number),
            Valid::Any | Valid::OneOf(_) => true,
        };
        (!fits).then(|| format!("is out of range ({:?})", self.valid))
    }

    fn choice(&self, value: &str) -> Option<String> {
        let Valid::OneOf(choices) = self.valid else { return None };
        // Kafka is strict about case in some of them and not in others; the broker has the last word there
        (!choices.iter().any(|c| c.eq_ignore_ascii_case(value)))
            .then(|| format!("must be one of {}", choices.join(", ")))
    }
}
