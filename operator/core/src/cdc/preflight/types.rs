//! Whether a sink's columns take every value that the source's may have. Only what is certain is said: types of one family, of which one
//! is the narrower.

use super::sink::{pairs, qualified};
use super::{Check, Failed, Severity, Target, list, statements};
use crate::cdc::sql;
use crate::view::source::Column;

pub(super) fn columns_are_wide_enough(facts: &Target<'_>) -> Option<Failed> {
    let mut narrow = Vec::new();
    let mut widen = Vec::new();
    for (name, sink, source) in pairs(facts) {
        for (there, here) in both(&source.columns, &sink.columns) {
            if there.built_in && here.built_in && is_narrower(&there.base_type, &here.base_type) {
                narrow.push(format!(
                    "{name}.{} ({}, and {} in the sink)",
                    there.name, there.base_type, here.base_type
                ));
                let (table, column) = (qualified(facts, name), sql::ident_short(&here.name));
                widen.push(format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {}", there.base_type));
            }
        }
    }
    (!narrow.is_empty()).then(|| {
        let message = format!(
            "the sink's columns do not take every value of the source's, so that a row would stop the sink or be rounded: {}",
            list(&narrow)
        );
        let failed = Failed::block(Check::SinkTypes, message).mend(statements(widen));
        // rows that were too wide would have stopped it by now
        if facts.started { Failed { severity: Severity::Warn, ..failed } } else { failed }
    })
}

/// A column that the source has not, and that must have a value.
pub(super) fn columns_can_be_left_out(facts: &Target<'_>) -> Option<Failed> {
    let mut needed = Vec::new();
    let mut relax = Vec::new();
    for (name, sink, source) in pairs(facts) {
        let sent = |column: &Column| {
            source.columns.iter().any(|other| other.name == column.name && !other.generated)
        };
        for column in sink.columns.iter().filter(|c| c.not_null && !c.filled && !sent(c)) {
            needed.push(format!("{name}.{}", column.name));
            let (table, column) = (qualified(facts, name), sql::ident_short(&column.name));
            relax.push(format!("ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL"));
        }
    }
    (!needed.is_empty()).then(|| {
        let message = format!("the sink wants a value that the source has not: {}", list(&needed));
        Failed::block(Check::SinkNulls, message).mend(statements(relax))
    })
}

pub(super) fn columns_take_nulls(facts: &Target<'_>) -> Option<Failed> {
    let mut strict = Vec::new();
    let mut relax = Vec::new();
    for (name, sink, source) in pairs(facts) {
        for (there, here) in both(&source.columns, &sink.columns) {
            if here.not_null && !there.not_null {
                strict.push(format!("{name}.{}", here.name));
                let (table, column) = (qualified(facts, name), sql::ident_short(&here.name));
                relax.push(format!("ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL"));
            }
        }
    }
    (!strict.is_empty()).then(|| {
        let message = format!("a NULL that the source takes would stop the sink: {}", list(&strict));
        Failed::warn(Check::SinkNulls, message).mend(statements(relax))
    })
}

fn both<'a>(source: &'a [Column], sink: &'a [Column]) -> impl Iterator<Item = (&'a Column, &'a Column)> {
    source
        .iter()
        .filter(|column| !column.generated)
        .filter_map(|there| Some((there, sink.iter().find(|here| here.name == there.name)?)))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    /// Decimal digits.
    Integer(u32),
    /// Digits before the point and after it; `None`: any number.
    Numeric(Option<(i64, i64)>),
    /// Bits.
    Float(u32),
    /// Most characters.
    Text(Option<i64>),
    Timestamp,
    Date,
    Other,
}

/// As `format_type` writes it.
fn read(text: &str) -> Type {
    let (name, rest) = text.split_once('(').unwrap_or((text, ""));
    let inside: Vec<i64> = rest
        .split(')')
        .next()
        .unwrap_or("")
        .split(',')
        .filter_map(|number| number.trim().parse().ok())
        .collect();
    if text.ends_with(']') {
        return Type::Other;
    }
    match (name.trim_end(), inside.as_slice()) {
        ("smallint", _) => Type::Integer(5),
        ("integer", _) => Type::Integer(10),
        ("bigint", _) => Type::Integer(19),
        ("numeric", [precision, scale]) => Type::Numeric(Some((precision - scale, *scale))),
        ("numeric", _) => Type::Numeric(None),
        ("real", _) => Type::Float(32),
        ("double precision", _) => Type::Float(64),
        ("text" | "character varying", []) => Type::Text(None),
        ("character varying" | "character", [most]) => Type::Text(Some(*most)),
        ("date", _) => Type::Date,
        (name, _) if name.starts_with("timestamp") => Type::Timestamp,
        _ => Type::Other,
    }
}

fn is_narrower(source: &str, sink: &str) -> bool {
    match (read(source), read(sink)) {
        (Type::Integer(there), Type::Integer(here)) | (Type::Float(there), Type::Float(here)) => here < there,
        (Type::Integer(there), Type::Numeric(Some((here, _)))) => here < i64::from(there),
        (Type::Numeric(Some((whole, 0))), Type::Integer(here)) => i64::from(here) <= whole,
        (Type::Numeric(Some(there)), Type::Numeric(Some(here))) => here.0 < there.0 || here.1 < there.1,
        (Type::Text(Some(there)), Type::Text(Some(here))) => here < there,
        (Type::Numeric(_) | Type::Float(_), Type::Integer(_))
        | (Type::Timestamp, Type::Date)
        | (Type::Numeric(None), Type::Numeric(Some(_)))
        | (Type::Text(None), Type::Text(Some(_))) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_narrower;

    #[test]
    fn a_column_is_narrower_where_a_value_of_the_source_would_not_fit() {
        for (source, sink) in [
            ("bigint", "integer"),
            ("integer", "smallint"),
            ("integer", "numeric(9,0)"),
            ("numeric(12,2)", "numeric(11,2)"),
            ("numeric(12,2)", "numeric(12,1)"),
            ("numeric(12,2)", "bigint"),
            ("numeric(10,0)", "integer"),
            ("numeric", "numeric(30,10)"),
            ("double precision", "real"),
            ("double precision", "bigint"),
            ("text", "character varying(100)"),
            ("character varying(20)", "character varying(19)"),
            ("timestamp without time zone", "date"),
        ] {
            assert!(is_narrower(source, sink), "{source} into {sink}");
            assert!(!is_narrower(source, source), "{source} into itself");
        }
        for (source, sink) in [
            ("integer", "bigint"),
            ("integer", "numeric(10,0)"),
            ("bigint", "numeric"),
            ("numeric(9,0)", "integer"),
            ("numeric(12,2)", "numeric(14,4)"),
            ("real", "double precision"),
            ("character varying(20)", "text"),
            ("character(4)", "character varying(8)"),
            ("text", "jsonb"),
            ("text[]", "character varying(9)[]"),
            ("timestamp(3) with time zone", "timestamp with time zone"),
        ] {
            assert!(!is_narrower(source, sink), "{source} into {sink}");
        }
    }
}
