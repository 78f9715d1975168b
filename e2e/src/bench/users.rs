//! Many users at once, through as many connections to the API server as topics.

use std::time::Instant;

use anyhow::Result;
use kube::api::PostParams;
use kube::runtime::watcher::Config;
use serde_json::json;
use sluice_crds::User;

use super::topics::{each, lanes};
use super::watch::until;
use super::{Bench, cluster};
use crate::kubernetes;
use crate::kubernetes::conditions::ready;
use crate::kubernetes::objects::Space;
use crate::wait::seconds;

/// Creates `count` users with a password and an ACL each, looks at how Sluice rests with them, and deletes them.
pub async fn many<'b>(
    bench: &mut Bench<'b>,
    count: usize,
    meanwhile: impl AsyncFnOnce(&mut Bench<'b>) -> Result<()>,
) -> Result<()> {
    let lanes = lanes().await?;
    let watched = Space::new(kubernetes::connect().await?, super::NAMESPACE);
    let is_ready = |user: &User| ready(user).is_ok();
    let began = Instant::now();
    let requests = each(&lanes, "user", count, async |space, name| {
        space.api().create(&PostParams::default(), &user(&name)).await.map(drop)
    });
    let all = until(watched.api(), Config::default(), seconds(900), is_ready, |seen| {
        seen.len() == count && seen.values().all(|ready| *ready)
    });
    let ((), ()) = tokio::try_join!(requests, all)?;
    bench.note(&format!("users_{count}_s"), began.elapsed().as_secs_f64());
    meanwhile(bench).await?;
    each(&lanes, "user", count, async |space, name| space.delete::<User>(&name).await).await?;
    until(watched.api(), Config::default(), seconds(900), is_ready, std::collections::HashMap::is_empty).await
}

fn user(name: &str) -> User {
    let spec = json!({
        "clusterRef": {"name": cluster::NAME},
        "acls": [{"resource": {"type": "topic", "name": format!("{name}."), "pattern": "Prefix"}, "operations": ["Read", "Write"]}],
    });
    User::new(name, serde_json::from_value(spec).expect("a spec by its shape"))
}
