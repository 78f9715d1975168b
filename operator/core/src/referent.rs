//! What a reference in a spec leads to.

/// Whether the object that another refers to is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referent {
    /// There is none of this name, or it is being deleted.
    Missing,
    /// There is one, written under another schema, that cannot be read. What it says is unknown, so nothing may be concluded:
    /// neither that it is gone nor where it leads.
    Unparsable,
    There,
}

/// What to say while the object `kind` `name` does not parse.
pub fn unparsable(kind: &str, name: &str, then: &str) -> String {
    format!(
        "{kind} {name} does not parse, so Sluice cannot tell what it means. {then}. Mend {kind} {name} first: its own conditions \
         name the field"
    )
}

/// A field of an object as it is stored, whatever else of it can be read.
pub fn text<'a>(raw: &'a serde_json::Value, pointer: &str) -> Option<&'a str> {
    raw.pointer(pointer)?.as_str()
}
