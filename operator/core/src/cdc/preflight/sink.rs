use std::collections::BTreeSet;

use sluice_crds::cdc_pipeline::SchemaEvolution;

use super::{Check, Failed, Target, list, statements};
use crate::cdc::sql;
use crate::view::source::{Table, TableKind, TableName};

pub(super) fn qualified(facts: &Target<'_>, table: &str) -> String {
    sql::table(&TableName::new(&facts.sink.schema, table))
}

/// Wanted tables that the sink has not.
fn missing<'a>(facts: &'a Target<'_>) -> Vec<&'a str> {
    let names = facts.wanted.tables.iter().map(|table| table.name.as_str());
    names.filter(|name| !facts.view.tables.contains_key(*name)).collect()
}

/// The sink's tables beside the source's, where both are there.
pub(super) fn pairs<'a>(facts: &'a Target<'_>) -> impl Iterator<Item = (&'a str, &'a Table, &'a Table)> {
    facts.wanted.tables.iter().filter_map(|name| {
        Some((name.name.as_str(), facts.view.tables.get(&name.name)?, facts.source.tables.get(name)?))
    })
}

pub(super) fn can_be_written(facts: &Target<'_>) -> Option<Failed> {
    facts.view.read_only.then(|| {
        Failed::block(
            Check::SinkWritable,
            "the server takes no writes: it is a standby, or read-only by default",
        )
        .mend("Set the sink's host to the primary")
    })
}

pub(super) fn has_the_schema(facts: &Target<'_>) -> Option<Failed> {
    let (view, schema) = (facts.view, &facts.sink.schema);
    let role = sql::ident_short(&view.role);
    if !view.schema_exists {
        let may = view.create_schema && facts.sink.evolution == SchemaEvolution::Basic;
        return (!may).then(|| {
            let message = format!("database {} has no schema {schema}", view.database);
            let mend = format!("CREATE SCHEMA {} AUTHORIZATION {role};", sql::ident_short(schema));
            Failed::block(Check::SinkSchema, message).mend(mend)
        });
    }
    (!view.schema_usage).then(|| {
        let message = format!("the role {} may not use schema {schema}", view.role);
        let mend = format!("GRANT USAGE ON SCHEMA {} TO {role};", sql::ident_short(schema));
        Failed::block(Check::SinkSchema, message).mend(mend)
    })
}

pub(super) fn tables_can_be_made(facts: &Target<'_>) -> Option<Failed> {
    let view = facts.view;
    let needed = facts.sink.evolution == SchemaEvolution::Basic && !missing(facts).is_empty();
    (needed && view.schema_exists && !view.schema_create).then(|| {
        let schema = sql::ident_short(&facts.sink.schema);
        let message = format!("the role {} may not create tables in schema {}", view.role, facts.sink.schema);
        let mend = format!(
            "GRANT CREATE ON SCHEMA {schema} TO {}; or create them yourself: {}",
            sql::ident_short(&view.role),
            statements(creations(facts))
        );
        Failed::block(Check::SinkCreate, message).mend(mend)
    })
}

pub(super) fn has_the_tables(facts: &Target<'_>) -> Option<Failed> {
    let missing = missing(facts);
    (facts.sink.evolution == SchemaEvolution::None && !missing.is_empty()).then(|| {
        let message = format!("schema {} has no table {}", facts.sink.schema, list(&missing));
        let mend = format!("{} or set schemaEvolution: Basic", statements(creations(facts)));
        Failed::block(Check::SinkTables, message).mend(mend)
    })
}

/// Statements that make the missing tables.
pub fn creations(facts: &Target<'_>) -> Vec<String> {
    let missing = missing(facts);
    let tables = facts.wanted.tables.iter().filter(|name| missing.contains(&name.name.as_str()));
    tables
        .filter_map(|name| Some((name, facts.source.tables.get(name)?)))
        .map(|(name, table)| sql::create_sink_table(&facts.sink.schema, &name.name, table))
        .collect()
}

pub(super) fn tables_can_be_written(facts: &Target<'_>) -> Option<Failed> {
    let others: Vec<_> = pairs(facts)
        .filter(|(_, table, _)| !matches!(table.kind, TableKind::Table | TableKind::Partitioned))
        .map(|(name, ..)| name)
        .collect();
    if !others.is_empty() {
        let message = format!("{} in schema {} is no table", list(&others), facts.sink.schema);
        return Some(Failed::block(Check::SinkRights, message).mend("Rename it, or write to another schema"));
    }
    let closed: Vec<_> = pairs(facts)
        .filter(|(_, table, _)| {
            let rights = table.rights;
            !(rights.select && rights.insert && rights.update && rights.delete)
        })
        .map(|(name, ..)| qualified(facts, name))
        .collect();
    (!closed.is_empty()).then(|| {
        let role = &facts.view.role;
        let message = format!("the role {role} may not read and write {}", list(&closed));
        let (names, role) = (closed.join(", "), sql::ident_short(role));
        let mend = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {names} TO {role};");
        Failed::block(Check::SinkRights, message).mend(mend)
    })
}

pub(super) fn tables_have_the_key(facts: &Target<'_>) -> Option<Failed> {
    let set = |columns: &[String]| columns.iter().cloned().collect::<BTreeSet<_>>();
    let keyless: Vec<(&str, String)> = pairs(facts)
        .filter(|(_, sink, source)| {
            let wanted = set(&source.primary_key);
            !wanted.is_empty()
                && set(&sink.primary_key) != wanted
                && !sink.unique_keys.iter().any(|key| set(key) == wanted)
        })
        .map(|(name, _, source)| {
            let key = source.primary_key.iter().map(|c| sql::ident_short(c)).collect::<Vec<_>>().join(", ");
            (name, key)
        })
        .collect();
    (!keyless.is_empty()).then(|| {
        let names: Vec<_> = keyless.iter().map(|(name, _)| name).collect();
        let message = format!("the sink's {} has no unique index on the source's key", list(&names));
        let create = keyless
            .iter()
            .map(|(name, key)| format!("CREATE UNIQUE INDEX ON {} ({key})", qualified(facts, name)));
        Failed::block(Check::SinkKey, message).mend(statements(create))
    })
}

pub(super) fn tables_have_the_columns(facts: &Target<'_>) -> Option<Failed> {
    let mut lacking = Vec::new();
    let mut alter = Vec::new();
    for (name, sink, source) in pairs(facts) {
        // the connector adds columns itself where it may
        if facts.sink.evolution == SchemaEvolution::Basic && sink.owned {
            continue;
        }
        let has = |column: &str| sink.columns.iter().any(|other| other.name == column);
        for column in source.columns.iter().filter(|column| !column.generated && !has(&column.name)) {
            lacking.push(format!("{name}.{}", column.name));
            let type_name = if column.built_in { column.base_type.as_str() } else { "text" };
            let (table, column) = (qualified(facts, name), sql::ident_short(&column.name));
            alter.push(format!("ALTER TABLE {table} ADD COLUMN {column} {type_name}"));
        }
    }
    (!lacking.is_empty()).then(|| {
        let message = format!("the sink has no column {}", list(&lacking));
        Failed::block(Check::SinkColumns, message).mend(statements(alter))
    })
}
