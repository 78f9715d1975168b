use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use sluice_clients::postgres::{Password, Session, Tls};
use sluice_core::cdc::Look;
use sluice_core::view::Sight;
use sluice_core::view::source::{SourceView, TableName, Trouble};
use sluice_crds::cdc_pipeline::{DatabaseTls, PostgresConnection};
use sluice_crds::common::SecretKeyRef;
use tokio::sync::Notify;

use super::entry::{self, Failure};
use crate::context::Shared;
use crate::scope::Key;

/// Which database, entered as whom. Two pipelines share an observer only where all of it is the same, the Secret included: who has
/// a wrong password must not see by another's right one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub namespace: String,
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub secret: String,
    pub secret_key: String,
    pub tls: Option<DatabaseTls>,
    /// Of a sink.
    pub schema: Option<String>,
}

impl Place {
    pub fn new(namespace: &str, connection: &PostgresConnection, schema: Option<&str>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            host: connection.host.clone(),
            // the schema allows no other numbers
            port: u16::try_from(connection.port).unwrap_or(5432),
            database: connection.database.clone(),
            user: connection.user.clone(),
            secret: connection.password.name.clone(),
            secret_key: connection.password.key.clone(),
            tls: connection.tls.clone(),
            schema: schema.map(str::to_owned),
        }
    }

    /// The CA's Secret.
    pub fn ca(&self) -> Option<&SecretKeyRef> {
        self.tls.as_ref()?.ca.as_ref()
    }

    /// Whether it says who we are, or whom we trust.
    pub fn names_secret(&self, namespace: &str, name: &str) -> bool {
        let named = self.secret == name || self.ca().is_some_and(|ca| ca.name == name);
        self.namespace == namespace && named
    }

    /// The host as the Connect workers understand it.
    pub fn host(&self) -> String {
        sluice_core::cdc::host(&self.namespace, &self.host)
    }
}

/// What one pipeline wants to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    pub tables: BTreeSet<TableName>,
    pub publication: Option<String>,
    /// It waits for something in the database.
    pub brisk: bool,
    /// It is being deleted.
    pub leaving: bool,
}

/// What the newest looks gave.
#[derive(Debug)]
pub struct Seen<V> {
    pub sight: Sight<V>,
    pub trouble: Option<Trouble>,
}

impl<V> Seen<V> {
    pub fn look(&self) -> Look<'_, V> {
        Look { sight: &self.sight, trouble: self.trouble }
    }
}

/// What the Secrets say: who we are, and whom we trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub password: Password,
    pub tls: Tls,
}

#[derive(Default)]
struct KeyRing {
    /// As the Secrets said when they were read last; forgotten when one changes, and when they do not let us in.
    current: Option<Keys>,
    /// What let us in last.
    worked: Option<Keys>,
}

/// A database as we see it and reach it.
pub struct World<V> {
    pub place: Place,
    pub(super) shared: Arc<Shared>,
    seen: ArcSwap<Seen<V>>,
    interests: Mutex<HashMap<Key, Interest>>,
    keys: Mutex<KeyRing>,
    nudge: Notify,
}

impl<V> World<V> {
    pub fn new(place: Place, shared: Arc<Shared>, now: Timestamp) -> Self {
        let unseen = Seen { sight: Sight::Never { since: now, error: None }, trouble: None };
        Self {
            place,
            shared,
            seen: ArcSwap::from_pointee(unseen),
            interests: Mutex::default(),
            keys: Mutex::default(),
            nudge: Notify::new(),
        }
    }

    pub fn seen(&self) -> Arc<Seen<V>> {
        self.seen.load_full()
    }

    /// Asks for a whole look now rather than at the next round.
    pub fn look_soon(&self) {
        self.nudge.notify_one();
    }

