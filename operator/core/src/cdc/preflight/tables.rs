use super::{Check, Failed, Source, list, statements};
use crate::cdc::sql;
use crate::view::source::{Table, TableKind, TableName};

/// The wanted tables that are there and that `keep` likes.
fn those<'a>(facts: &'a Source<'_>, keep: impl Fn(&Table) -> bool) -> Vec<&'a TableName> {
    let present = |name: &&TableName| facts.view.tables.get(*name).is_some_and(&keep);
    facts.wanted.tables.iter().filter(present).collect()
}

fn are(names: &[&TableName]) -> &'static str {
    if names.len() == 1 { "is" } else { "are" }
}

pub(super) fn exist(facts: &Source<'_>) -> Option<Failed> {
    let known = &facts.view.tables;
    let missing: Vec<_> = facts.wanted.tables.iter().filter(|table| !known.contains_key(*table)).collect();
    (!missing.is_empty()).then(|| {
        let database = &facts.view.server.database;
        let message = format!("database {database} has no table {}", list(&missing));
        Failed::block(Check::TablesExist, message)
            .mend("Create what is missing, or correct spec.tables; upper and lower case count")
    })
}

pub(super) fn are_tables(facts: &Source<'_>) -> Option<Failed> {
    let partitioned = those(facts, |table| table.kind == TableKind::Partitioned);
    if !partitioned.is_empty() {
        let message = format!("{} {} partitioned", list(&partitioned), are(&partitioned));
        return Some(
            Failed::block(Check::TableKind, message).mend("List the partitions themselves in spec.tables"),
        );
    }
    let other = those(facts, |table| table.kind != TableKind::Table);
    (!other.is_empty()).then(|| {
        let message = format!("{} {} no ordinary table, so no changes are logged", list(&other), are(&other));
        Failed::block(Check::TableKind, message).mend("List the tables beneath in spec.tables")
    })
}

pub(super) fn have_keys(facts: &Source<'_>) -> Option<Failed> {
    let ordinary = |table: &Table| table.kind == TableKind::Table;
    let nothing = those(facts, |t| ordinary(t) && t.replica_identity == "n" && !t.primary_key.is_empty());
    if !nothing.is_empty() {
        let message = format!(
            "{} {} published without an identity: UPDATE and DELETE on it would fail for the application",
            list(&nothing),
            if nothing.len() == 1 { "would be" } else { "would each be" }
        );
        let alter = |name: &&TableName| format!("ALTER TABLE {} REPLICA IDENTITY DEFAULT", sql::table(name));
        return Some(Failed::block(Check::TableKey, message).mend(statements(nothing.iter().map(alter))));
    }
    let keyless = those(facts, |table| ordinary(table) && table.primary_key.is_empty());
    let add = |name: &&TableName| format!("ALTER TABLE {} ADD PRIMARY KEY (…)", sql::table(name));
    if !keyless.is_empty() && !facts.wanted.sinks.is_empty() {
        let message = format!(
            "{} {} without a primary key: a sink cannot tell which row a change belongs to",
            list(&keyless),
            are(&keyless)
        );
        let mend = format!("{} or leave it out of spec.tables", statements(keyless.iter().map(add)));
        return Some(Failed::block(Check::TableKey, message).mend(mend));
    }
    let keyless: Vec<_> = keyless
        .into_iter()
        .filter(|name| matches!(facts.view.tables[*name].replica_identity.as_str(), "d" | "n"))
        .collect();
    (!keyless.is_empty()).then(|| {
        let message = format!(
            "{} {} without a primary key: once published, UPDATE and DELETE on it would fail for the application",
            list(&keyless),
            are(&keyless)
        );
        let full = |name: &&TableName| format!("ALTER TABLE {} REPLICA IDENTITY FULL", sql::table(name));
        let mend = format!(
            "{} or, if it shall have none: {}",
            statements(keyless.iter().map(add)),
            statements(keyless.iter().map(full))
        );
        Failed::block(Check::TableKey, message).mend(mend)
    })
}

