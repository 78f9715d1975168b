//! Leader election on a real server. A contender sees it through a link that can be cut.

use std::time::Duration;

use apiserver_harness::{ApiServer, Link, shared, until};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use sluice::lease::{Election, LeaseError, Place, Reign, Timing};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const DURATION: Duration = Duration::from_secs(2);
const DEADLINE: Duration = Duration::from_millis(1500);
const RETRY: Duration = Duration::from_millis(150);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(2);

/// One lease, contended for.
struct Arena {
    server: &'static ApiServer,
    namespace: String,
    leases: Api<Lease>,
}

impl Arena {
    async fn new() -> Self {
        let server = shared().await;
        let namespace = server.namespace().await;
        Self { server, leases: Api::namespaced(server.client(), &namespace), namespace }
    }

    fn election(&self, client: kube::Client, identity: &str) -> Election {
        let timing = Timing { duration: DURATION, renew_deadline: DEADLINE, retry: RETRY };
        let place = Place { namespace: self.namespace.clone(), name: "sluice".into() };
        Election::new(client, place, identity, timing)
    }

    /// Contends from now on; ends when it leads, and says when that was.
    fn contend(&self, identity: &str) -> JoinHandle<(Reign, Instant)> {
        let election = self.election(self.server.client(), identity);
        tokio::spawn(async move { (election.win(|| ()).await, Instant::now()) })
    }

    /// A leader that sees the server through a link.
    async fn leader(&self, identity: &str) -> (Reign, Link) {
        let link = self.server.link().await;
        let reign = self.election(link.client(), identity).win(|| ()).await;
        (reign, link)
    }

    async fn spec(&self) -> LeaseSpec {
        self.leases.get("sluice").await.expect("the lease").spec.expect("a spec")
    }

    async fn holder(&self) -> Option<String> {
        self.spec().await.holder_identity
    }

    async fn seized_by(&self, usurper: &str) {
        let coup = Patch::Merge(json!({ "spec": { "holderIdentity": usurper } }));
        self.leases.patch("sluice", &PatchParams::default(), &coup).await.expect("a coup");
    }

    /// Resolves once somebody has written the lease.
    async fn renewed(&self) {
        let version =
            || async { self.leases.get("sluice").await.expect("the lease").metadata.resource_version };
        let before = version().await;
        until("the lease is renewed", version, |version| *version != before).await;
    }
}

/// Renews in the background; ends when the lease is lost, and says why and when.
fn reigns(mut reign: Reign) -> JoinHandle<(LeaseError, Instant)> {
    tokio::spawn(async move { (reign.lost().await, Instant::now()) })
}

#[tokio::test]
async fn of_two_contenders_exactly_one_leads() {
    let arena = Arena::new().await;
    let (one, two) = (arena.contend("one"), arena.contend("two"));
    let (reign, waiting, winner) = tokio::select! {
        won = one => (won.unwrap().0, arena.contend("two"), "one"),
        won = two => (won.unwrap().0, arena.contend("one"), "two"),
    };
    let reigning = reigns(reign);
    sleep(DURATION * 3 / 2).await;
    assert!(!waiting.is_finished(), "the other leads too");
    assert!(!reigning.is_finished(), "the leader has lost an undisputed lease");
    let spec = arena.spec().await;
    assert_eq!(spec.holder_identity.as_deref(), Some(winner));
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(2), Some(0)));
    assert!(spec.renew_time > spec.acquire_time);
}

#[tokio::test]
async fn a_leader_that_vanishes_is_followed_when_its_lease_has_run_out() {
    let arena = Arena::new().await;
    let (reign, _link) = arena.leader("old").await;
    let reigning = reigns(reign);
    let next = arena.contend("new");
    arena.renewed().await;
    // as by SIGKILL: no word of farewell
    reigning.abort();
    let _ = reigning.await;
    let last = arena.spec().await.renew_time.expect("a time").0;
    next.await.unwrap();
    let taken = arena.spec().await.acquire_time.expect("a time").0;
    let after = Duration::try_from(taken.duration_since(last)).expect("later");
    assert!(after >= DURATION && after <= DURATION + RETRY * 2 + SLACK, "{after:?}");
    let spec = arena.spec().await;
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("new"), Some(1)));
}

