//! Watches objects of one kind until they are as wanted, to the millisecond.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::TryStreamExt;
use kube::ResourceExt;
use kube::api::Api;
use kube::runtime::watcher::{Config, Event, watcher};

use crate::kubernetes::objects::Object;

/// What `digest` keeps of each object, by name.
pub type Seen<T> = HashMap<String, T>;

/// Until `met` says so of all objects that the API server has told us of.
pub async fn until<K: Object + Send + 'static, T>(
    api: Api<K>,
    config: Config,
    within: Duration,
    digest: impl Fn(&K) -> T,
    mut met: impl FnMut(&Seen<T>) -> bool,
) -> Result<()> {
    let mut seen = Seen::new();
    let mut events = std::pin::pin!(watcher(api, config));
    let watched = async {
        let mut whole = false;
        while let Some(event) = events.try_next().await? {
            match event {
                Event::Init => {
                    whole = false;
                    seen.clear();
                }
                Event::InitDone => whole = true,
                Event::Apply(object) | Event::InitApply(object) => {
                    seen.insert(object.name_any(), digest(&object));
                }
                Event::Delete(object) => {
                    seen.remove(&object.name_any());
                }
            }
            if whole && met(&seen) {
                return Ok(());
            }
        }
        bail!("the watch ended")
    };
    match tokio::time::timeout(within, watched).await {
        Ok(done) => done,
        Err(_) => bail!("not so after {} s; {} objects seen", within.as_secs(), seen.len()),
    }
}
