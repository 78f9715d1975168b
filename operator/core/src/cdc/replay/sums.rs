use std::collections::BTreeSet;

/// What became of letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub replayed: i64,
    pub superseded: i64,
    pub failed_again: i64,
    pub left_out: i64,
    pub why: BTreeSet<Why>,
    /// What the sink has put aside again could not be read, so `failed_again` may be too low.
    pub unread: bool,
}

/// Why a letter cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    NoOrigin,
    NotOurs,
    NoKey,
    Expired,
    Missed,
    Compacted,
    Several,
    OtherKeys,
    Sealed,
    Repacked,
    Packed,
    Refused,
}

impl Why {
    fn words(self) -> &'static str {
        match self {
            Self::NoOrigin => "they do not say where they were read",
            Self::NotOurs => "they are of no table of spec.tables",
            Self::NoKey => "they have no key, so nobody can tell which row they mean",
            Self::Expired => {
                "their topics do not hold them any more, so nobody can tell whether their rows have changed since"
            }
            Self::Missed => {
                "they may be older than changes that never came to Kafka (status.guard.accepted), or than the last snapshot of all rows, so \
                 their rows may have been deleted since"
            }
            Self::Compacted => {
                "their topics are compacted (cleanup.policy), which could keep a letter and remove a newer change that was written meanwhile"
            }
            Self::Several => {
                "their topics have several partitions, and of those another one may have a newer change of their rows"
            }
            Self::OtherKeys => {
                "the keys of their tables have other columns, or columns of another type, behind them, so nobody can tell which \
                 records are of their rows"
            }
            Self::Sealed => {
                "behind them are records in a compression that Sluice cannot open (it opens LZ4), or too large \
                 when unpacked, so nobody can tell whether their rows have changed since. Letters of records that come later are sent \
                 again, if the topics' compression.type is producer"
            }
            Self::Repacked => {
                "their topics' compression.type, or the brokers', has Kafka pack what is written so that Sluice could not read its own copies. \
                 Set it to producer (lz4 and uncompressed do as well): letters of records that come later are sent again"
            }
            Self::Packed => {
                "the dead-letter topic holds them in a compression that Sluice cannot open (it opens LZ4), or too large when unpacked. \
                 Letters that come later can be read if that topic's compression.type is producer and the workers' \
                 producer.compression.type is none or lz4"
            }
            Self::Refused => "Kafka refused them, as too large or as no valid records",
        }
    }
}

impl Sums {
    pub fn add(&mut self, other: &Self) {
        self.replayed += other.replayed;
        self.superseded += other.superseded;
        self.failed_again += other.failed_again;
        self.left_out += other.left_out;
        self.why.extend(&other.why);
        self.unread |= other.unread;
    }

    pub(super) fn leave(&mut self, why: Why) {
        self.left_out += 1;
        self.why.insert(why);
    }

    /// Letters that could not even be read.
    pub fn packed(&mut self, letters: i64) {
        if letters > 0 {
            self.left_out += letters;
            self.why.insert(Why::Packed);
        }
    }

    /// What a person has to know of a run that is done.
    pub(super) fn message(&self) -> String {
        let mut told = Vec::new();
        if self.left_out > 0 {
            let why: Vec<_> = self.why.iter().map(|why| why.words()).collect();
            told.push(format!(
                "Left out: {}, because {}. To read their rows anew, add an id to spec.snapshots with type: Incremental",
                self.left_out,
                why.join("; ")
            ));
        }
        if self.failed_again > 0 {
            told.push(format!(
                "Put aside again by the sink: {}; its lastDeadLetter says why. Mend that, and add another id: it takes them",
                self.failed_again
            ));
        }
        if self.unread {
            told.push(
                "Which of them the sink has put aside again is not known, nor whether it has read all: the dead-letter topic holds them in a \
                 compression that Sluice cannot open (it opens LZ4), or too large when unpacked"
                    .to_owned(),
            );
        }
        told.join(". ")
    }
}
