use super::compare::Difference;

/// What comparing one table with its copy gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOutcome {
    /// `schema.table` in the source.
    pub table: String,
    /// The sink's name.
    pub sink: String,
    /// Columns of the key.
    pub key: Vec<String>,
    /// Rows of the source that were compared.
    pub rows: i64,
    pub missing: i64,
    pub extra: i64,
    pub different: i64,
    /// There may be more: comparing stopped when it had found this many.
    pub at_least: bool,
    /// Keys whose row changed at every look: nothing can be said of them.
    pub restless: i64,
    /// The first few.
    pub first: Vec<Difference>,
    /// Why the table, or the rest of it, could not be compared.
    pub unknown: Option<String>,
    /// Columns that were left out, each with its type.
    pub skipped: Vec<String>,
}

impl TableOutcome {
    pub fn differences(&self) -> i64 {
        self.missing + self.extra + self.different
    }
}

/// What a whole run gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub tables: Vec<TableOutcome>,
}

impl Outcome {
    pub fn sum(&self, of: impl Fn(&TableOutcome) -> i64) -> i64 {
        self.tables.iter().map(of).sum()
    }
}
