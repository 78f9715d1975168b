/// What it means that Kafka did not acknowledge records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing was written, and never will be: one of the records is not what the topic takes.
    Never,
    /// Nothing was written; it may be later.
    NotNow,
    /// It may have been written, or may yet be.
    Unsure,
}

impl Refusal {
    /// Kafka's error code of a partition, see its `Errors.java`.
    pub fn of(code: i16) -> Self {
        match code {
            // MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_RECORD
            10 | 18 | 87 => Self::Never,
            // CORRUPT_MESSAGE, LEADER_NOT_AVAILABLE, NOT_ENOUGH_REPLICAS (before the append), TOPIC_AUTHORIZATION_FAILED, INVALID_TIMESTAMP
            // (whose clock is wrong)
            2 | 5 | 19 | 29 | 32 => Self::NotNow,
            // a leader that steps down, and one that waits in vain for its replicas, has written it already
            _ => Self::Unsure,
        }
    }
}
