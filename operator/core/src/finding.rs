//! What is wrong with an input, where, and what mends it.

use crate::reason::Reason;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<R> {
    pub reason: R,
    /// Path in the object, `spec.pools[0].replicas`; `None` where no single field is at fault.
    pub field: Option<String>,
    pub message: String,
    /// What the user can do, as a statement or a sentence.
    pub mend: Option<String>,
}

impl<R: Reason> Finding<R> {
    pub fn new(reason: R, message: impl Into<String>) -> Self {
        Self { reason, field: None, message: message.into(), mend: None }
    }

    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// One line: field, what is wrong, what mends it.
    pub fn text(&self) -> String {
        let text = match &self.field {
            Some(field) => format!("{field}: {}", self.message),
            None => self.message.clone(),
        };
        match &self.mend {
            Some(mend) => and_then(text, mend),
            None => text,
        }
    }
}

/// Another sentence after a text that may or may not end in a mark of its own.
pub fn and_then(mut text: String, sentence: &str) -> String {
    text.push_str(if text.ends_with(['?', '.', '!']) { " " } else { ". " });
    text.push_str(sentence);
    text
}

/// All findings in one message, the first one's reason first.
pub fn join<R: Reason>(findings: &[Finding<R>]) -> String {
    findings.iter().map(Finding::text).collect::<Vec<_>>().join("; ")
}
