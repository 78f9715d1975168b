/// What a topic's configs in force mean to copies of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeps {
    /// What came last of a key is kept, and what came before it need not be.
    pub compacts: bool,
    /// The broker packs records so that they cannot be opened, whoever wrote them.
    pub packs: bool,
    /// Bytes that it takes at once (`max.message.bytes`).
    pub room: usize,
}

impl Keeps {
    /// What is not said is taken for what forbids to write.
    pub fn of<'a>(config: impl Fn(&str) -> Option<&'a str>) -> Self {
        let opens = ["producer", "uncompressed", "lz4"];
        Self {
            compacts: config("cleanup.policy").is_none_or(|policy| policy.contains("compact")),
            packs: config("compression.type").is_none_or(|kind| !opens.contains(&kind)),
            room: config("max.message.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(usize::MAX),
        }
    }
}
