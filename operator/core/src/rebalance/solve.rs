//! From a model to its plan, and the checks that a plan must pass before anybody sees it.

use std::collections::BTreeMap;

use super::certificate;
use super::check::findings;
use super::flow::{Flow, Rule, start};
use super::leaders::leaders;
use super::lists::Lists;
use super::model::{Model, Options, Partition};
use super::plan::{Change, Plan};
use super::polish::polish;
use super::problem::Problem;
use super::racks::Racks;
use super::reason::RebalanceReason;
use super::share::{Fair, fair};
use crate::finding::Finding;
use crate::view::kafka::NodeId;

impl Rule for Racks {
    fn exchanges(&self, _: usize, chosen: &[usize], from: usize, out: &mut [u64]) {
        Racks::exchanges(self, chosen, from, out);
    }
}

/// The plan with the fewest moves after which every broker has its share and every partition the replicas that it
/// wants, on as many racks as there are; or why there can be none.
pub fn plan(model: &Model, options: Options) -> Result<Plan, Vec<Finding<RebalanceReason>>> {
    let findings = findings(model);
    if !findings.is_empty() {
        return Err(findings);
    }
    let problem = Problem::new(model, options);
    let fair = fair(&problem);
    let first = start(&problem, &fair.shares);
    let on = by_broker(&problem, &first);
    let mut flow = Flow::new(&problem.racks, &problem.current, &fair.shares, first, on);
    if flow.solve().is_err() {
        return Err(vec![failed("the shares cannot be met")]);
    }
    let prices = flow.prices();
    let chosen = polish(&problem, &fair, flow.chosen().clone());
    let leaders = leaders(&problem, &fair, &chosen);

    let shares = problem.ids.iter().copied().zip(fair.shares.iter().copied()).collect();
    let mut plan = Plan::new(model, options, changes(&problem, &chosen, &leaders), &shares);
    let bound = certificate::bound(&problem, &fair.shares, &prices);
    plan.lower_bound = usize::try_from(bound).unwrap_or(0);
    plan.prices = problem.ids.iter().copied().zip(prices).collect();
    wrong(&problem, &fair, &chosen, &plan).map_or(Ok(plan), |why| Err(vec![failed(why)]))
}

/// Partitions that have all their replicas, and not on as many racks as there are.
pub fn misplaced(model: &Model, options: Options) -> usize {
    if !findings(model).is_empty() {
        return 0;
    }
    let problem = Problem::new(model, options);
    let lies_wrong = |(set, partition): &(&[usize], &&Partition)| {
        set.len() == partition.wanted && !problem.racks.holds(set)
    };
    problem.current.iter().zip(&problem.partitions).filter(lies_wrong).count()
}

/// What no plan for this model can go below, by a plan's `prices`. Any prices give a bound that holds; those of an
/// optimal plan give its moves. 0 where there can be no plan.
pub fn lower_bound(model: &Model, options: Options, prices: &BTreeMap<NodeId, i64>) -> i64 {
    if !findings(model).is_empty() {
        return 0;
    }
    let problem = Problem::new(model, options);
    let prices: Vec<_> = problem.ids.iter().map(|id| prices.get(id).copied().unwrap_or(0)).collect();
    certificate::bound(&problem, &fair(&problem).shares, &prices)
}

/// The partitions on each broker, those of each topic spread evenly over the list: whatever part of the list is taken
/// away, it is a fair sample.
fn by_broker(problem: &Problem<'_>, chosen: &Lists) -> Vec<Vec<usize>> {
    let mut on = vec![Vec::new(); problem.brokers()];
    for (partition, set) in chosen.iter().enumerate() {
        for broker in set {
            on[*broker].push(partition);
        }
    }
    for on in &mut on {
        let topics = on.chunk_by(|a, b| problem.topics[*a] == problem.topics[*b]);
        let place = |topic: &[usize]| {
            let (topic, of) = (topic.to_vec(), 2 * topic.len());
            topic.into_iter().enumerate().map(move |(at, partition)| (((2 * at + 1) << 32) / of, partition))
        };
        let mut placed: Vec<_> = topics.flat_map(place).collect();
        placed.sort_unstable();
        *on = placed.into_iter().map(|(_, partition)| partition).collect();
    }
    on
}

fn changes(problem: &Problem<'_>, chosen: &Lists, leaders: &Lists) -> Vec<Change> {
    let mut changes = Vec::new();
    for (at, partition) in problem.partitions.iter().enumerate() {
        let (set, current) = (chosen.get(at), problem.current.get(at));
        let leader = leaders.get(at);
        let stays = current.iter().filter(|broker| set.contains(broker));
        let comes = set.iter().filter(|broker| !current.contains(broker));
        let others = stays.chain(comes).filter(|broker| !leader.contains(broker));
        let to: Vec<_> = leader.iter().chain(others).map(|broker| problem.ids[*broker]).collect();
        if to != partition.replicas {
            changes.push(Change {
                topic: partition.topic.clone(),
                index: partition.index,
                from: partition.replicas.clone(),
                to,
                bytes: partition.bytes,
            });
        }
    }
    changes
}

/// What a plan must never be, however it came about: the last look before it may move data.
fn wrong(problem: &Problem<'_>, fair: &Fair, chosen: &Lists, plan: &Plan) -> Option<&'static str> {
    let mut counts = vec![0; problem.brokers()];
    chosen.iter().flatten().for_each(|broker| counts[*broker] += 1);
    let even = counts.iter().zip(&fair.shares).all(|(count, s)| (s.floor..=s.ceil).contains(count));
    let whole = chosen.iter().zip(&problem.partitions).all(|(set, p)| set.len() == p.wanted);
    let spread = chosen.iter().all(|set| problem.racks.holds(set));
    let checks = [
        (even, "a broker would not have its share"),
        (whole, "a partition would not have its replicas"),
        (spread, "a partition would not be spread over brokers and racks"),
        (plan.moves == plan.lower_bound, "it could not be proved to have the fewest moves"),
    ];
    checks.into_iter().find_map(|(holds, why)| (!holds).then_some(why))
}

fn failed(why: &str) -> Finding<RebalanceReason> {
    Finding::new(RebalanceReason::PlannerFailed, format!("no plan was found: {why}"))
        .mend("Report this with the output of kafka-topics.sh --describe; nothing was moved")
}
