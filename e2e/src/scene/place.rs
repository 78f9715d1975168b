//! A namespace in which something is played: apply, expect, wait, clean up.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Error;
use kube::api::{Api, ApiResource, DynamicObject};
use serde_json::{Value, json};

use crate::kubernetes::conditions::{current, ready, verdict};
use crate::kubernetes::objects::{Object, Space, background, gone_is_fine, is_refusal};
use crate::ui::Task;
use crate::wait::{self, said, seconds};

pub struct Place {
    pub space: Space,
    pub task: Task,
    /// What was applied here, in order.
    made: Mutex<Vec<(ApiResource, String)>>,
}

/// What a Ready condition has to say: status, one of these reasons, and all of these words.
pub struct Expect<'a> {
    pub status: &'a str,
    pub reasons: &'a [&'a str],
    pub words: &'a [&'a str],
}

impl<'a> Expect<'a> {
    pub const fn refused(reason: &'a [&'a str], words: &'a [&'a str]) -> Self {
        Self { status: "False", reasons: reason, words }
    }

    pub const fn unknown(reason: &'a [&'a str], words: &'a [&'a str]) -> Self {
        Self { status: "Unknown", reasons: reason, words }
    }

    pub fn met(&self, ready: &Condition) -> bool {
        ready.status == self.status
            && (self.reasons.is_empty() || self.reasons.contains(&ready.reason.as_str()))
            && self.words.iter().all(|word| ready.message.contains(word))
    }
}

impl Place {
    pub fn new(space: Space, task: Task) -> Self {
        Self { space, task, made: Mutex::default() }
    }

    /// Applies an object with this spec, as `kubectl apply` would.
    pub async fn apply<K: Object>(&self, name: &str, spec: Value) -> Result<K> {
        self.apply_object(name, json!({"spec": spec})).await
    }

    /// Applies an object of a kind that has more than a spec.
    pub async fn apply_object<K: Object>(&self, name: &str, body: Value) -> Result<K> {
        self.remember::<K>(name);
        self.space.apply(name, body).await.with_context(|| format!("apply {} {name}", K::kind(&())))
    }

    /// The API server's words, when it refuses an object with this spec.
    pub async fn refused<K: Object>(&self, name: &str, spec: Value) -> Result<String> {
        match self.space.apply::<K>(name, json!({"spec": spec})).await {
            Err(Error::Api(status)) if is_refusal(&status) => Ok(status.message),
            Err(error) => bail!("{} {name} was not refused but failed: {}", K::kind(&()), said(error)),
            Ok(_) => {
                self.remember::<K>(name);
                bail!("the API server accepted {} {name}, which it should have refused", K::kind(&()))
            }
        }
    }

    pub async fn merge<K: Object>(&self, name: &str, patch: Value) -> Result<K> {
        self.space.merge(name, patch).await.with_context(|| format!("patch {} {name}", K::kind(&())))
    }

    pub async fn get<K: Object>(&self, name: &str) -> Result<K> {
        self.space.get(name).await.with_context(|| format!("get {} {name}", K::kind(&())))
    }

    /// Until the object is Ready for the spec as it is now.
    pub async fn ready<K: Object>(&self, name: &str, within: Duration) -> Result<K> {
        self.eventually(&format!("{} {name} to be Ready", K::kind(&())), within, async || {
            let object: K = self.space.get(name).await.map_err(said)?;
            ready(&object)?;
            Ok(object)
        })
        .await
    }

    /// Until the Ready condition says what is expected of it, for the spec as it is now.
    pub async fn says<K: Object>(&self, name: &str, expect: &Expect<'_>, within: Duration) -> Result<K> {
        let what = format!(
            "{} {name} to say Ready={} {} {:?}",
            K::kind(&()),
            expect.status,
            expect.reasons.join("|"),
            expect.words
        );
        self.eventually(&what, within, async || {
            let object: K = self.space.get(name).await.map_err(said)?;
            let met = expect.met(&current(&object)?);
            if met { Ok(object) } else { Err(verdict(&object)) }
        })
        .await
    }

    /// Deletes the object and waits until it is gone, finalizers and all.
    pub async fn remove<K: Object>(&self, name: &str, within: Duration) -> Result<()> {
        self.space.delete::<K>(name).await?;
        self.gone::<K>(name, within).await
    }

    pub async fn gone<K: Object>(&self, name: &str, within: Duration) -> Result<()> {
        self.eventually(&format!("{} {name} to be gone", K::kind(&())), within, async || {
            match self.space.find::<K>(name).await.map_err(said)? {
                None => Ok(()),
                Some(object) => {
                    Err(format!("finalizers {:?}", object.meta().finalizers.as_deref().unwrap_or(&[])))
                }
            }
        })
        .await
    }

    pub async fn eventually<T>(
        &self,
        what: &str,
        within: Duration,
        look: impl AsyncFnMut() -> Result<T, String>,
    ) -> Result<T> {
        wait::eventually(&self.task, what, within, look).await
    }

    pub async fn stays(
        &self,
        what: &str,
        period: Duration,
        look: impl AsyncFnMut() -> Result<(), String>,
    ) -> Result<()> {
        wait::stays(&self.task, what, period, look).await
    }

    /// Deletes the whole namespace and waits until it is gone.
    pub async fn remove_space(&self) -> Result<()> {
        let all: Api<Namespace> = Api::all(self.space.client.clone());
        gone_is_fine(all.delete(&self.space.name, &background()).await.map(drop))?;
        self.eventually(&format!("the namespace {} to be gone", self.space.name), seconds(180), async || {
            match all.get_opt(&self.space.name).await.map_err(said)? {
                None => Ok(()),
                Some(left) => Err(remaining(&left)),
            }
        })
        .await
    }

    fn remember<K: Object>(&self, name: &str) {
        let entry = (ApiResource::erase::<K>(&()), name.to_owned());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.contains(&entry) {
            made.push(entry);
        }
    }

    /// Removes what was applied here, the newest first, and waits for each: an object that hangs is a failure.
    pub async fn clear(&self) -> Result<()> {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let mut hanging = Vec::new();
        for (kind, name) in made.into_iter().rev() {
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.space.client.clone(), &self.space.name, &kind);
            let what = format!("{} {name} to be gone", kind.kind);
            gone_is_fine(api.delete(&name, &background()).await.map(drop))
                .with_context(|| format!("delete {name}"))?;
            let gone = self.eventually(&what, seconds(60), async || {
                match api.get_metadata_opt(&name).await.map_err(said)? {
                    None => Ok(()),
                    Some(left) => {
                        Err(format!("finalizers {:?}", left.metadata.finalizers.unwrap_or_default()))
                    }
                }
            });
            if let Err(error) = gone.await {
                hanging.push(format!("{error:#}"));
            }
        }
        ensure!(hanging.is_empty(), "cleaning up: {}", hanging.join("; "));
        Ok(())
    }
}

/// What keeps a namespace from going, as its conditions say.
fn remaining(namespace: &Namespace) -> String {
    let conditions = namespace.status.as_ref().and_then(|status| status.conditions.as_ref());
    let messages =
        conditions.into_iter().flatten().filter(|c| c.status == "True").filter_map(|c| c.message.as_deref());
    messages.collect::<Vec<_>>().join("; ")
}
