//! What must hold whatever happens. The simulated cluster panics when it is brought below `min.insync.replicas`, when a
//! quorum loses its majority, or when a node leaves with replicas or its vote, by our doing.

use proptest::prelude::*;

use super::sim::{Phase, Sim};
use super::*;

#[derive(Clone, Debug)]
enum Event {
    /// A read-only key.
    Config(u8),
    Dynamic(u8),
    /// An image that cannot be had, or a good one.
    Image(bool),
    RestartAt(u8),
    Replicas(u8),
    /// A pod is deleted, or its machine dies.
    Crash(u8),
    /// A broker stops to keep up.
    Lag(u8),
    CatchUp,
    /// Sluice is not there for a second.
    Away,
    /// Sluice is killed after it has written status.
    KilledBeforeTheStep,
    Seconds(u8),
}

fn edits() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..4_u8).prop_map(Event::Config),
        1 => (0..4_u8).prop_map(Event::Dynamic),
        2 => any::<bool>().prop_map(Event::Image),
        1 => (0..4_u8).prop_map(Event::RestartAt),
        2 => (1..6_u8).prop_map(Event::Replicas),
        1 => Just(Event::Away),
        1 => Just(Event::KilledBeforeTheStep),
        3 => (1..40_u8).prop_map(Event::Seconds),
    ]
}

fn faults() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => edits(),
        2 => (0..6_u8).prop_map(Event::Crash),
        1 => (0..6_u8).prop_map(Event::Lag),
        1 => Just(Event::CatchUp),
    ]
}

fn topics() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    // first replica, replicas, min.insync.replicas
    prop::collection::vec((0..5_usize, 1..4_usize, 1..4_usize), 0..4)
}

fn running(nodes: i32, topics: &[(usize, usize, usize)]) -> Sim {
    with_topics(Sim::running(spec(nodes, None)), nodes, topics)
}

fn with_topics(mut sim: Sim, nodes: i32, topics: &[(usize, usize, usize)]) -> Sim {
    let nodes = usize::try_from(nodes).unwrap();
    for (i, (first, replicas, min_isr)) in topics.iter().enumerate() {
        let replicas: Vec<i32> =
            (0..*replicas.min(&nodes)).map(|n| i32::try_from((first + n) % nodes).unwrap()).collect();
        sim = sim.topic(&format!("topic-{i}"), *min_isr, &[&replicas]);
    }
    sim
}

/// Three controllers, and brokers that may go together.
fn apart(brokers: i32, together: i32, config: u8) -> Value {
    json!({
        "pools": [
            { "name": "b", "replicas": brokers, "firstNodeId": 0, "roles": ["broker"] },
            { "name": "c", "replicas": 3, "firstNodeId": 100, "roles": ["controller"] },
        ],
        "rollout": { "maxUnavailable": together },
        "config": { "num.partitions": config },
    })
}

fn spec(nodes: i32, config: Option<u8>) -> Value {
    let mut spec = json!({ "pools": [{ "name": "kafka", "replicas": nodes }] });
    if let Some(value) = config {
        spec["config"] = json!({ "num.partitions": value + 1 });
    }
    spec
}

/// Makes an event happen; whether Sluice may make a pass in this second, and whether it may act.
fn happen(sim: &mut Sim, event: &Event) -> (bool, bool) {
    match event {
        Event::Config(n) => sim.edit("/config", json!({ "num.partitions": n + 1 })),
        Event::Dynamic(n) => sim.edit("/config", json!({ "log.retention.ms": n + 1 })),
        Event::Image(true) => sim.edit("/image", json!("good:1")),
        Event::Image(false) => sim.edit("/image", json!("bad:1")),
        Event::RestartAt(n) => sim.edit("/restartedAt", json!(format!("2026-11-21T09:00:0{n}Z"))),
        Event::Replicas(n) => sim.edit("/pools/0/replicas", json!(n)),
        Event::Crash(n) => {
            let is_it = |pod: &&String| names::node_id(pod) == Some((*n).into());
            let pods = sim.pods.keys().filter(is_it).cloned().collect();
            sim.stop(pods);
        }
        Event::Lag(n) => {
            sim.laggards.insert((*n).into());
            for (_, in_sync) in sim.topics.iter_mut().flat_map(|t| &mut t.partitions) {
                if in_sync.len() > 1 {
                    in_sync.retain(|id| *id != i32::from(*n));
                }
            }
            // a replica that falls out between a look and a restart is beyond anybody
            sim.look();
        }
        Event::CatchUp => sim.laggards.clear(),
        Event::Away => return (false, false),
        Event::KilledBeforeTheStep => return (true, false),
        Event::Seconds(_) => {}
    }
    (true, true)
}