    /// Waits for the next round. `true`: somebody asked for it.
    pub(super) async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            () = self.nudge.notified() => true,
        }
    }

    pub(super) fn interest(&self, pipeline: &Key, interest: Interest) {
        let mut interests = self.interests.lock();
        let asks_more = interests.get(pipeline).is_none_or(|before| {
            before.tables != interest.tables
                || before.publication != interest.publication
                || (interest.brisk && !before.brisk)
                || (interest.leaving && !before.leaving)
        });
        interests.insert(pipeline.clone(), interest);
        if asks_more {
            self.look_soon();
        }
    }

    /// Whether anybody is left who wants to know.
    pub(super) fn lose_interest(&self, pipeline: &Key) -> bool {
        let mut interests = self.interests.lock();
        interests.remove(pipeline);
        !interests.is_empty()
    }

    pub fn pipelines(&self) -> Vec<Key> {
        self.interests.lock().keys().cloned().collect()
    }

    /// What all of them want to know, whether one waits, and whether all are leaving.
    pub(super) fn question(&self) -> Interest {
        let interests = self.interests.lock();
        let leaving = interests.values().all(|interest| interest.leaving);
        let mut all = Interest { leaving, ..Interest::default() };
        for interest in interests.values() {
            all.tables.extend(interest.tables.iter().cloned());
            all.brisk |= interest.brisk;
        }
        all
    }

    pub(super) fn publications(&self) -> BTreeSet<String> {
        let interests = self.interests.lock();
        interests.values().filter_map(|interest| interest.publication.clone()).collect()
    }

    pub(super) fn looked(&self, view: V) {
        self.seen.store(Arc::new(Seen { sight: Sight::Clear(Arc::new(view)), trouble: None }));
    }

    pub(super) fn failed(&self, now: Timestamp, failure: &Failure) {
        let sight = self.seen.load().sight.failed(now, failure.text.clone());
        self.seen.store(Arc::new(Seen { sight, trouble: Some(failure.trouble) }));
    }

    pub(super) fn keys(&self) -> Option<Keys> {
        self.keys.lock().current.clone()
    }

    pub(super) fn set_keys(&self, keys: Option<Keys>) {
        self.keys.lock().current = keys;
    }

    pub(super) fn keys_worked(&self, keys: Keys) {
        self.keys.lock().worked = Some(keys);
    }

    /// What those who leave may still clean up with: a Secret is often deleted in one go with its pipeline.
    pub(super) fn parting_keys(&self) -> Option<Keys> {
        let worked = self.keys.lock().worked.clone();
        worked.filter(|_| self.question().leaving)
    }

    /// The Secret has changed: the next look enters anew.
    pub fn secret_changed(&self) {
        self.set_keys(None);
        self.look_soon();
    }

    /// A session of one's own, with so long for each call.
    pub async fn session(&self, call: Duration) -> Result<Session, Failure> {
        let mut session = entry::enter(self).await?;
        session.give(call);
        Ok(session)
    }

    /// Carries out statements in one transaction, on a session of its own.
    pub async fn run(&self, doing: &str, statements: &[String]) -> Result<(), Failure> {
        let mut session = entry::enter(self).await?;
        session.run(doing, statements).await.map_err(Failure::from)
    }
}

impl World<SourceView> {
    /// A look of a pass's own, for what must not be decided by an older one. It is not kept: the observer's own looks go on.
    pub async fn look_now(&self) -> Seen<SourceView> {
        let known = self.seen();
        let looked = async {
            let mut session = entry::enter(self).await?;
            self.look(&mut session).await.map_err(Failure::from)
        };
        match looked.await {
            Ok(mut view) => {
                if let Some(known) = known.sight.current() {
                    view.lags.clone_from(&known.lags);
                }
                Seen { sight: Sight::Clear(Arc::new(view)), trouble: None }
            }
            Err(failure) => {
                let sight = known.sight.failed(Timestamp::now(), failure.text);
                Seen { sight, trouble: Some(failure.trouble) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_it_means_to_the_workers() {
        let place = |host: &str| {
            Place::new("shop", &PostgresConnection { host: host.into(), ..Default::default() }, None).host()
        };
        assert_eq!(place("db"), "db.shop.svc");
        for as_it_is in ["db.other", "db.example.com", "10.0.0.7", "fd00::7", "localhost"] {
            assert_eq!(place(as_it_is), as_it_is);
        }
    }
}
