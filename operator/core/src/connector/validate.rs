//! `spec` → [`Wanted`], or everything that is wrong with it at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::ResourceExt;
use sluice_crds::Connector;
use sluice_crds::common::RunState;
use sluice_crds::connector::AutoRestart;

use super::ConnectorReason;
use crate::connect::credentials::{self, BadReference, SecretKey};
use crate::connect::owner;
use crate::finding::Finding;

/// What a Connector means. Only [`validate`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In Connect, and of the object.
    pub name: String,
    pub namespace: String,
    /// The ConnectCluster.
    pub connect: String,
    pub class: String,
    /// All of it, as Connect should have it.
    pub config: BTreeMap<String, String>,
    /// The keys of Secrets that it names.
    pub references: BTreeSet<SecretKey>,
    pub state: RunState,
    pub auto_restart: AutoRestart,
    pub paused: bool,
    pub restarted_at: Option<Timestamp>,
}

const RESERVED: &[(&str, &str)] = &[
    ("name", "the name is that of the object"),
    ("connector.class", "the class comes from spec.class"),
    ("tasks.max", "the number of tasks comes from spec.tasksMax"),
    (owner::KEY, "Sluice marks its connectors with it"),
];

/// Reads a spec. What the schema refuses already is not checked again.
pub fn validate(connector: &Connector) -> Result<Wanted, Vec<Finding<ConnectorReason>>> {
    let spec = &connector.spec;
    let (name, namespace) = (connector.name_any(), connector.namespace().unwrap_or_default());
    let mut findings = Vec::new();
    let mut config = BTreeMap::new();
    let mut references = BTreeSet::new();
    for (key, value) in &spec.config {
        let field = format!("spec.config[{key}]");
        if let Some((_, why)) = RESERVED.iter().find(|(reserved, _)| reserved == key) {
            let finding = Finding::new(ConnectorReason::ReservedConfig, *why);
            findings.push(finding.at(field).mend("Remove it"));
            continue;
        }
        match credentials::translate(value.as_str()) {
            Ok((value, found)) => {
                config.insert(key.clone(), value);
                references.extend(found);
            }
            Err(BadReference(text)) => findings.push(
                Finding::new(ConnectorReason::InvalidReference, format!("{text} names no key of a Secret"))
                    .at(field)
                    .mend("Write ${secrets:NAME:KEY}, with a Secret of this namespace and one of its keys"),
            ),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    config.insert("name".into(), name.clone());
    config.insert("connector.class".into(), spec.class.clone());
    config.insert("tasks.max".into(), spec.tasks_max.to_string());
    config.insert(owner::KEY.into(), owner::value(&namespace, &name));
    Ok(Wanted {
        connect: spec.connect_ref.name.clone(),
        class: spec.class.clone(),
        config,
        references,
        state: spec.state,
        auto_restart: spec.auto_restart.clone(),
        paused: spec.paused,
        restarted_at: spec.restarted_at.as_ref().map(|time| time.0),
        name,
        namespace,
    })
}