/// Whatever happened: with a good spec and no more faults it ends as declared, and then nothing moves.
fn must_settle(sim: &mut Sim, spec: Value) {
    sim.laggards.clear();
    sim.spec = spec;
    sim.generation += 1;
    sim.settle();
    sim.run(5);
    for _ in 0..400 {
        if sim.moving.is_empty() && sim.plan().step == Step::None {
            break;
        }
        sim.run(1);
    }
    assert!(sim.is_free(), "a throttle was left behind");
    let wanted = sim.wanted();
    let plan = sim.plan();
    assert!(plan.verdict.is_ready(), "{:?}", plan.verdict);
    assert_eq!((&plan.step, plan.alter.len(), plan.delete.len()), (&Step::None, 0, 0));
    let mut voters: Vec<_> = sim.voters.iter().map(|(id, _)| *id).collect();
    voters.sort_unstable();
    assert_eq!(voters, wanted.controllers().collect::<Vec<_>>());
    assert!(sim.pods.values().all(|pod| pod.phase == Phase::Ready));
    assert!(plan.told.nodes.values().all(|node| !node.leaving && node.restart.is_empty()));
}

/// A story takes a tenth of a second. `PROPTEST_CASES=2000` looks deeper.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_edit_and_no_fault_makes_us_hurt_the_cluster(
        nodes in 1..6_i32,
        topics in topics(),
        events in prop::collection::vec(faults(), 1..25),
    ) {
        let mut sim = running(nodes, &topics);
        for event in &events {
            let (pass, act) = happen(&mut sim, event);
            let seconds = if let Event::Seconds(n) = event { *n } else { 1 };
            for _ in 0..seconds {
                if pass {
                    let plan = sim.plan();
                    sim.tell(&plan);
                    if act {
                        sim.act(&plan);
                    }
                }
                sim.tick();
            }
        }
        must_settle(&mut sim, spec(nodes, Some(7)));
    }

    #[test]
    fn neither_do_brokers_that_go_together(
        brokers in 1..8_i32,
        together in 1..5_i32,
        topics in topics(),
        events in prop::collection::vec(faults(), 1..25),
    ) {
        let mut sim = with_topics(Sim::running(apart(brokers, together, 1)), brokers, &topics);
        // scaling has its own stories
        for event in events.iter().filter(|event| !matches!(event, Event::Replicas(_))) {
            let (pass, act) = happen(&mut sim, event);
            let seconds = if let Event::Seconds(n) = event { *n } else { 1 };
            for _ in 0..seconds {
                if pass {
                    let plan = sim.plan();
                    sim.tell(&plan);
                    if act {
                        sim.act(&plan);
                    }
                }
                sim.tick();
            }
        }
        must_settle(&mut sim, apart(brokers, together, 9));
    }

    /// What Kubernetes' watches and Kafka's observer show may each be seconds old.
    #[test]
    fn neither_do_views_that_lag_behind(
        nodes in 1..6_i32,
        topics in topics(),
        events in prop::collection::vec(edits(), 1..15),
        lags in prop::collection::vec((0..3_usize, 0..3_usize), 1..40),
    ) {
        let mut sim = running(nodes, &topics);
        let mut history = vec![sim.seen()];
        let mut lags = lags.iter().cycle();
        for event in &events {
            let (pass, act) = happen(&mut sim, event);
            let seconds = if let Event::Seconds(n) = event { *n } else { 1 };
            for _ in 0..seconds {
                let (kube, kafka) = lags.next().unwrap();
                let ago = |n: usize| &history[history.len().saturating_sub(n + 1)];
                let mut seen = Seen {
                    kafka: ago(*kafka).kafka.clone(),
                    // what was seen before our own last step does not count
                    looked_at: ago(*kafka).looked_at.filter(|at| at.as_second() > sim.moved_at),
                    sizes: ago(*kafka).sizes.clone(),
                    dynamic: ago(*kafka).dynamic.clone(),
                    access: ago(*kafka).access.clone(),
                    certificates: Certificates::default(),
                    home: None,
                    network_policy: None,
                    ..ago(*kube).clone()
                };
                let model = rebalance::model(&sim.wanted(), &seen, sim.status.as_ref());
                seen.proposal = model.map(|model| std::sync::Arc::new(rebalance::propose(model)));
                if pass {
                    let mut plan = plan(&sim.wanted(), &seen, sim.status.as_ref(), sim.now());
                    if plan.step.is_disruptive() {
                        // the manager asks the API server once more before it disturbs anybody
                        let live = Seen { pods: sim.seen().pods, ..seen.clone() };
                        let again = super::plan(&sim.wanted(), &live, sim.status.as_ref(), sim.now());
                        if again.step != plan.step {
                            plan.step = Step::None;
                        }
                    }
                    sim.tell(&plan);
                    if act {
                        sim.act(&plan);
                    }
                }
                sim.tick();
                history.push(sim.seen());
            }
        }
        must_settle(&mut sim, spec(nodes, Some(7)));
    }
}
