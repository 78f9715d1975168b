use std::collections::BTreeSet;

use super::{Check, Failed, Source, list, statements};
use crate::cdc::{names, sql};
use crate::view::source::{Publication, TableName};

/// What must be done to the publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Nothing,
    Run(Vec<String>),
}

/// What makes the publication hold exactly the pipeline's tables, whoever may do it.
pub fn change(facts: &Source<'_>) -> Change {
    let wanted = facts.wanted;
    let (name, published) = (&wanted.source.publication, wanted.published());
    let Some(publication) = facts.view.publications.get(name) else {
        return Change::Run(sql::create_publication(name, &published, &wanted.comment()));
    };
    let mut changes = Vec::new();
    if publication.all_tables {
        // ALL TABLES cannot be taken back
        changes.push(sql::drop_publication(name));
        changes.extend(sql::create_publication(name, &published, &wanted.comment()));
    } else {
        if !holds(publication, &published) {
            changes.push(sql::set_publication(name, &published));
        }
        if !(publication.insert && publication.update && publication.delete) {
            changes.push(sql::publish_all_changes(name));
        }
    }
    if changes.is_empty() { Change::Nothing } else { Change::Run(changes) }
}

fn holds(publication: &Publication, published: &BTreeSet<TableName>) -> bool {
    publication.filtered.is_empty()
        && publication.tables.iter().cloned().collect::<BTreeSet<_>>() == *published
}

pub(super) fn can_be_made(facts: &Source<'_>) -> Option<Failed> {
    let Change::Run(changes) = change(facts) else { return None };
    let (wanted, view) = (facts.wanted, facts.view);
    let name = &wanted.source.publication;
    let role = &view.role;
    let by_hand = statements(changes);
    if let Some(publication) = view.publications.get(name) {
        if !wanted.is_marked_in(view) {
            let message = format!(
                "there is a publication {name} that Sluice did not make, and it {}",
                difference(publication, &wanted.published())
            );
            return Some(
                Failed::block(Check::Publication, message)
                    .mend(format!("{by_hand} or set spec.source.postgres.publicationName to another name")),
            );
        }
        if !publication.owned && !role.superuser {
            let owner = &publication.owner;
            let message = format!(
                "the publication {name} must change, and it belongs to {owner}, not to {}",
                role.name
            );
            return Some(Failed::block(Check::Publication, message).mend(format!(
                "{by_hand} or GRANT {} TO {};",
                sql::ident_short(owner),
                sql::ident_short(&role.name)
            )));
        }
    } else if !role.create && !role.superuser {
        let message = format!("the role {} may not create the publication {name}", role.name);
        return Some(Failed::block(Check::Publication, message).mend(format!(
            "GRANT CREATE ON DATABASE {} TO {}; or run it yourself: {by_hand}",
            sql::ident_short(&view.server.database),
            sql::ident_short(&role.name)
        )));
    }
    if role.superuser {
        return None;
    }
    let foreign: Vec<(&TableName, &str)> = wanted
        .tables
        .iter()
        .filter_map(|name| Some((name, view.tables.get(name)?)))
        .filter(|(_, table)| !table.owned)
        .map(|(name, table)| (name, table.owner.as_str()))
        .collect();
    if !foreign.is_empty() {
        let names: Vec<_> = foreign.iter().map(|(name, _)| name).collect();
        let owners: BTreeSet<&str> = foreign.iter().map(|(_, owner)| *owner).collect();
        let grants = owners
            .iter()
            .map(|owner| format!("GRANT {} TO {}", sql::ident_short(owner), sql::ident_short(&role.name)));
        let message =
            format!("only their owner can publish {}, and the role {} is not", list(&names), role.name);
        return Some(
            Failed::block(Check::Publication, message)
                .mend(format!("{} or run it as the owner: {by_hand}", statements(grants))),
        );
    }
    None
}