#[tokio::test]
async fn a_lease_that_was_given_back_is_taken_at_once() {
    let arena = Arena::new().await;
    let (reign, _link) = arena.leader("old").await;
    let next = arena.contend("new");
    sleep(RETRY * 2).await;
    reign.release().await;
    let released = Instant::now();
    let (_, followed) = next.await.unwrap();
    assert!(followed.saturating_duration_since(released) < DURATION / 2);
    assert_eq!(arena.holder().await.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_lease_is_given_back_also_when_a_renewal_was_cancelled_on_its_way() {
    let arena = Arena::new().await;
    let (mut reign, link) = arena.leader("old").await;
    link.hold_answers();
    // the renewal arrives, we stop before its answer does
    tokio::select! {
        lost = reign.lost() => panic!("{lost}"),
        () = arena.renewed() => {}
    }
    link.mend();
    reign.release().await;
    assert_eq!(arena.holder().await, None);
}

#[tokio::test]
async fn who_has_lost_the_lease_does_not_give_away_anothers() {
    let arena = Arena::new().await;
    let (reign, _link) = arena.leader("old").await;
    arena.seized_by("usurper").await;
    reign.release().await;
    assert_eq!(arena.holder().await.as_deref(), Some("usurper"));
}

#[tokio::test]
async fn a_leader_without_a_server_steps_down_before_another_may_lead() {
    let arena = Arena::new().await;
    let (reign, link) = arena.leader("old").await;
    let reigning = reigns(reign);
    let next = arena.contend("new");
    arena.renewed().await;
    link.cut();
    let cut = Instant::now();
    let (why, down) = reigning.await.unwrap();
    assert!(matches!(why, LeaseError::NotRenewed(_)), "{why}");
    assert!(down - cut <= DEADLINE + SLACK, "{:?}", down - cut);
    let (_new, up) = next.await.unwrap();
    assert!(down < up, "two led for {:?}", down - up);
    // what was still on its way arrives, and changes nothing
    link.mend();
    sleep(RETRY * 3).await;
    assert_eq!(arena.holder().await.as_deref(), Some("new"));
}

#[tokio::test]
async fn an_answer_that_comes_late_does_not_prolong_the_lease() {
    let arena = Arena::new().await;
    let (reign, link) = arena.leader("old").await;
    let reigning = reigns(reign);
    let next = arena.contend("new");
    link.hold_answers();
    arena.renewed().await;
    // the lease counts from here; its holder hears of it when most of the deadline is over, and then nothing more
    sleep(DEADLINE * 4 / 5).await;
    link.mend();
    sleep(Duration::from_millis(100)).await;
    link.cut();
    let (why, down) = reigning.await.unwrap();
    assert!(matches!(why, LeaseError::NotRenewed(_)), "{why}");
    let (_new, up) = next.await.unwrap();
    assert!(down < up, "two led for {:?}", down - up);
}

#[tokio::test]
async fn a_deposed_leader_is_told_by_whom() {
    let arena = Arena::new().await;
    let (reign, _link) = arena.leader("old").await;
    arena.seized_by("usurper").await;
    let (why, _) = timeout(DEADLINE + SLACK, reigns(reign)).await.expect("it notices").unwrap();
    assert!(matches!(&why, LeaseError::Taken(by) if by == "usurper"), "{why}");
    assert_eq!(arena.holder().await.as_deref(), Some("usurper"));
}

#[tokio::test]
async fn a_lease_that_somebody_edits_or_deletes_is_still_ours() {
    let arena = Arena::new().await;
    let (reign, _link) = arena.leader("one").await;
    let reigning = reigns(reign);
    let note = json!({ "metadata": { "annotations": { "a": "b" } } });
    arena.leases.patch("sluice", &PatchParams::default(), &Patch::Merge(note)).await.unwrap();
    arena.renewed().await;
    arena.leases.delete("sluice", &DeleteParams::default()).await.unwrap();
    let look = || async { arena.leases.get_opt("sluice").await.unwrap().and_then(|lease| lease.spec) };
    let spec = until("the lease is made again", look, Option::is_some).await.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("one"));
    sleep(RETRY * 3).await;
    assert!(!reigning.is_finished());
}

#[tokio::test]
async fn a_contender_whose_connection_died_silently_asks_on_another() {
    let arena = Arena::new().await;
    let link = arena.server.link().await;
    let client = link.client();
    // a connection to die
    client.apiserver_version().await.unwrap();
    link.strand();
    let election = arena.election(client, "one");
    timeout(DEADLINE + RETRY + SLACK, election.win(|| ())).await.expect("it leads");
}

/// A lease of another holder whose clock is off by `hours`.
fn held_by_other(hours: i64) -> Lease {
    let time = Timestamp::now() + jiff::SignedDuration::from_hours(hours);
    Lease {
        metadata: ObjectMeta { name: Some("sluice".into()), ..Default::default() },
        spec: Some(LeaseSpec {
            holder_identity: Some("other".into()),
            lease_duration_seconds: Some(2),
            renew_time: Some(MicroTime(time)),
            acquire_time: Some(MicroTime(time)),
            ..Default::default()
        }),
    }
}

#[tokio::test]
async fn a_leader_whose_clock_is_behind_keeps_its_lease_while_it_renews() {
    let arena = Arena::new().await;
    let mut lease = arena.leases.create(&PostParams::default(), &held_by_other(-1)).await.unwrap();
    let waiting = arena.contend("one");
    let end = Instant::now() + DURATION * 3 / 2;
    while Instant::now() < end {
        sleep(RETRY).await;
        // each renewal moves its clock, backwards and for a moment to the year's end
        let hours = if Instant::now() + DURATION < end { -2 } else { 1000 };
        lease.spec = held_by_other(hours).spec;
        lease = arena.leases.replace("sluice", &PostParams::default(), &lease).await.unwrap();
    }
    assert!(!waiting.is_finished());
    assert_eq!(arena.holder().await.as_deref(), Some("other"));
}

#[tokio::test]
async fn a_lease_of_tomorrow_runs_out_today() {
    let arena = Arena::new().await;
    let began = Instant::now();
    arena.leases.create(&PostParams::default(), &held_by_other(24)).await.unwrap();
    let (_, won) = arena.contend("one").await.unwrap();
    assert!(won - began >= Duration::from_secs(2), "{:?}", won - began);
    assert!(won - began <= Duration::from_secs(2) + RETRY * 2 + SLACK, "{:?}", won - began);
}

#[tokio::test]
async fn leases_of_two_names_in_one_namespace_do_not_know_of_each_other() {
    let arena = Arena::new().await;
    let (_reign, _link) = arena.leader("one").await;
    let timing = Timing { duration: DURATION, renew_deadline: DEADLINE, retry: RETRY };
    let place = Place { namespace: arena.namespace.clone(), name: "other-release".into() };
    let other = Election::new(arena.server.client(), place, "two", timing);
    timeout(DEADLINE, other.win(|| ())).await.expect("it leads at once");
    assert_eq!(arena.holder().await.as_deref(), Some("one"));
}

#[tokio::test]
async fn who_stands_by_is_ready_once_the_lease_could_be_looked_at() {
    let arena = Arena::new().await;
    let (reign, _link) = arena.leader("old").await;
    let _reigning = reigns(reign);
    let link = arena.server.link().await;
    let client = link.client();
    link.cut();
    let (answered, mut ready) = tokio::sync::watch::channel(false);
    let election = arena.election(client, "new");
    let waiting = tokio::spawn(async move {
        election
            .win(|| {
                answered.send_replace(true);
            })
            .await
    });
    sleep(RETRY * 3).await;
    assert!(!*ready.borrow(), "nobody has answered yet");
    link.mend();
    timeout(DEADLINE + SLACK, ready.wait_for(|ready| *ready)).await.expect("it is ready").unwrap();
    assert!(!waiting.is_finished(), "another leads");
}
