use serde_json::Value;

use crate::view::source::Lsn;

/// What the source connector has stored in Kafka of how far it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was not asked for, or Connect does not say.
    Unknown,
    /// There is none: it begins with a snapshot.
    Nothing,
    /// A snapshot was under way: it begins with another one.
    Snapshotting,
    /// It goes on here: every transaction that was committed before is in Kafka.
    At(Lsn),
    /// It is none of Debezium's for PostgreSQL.
    Unreadable,
}

impl Stored {
    /// Reads Debezium's offset (`PostgresOffsetContext.getOffset`, 3.6): `lsn_commit` is the end of the last transaction that was read
    /// whole, `lsn_proc` of the last event, `lsn` where the event began; each is there from when it is known.
    pub fn of(offset: Option<&Value>) -> Self {
        let Some(offset) = offset.filter(|offset| !offset.is_null()) else { return Self::Nothing };
        if super::super::snapshot::of_offset(Some(offset)) == super::super::snapshot::Snapshot::Running {
            return Self::Snapshotting;
        }
        let lsn = |key: &str| offset.get(key).and_then(Value::as_i64);
        let at = lsn("lsn_commit").or_else(|| lsn("lsn_proc")).or_else(|| lsn("lsn"));
        at.map_or(Self::Unreadable, |at| Self::At(Lsn(at.cast_unsigned())))
    }

    pub fn lsn(self) -> Option<Lsn> {
        match self {
            Self::At(lsn) => Some(lsn),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_whole_transaction_is_what_counts() {
        let offset = json!({"lsn": 30, "lsn_proc": 28, "lsn_commit": 20, "messageType": "INSERT", "txId": 7});
        assert_eq!(Stored::of(Some(&offset)), Stored::At(Lsn(20)));
        let first = json!({"lsn": 30, "lsn_proc": 28});
        assert_eq!(Stored::of(Some(&first)), Stored::At(Lsn(28)));
        let snapshot = json!({"lsn": 30, "snapshot": "INITIAL", "snapshot_completed": true, "last_snapshot_record": true});
        assert_eq!(Stored::of(Some(&snapshot)), Stored::At(Lsn(30)));
    }

    #[test]
    fn what_is_not_there_or_not_debeziums_is_told_apart() {
        assert_eq!(Stored::of(None), Stored::Nothing);
        assert_eq!(Stored::of(Some(&Value::Null)), Stored::Nothing);
        assert_eq!(Stored::of(Some(&json!({"position": 5}))), Stored::Unreadable);
        assert_eq!(Stored::of(Some(&json!({"lsn": "0/5"}))), Stored::Unreadable);
        let incremental = json!({"lsn": 30, "lsn_commit": 20, "snapshot": "INCREMENTAL", "snapshot_completed": false, "last_snapshot_record": false});
        assert_eq!(Stored::of(Some(&incremental)), Stored::At(Lsn(20)));
        let blocking = json!({"lsn": 30, "lsn_proc": 28, "lsn_commit": 20, "snapshot": "BLOCKING", "snapshot_completed": false, "last_snapshot_record": false});
        assert_eq!(Stored::of(Some(&blocking)), Stored::At(Lsn(20)));
        let running = json!({"lsn": 1, "snapshot": "INITIAL", "snapshot_completed": false, "last_snapshot_record": false});
        assert_eq!(Stored::of(Some(&running)), Stored::Snapshotting);
    }
}