fn difference(publication: &Publication, published: &BTreeSet<TableName>) -> String {
    if publication.all_tables {
        return "holds all tables".into();
    }
    let present: BTreeSet<TableName> = publication.tables.iter().cloned().collect();
    let lacks: Vec<_> = published.difference(&present).collect();
    let extra: Vec<_> = present.difference(published).collect();
    let mut parts = Vec::new();
    if !lacks.is_empty() {
        parts.push(format!("lacks {}", list(&lacks)));
    }
    if !extra.is_empty() {
        parts.push(format!("also holds {}", list(&extra)));
    }
    if !publication.filtered.is_empty() {
        parts.push(format!("filters {}", list(&publication.filtered)));
    }
    if parts.is_empty() {
        parts.push("does not publish all kinds of changes".into());
    }
    parts.join(" and ")
}

pub(super) fn heartbeat_can_be_written(facts: &Source<'_>) -> Option<Failed> {
    facts.wanted.source.heartbeat?;
    let heartbeat = &facts.view.heartbeat;
    let name = &facts.view.role.name;
    let role = sql::ident_short(name);
    if facts.view.role.superuser {
        return None;
    }
    let off = "or set spec.source.postgres.heartbeat.enabled: false";
    let grants = [
        format!("GRANT USAGE ON SCHEMA {} TO {role}", sql::SCHEMA),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {role}", sql::HEARTBEAT),
    ];
    if heartbeat.table_exists {
        if !heartbeat.writable {
            let message = format!("the role {name} may not write the heartbeat table {}", sql::HEARTBEAT);
            return Some(
                Failed::block(Check::Heartbeat, message).mend(format!("{} {off}", statements(grants))),
            );
        }
        let publication = facts.view.publications.get(&facts.wanted.source.publication);
        let published =
            publication.is_some_and(|p| p.all_tables || p.tables.contains(&sql::heartbeat_table()));
        return (!published && !heartbeat.owned).then(|| {
            let message =
                format!("only its owner can publish {}, and the role {name} is not", sql::HEARTBEAT);
            let mend =
                format!("ALTER TABLE {} OWNER TO a role that {role} is a member of; {off}", sql::HEARTBEAT);
            Failed::block(Check::Heartbeat, message).mend(mend)
        });
    }
    (!heartbeat.creatable).then(|| {
        let message = format!("the role {name} may not create the heartbeat table {}", sql::HEARTBEAT);
        let own = format!("ALTER TABLE {} OWNER TO {role}", sql::HEARTBEAT);
        let all = sql::create_heartbeat().into_iter().chain(grants).chain([own]);
        Failed::block(Check::Heartbeat, message).mend(format!("{} {off}", statements(all)))
    })
}

/// Without a signal table what was asked for waits, and what flows goes on.
pub(super) fn signals_can_be_given(facts: &Source<'_>) -> Option<Failed> {
    let Source { wanted, view, .. } = facts;
    let waits = !wanted.reads.is_empty() || !facts.unloaded.is_empty();
    if !waits || !facts.started || wanted.signals.is_some() {
        return None;
    }
    let table = names::signal_table(&wanted.source.slot);
    let role = sql::ident_short(&view.role.name);
    let message = format!(
        "the role {} may not create and publish the table {}, by which rows are ordered to be read while changes flow",
        view.role.name,
        sql::table(&table)
    );
    let all = sql::create_signals(&table)
        .into_iter()
        .chain([format!("ALTER TABLE {} OWNER TO {role}", sql::table(&table))])
        .chain([format!("GRANT USAGE ON SCHEMA {} TO {role}", sql::SCHEMA)])
        .chain([format!(
            "ALTER PUBLICATION {} ADD TABLE {}",
            sql::ident_short(&wanted.source.publication),
            sql::table(&table)
        )]);
    Some(Failed::warn(Check::Signals, message).mend(statements(all)))
}

pub(super) fn heartbeat_is_on(facts: &Source<'_>) -> Option<Failed> {
    facts.wanted.source.heartbeat.is_none().then(|| {
        Failed::warn(
            Check::Heartbeat,
            "there is no heartbeat: while the captured tables rest and others are written, the slot keeps WAL without end",
        )
        .mend("Set spec.source.postgres.heartbeat.enabled: true")
    })
}