pub(super) fn can_be_read(facts: &Source<'_>) -> Option<Failed> {
    let unreadable = those(facts, |table| !table.rights.select);
    (!unreadable.is_empty()).then(|| {
        let role = sql::ident_short(&facts.view.role.name);
        let mut schemas: Vec<&str> = unreadable.iter().map(|name| name.schema.as_str()).collect();
        schemas.dedup();
        let usage = schemas
            .iter()
            .map(|schema| format!("GRANT USAGE ON SCHEMA {} TO {role}", sql::ident_short(schema)));
        let names = unreadable.iter().map(|name| sql::table(name)).collect::<Vec<_>>().join(", ");
        let select = format!("GRANT SELECT ON {names} TO {role}");
        let message = format!("the role {} may not read {}", facts.view.role.name, list(&unreadable));
        Failed::block(Check::TableRights, message).mend(statements(usage.chain([select])))
    })
}

pub(super) fn show_all_rows(facts: &Source<'_>) -> Option<Failed> {
    let hidden = those(facts, |table| table.row_security);
    (!hidden.is_empty()).then(|| {
        let role = sql::ident_short(&facts.view.role.name);
        let message = format!(
            "row-level security hides rows of {} from the role, and the snapshot would lack them",
            list(&hidden)
        );
        Failed::block(Check::RowSecurity, message).mend(format!("ALTER ROLE {role} BYPASSRLS;"))
    })
}

pub(super) fn have_whole_updates(facts: &Source<'_>) -> Option<Failed> {
    let large = those(facts, |t| t.kind == TableKind::Table && t.toasted && t.replica_identity != "f");
    (!large.is_empty()).then(|| {
        let message = format!(
            "{} {} large values outside of the rows, and an UPDATE that does not touch one does not carry it: the source connector reads \
             it from the table, as it is by then; of a row that is gone by then the topic has {PLACEHOLDER}",
            list(&large),
            if large.len() == 1 { "has" } else { "have" }
        );
        let full = |name: &&TableName| format!("ALTER TABLE {} REPLICA IDENTITY FULL", sql::table(name));
        Failed::warn(Check::LargeValues, message)
            .mend(format!("Where that matters, at the cost of more WAL: {}", statements(large.iter().map(full))))
    })
}

/// Debezium's (`unavailable.value.placeholder`).
const PLACEHOLDER: &str = "__debezium_unavailable_value";

pub(super) fn have_no_generated_columns(facts: &Source<'_>) -> Option<Failed> {
    let generated = those(facts, |table| table.columns.iter().any(|column| column.generated));
    (!generated.is_empty()).then(|| {
        let message = format!(
            "generated columns of {} are not in the write-ahead log: topics and sinks do not have their values",
            list(&generated)
        );
        Failed::warn(Check::GeneratedColumns, message).mend("Declare them as generated in the sink too, where they are needed")
    })
}

fn being_read(name: &TableName) -> Failed {
    let message = format!(
        "{name} was added to spec.tables after the rows of the other tables had been read: its changes are captured, and the rows that it \
         had are read while they flow, see added/{name} in status.snapshots"
    );
    let mend = format!(
        "Nothing, unless it says Failed; then add an id to spec.snapshots: {{id: \"1\", type: Incremental, tables: [{name}]}}"
    );
    Failed::warn(Check::TableRows, message).mend(mend)
}

/// A finding for each table whose rows were not read: it came after the snapshot.
pub(super) fn rows(facts: &Source<'_>) -> Vec<Failed> {
    if facts.wanted.signals.is_some() {
        return facts.unloaded.iter().map(being_read).collect();
    }
    let finding = |name: &TableName| {
        let message = format!(
            "{name} was added to spec.tables after the rows of the other tables had been read: its changes are captured since, and \
             the rows that it had are not"
        );
        let table = facts.view.tables.get(name);
        let column = table.and_then(|table| {
            table.primary_key.first().or_else(|| table.columns.first().map(|column| &column.name))
        });
        let touch = column.map(|column| {
            let column = sql::ident_short(column);
            format!(
                "To read all rows anew, add an id to spec.snapshots; to send this table's once, as changes: UPDATE {} SET {column} = {column};",
                sql::table(name)
            )
        });
        Failed::warn(Check::TableRows, message).mend(touch.unwrap_or_default())
    };
    facts.unloaded.iter().map(finding).collect()
}
