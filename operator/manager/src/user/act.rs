use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use sluice_clients::kafka::{self, Code, ItemError};
use sluice_core::user::{self, Changes};
use sluice_core::view::kafka::{Acl, NodeId};
use tokio::time::{Instant, sleep, timeout_at};

use crate::context::Context;
use crate::observe::kafka::{Gathering, Wish, Wishes, World};
use crate::observe::survived;
use crate::scope::chain;

/// Why Kafka did not take a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It will say the same again.
    ForGood(String),
    /// It did not answer, or may do so later.
    ForNow(String),
}

/// What a User wants changed in Kafka.
pub struct UserWish {
    pub name: String,
    pub changes: Changes,
}

/// Where Users hand in what they want.
pub type Crowd = Wishes<UserWish, Result<(), Refusal>>;

/// How long brokers have to learn of a rule: they fetch what the controller wrote.
const SPREAD: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(20);

/// Changes what Kafka knows of a user, and waits until each broker goes by it. All of it may be done twice.
pub async fn carry_out(
    context: &Context,
    world: &Arc<World>,
    name: &str,
    changes: &Changes,
) -> Result<(), Refusal> {
    let wish = UserWish { name: name.to_owned(), changes: changes.clone() };
    let gone = || Err(Refusal::ForNow(format!("what was asked of KafkaCluster {} got no answer", world.key)));
    context.kafka.change_user(world, wish).await.unwrap_or_else(gone)
}

/// Carries out what Users of a cluster want, for ever: each step for all that want it at the same time.
pub async fn serve(world: Arc<World>, mut wanted: Gathering<UserWish, Result<(), Refusal>>) {
    while let Some(wishes) = wanted.next().await {
        let mut batch = Batch::of(wishes.iter().map(|wish| &wish.change));
        if !survived("changes of users", &world.key, batch.carry_out(&world)).await {
            // whoever gets no answer looks again
            continue;
        }
        world.users_changed(&batch.done());
        let refused = batch.refused.clone();
        for (at, Wish { done, .. }) in wishes.into_iter().enumerate() {
            let _ = done.send(refused.get(&at).map_or(Ok(()), |refusal| Err(refusal.clone())));
        }
    }
}

/// Users that change, by their places in what was gathered. Who was refused one step takes no other.
struct Batch<'a> {
    users: Vec<&'a UserWish>,
    refused: BTreeMap<usize, Refusal>,
}

impl<'a> Batch<'a> {
    fn of(users: impl Iterator<Item = &'a UserWish>) -> Self {
        Self { users: users.collect(), refused: BTreeMap::new() }
    }

    fn left(&self) -> Vec<(usize, &'a UserWish)> {
        let all = self.users.iter().copied().enumerate();
        all.filter(|(at, _)| !self.refused.contains_key(at)).collect()
    }

    fn done(&self) -> Vec<(&'a str, &'a Changes)> {
        self.left().into_iter().map(|(_, user)| (user.name.as_str(), &user.changes)).collect()
    }

    async fn carry_out(&mut self, world: &World) {
        self.passwords(world).await;
        self.make_rules(world).await;
        self.drop_rules(world).await;
        self.quotas(world).await;
        self.spread(world).await;
    }

    async fn passwords(&mut self, world: &World) {
        let left = self.left();
        let password =
            |(_, user): &(usize, &'a UserWish)| Some((user.name.as_str(), user.changes.password.as_deref()?));
        let passwords: Vec<_> = left.iter().filter_map(password).collect();
        let drops = |(_, user): &&(usize, &UserWish)| user.changes.drop_password;
        let dropped: Vec<_> = left.iter().filter(drops).map(|(_, user)| user.name.as_str()).collect();
        let Some(items) = self.answered(world.client.alter_scram(&passwords, &dropped).await) else { return };
        let mut told: Told = items.into_iter().collect();
        for name in dropped {
            // gone already is gone
            if matches!(told.get(name), Some(Err(error)) if error.code == Code::RESOURCE_NOT_FOUND) {
                told.insert(name.to_owned(), Ok(()));
            }
        }
        let asked = |changes: &Changes| changes.password.is_some() || changes.drop_password;
        self.note(asked, &told);
    }

    async fn quotas(&mut self, world: &World) {
        let left = self.left();
        let of = |(_, user): &(usize, &'a UserWish)| (user.name.as_str(), &user.changes.quotas);
        let quotas: Vec<_> = left.iter().map(of).filter(|(_, quotas)| !quotas.is_empty()).collect();
        let Some(items) = self.answered(world.client.alter_user_quotas(&quotas).await) else { return };
        self.note(|changes| !changes.quotas.is_empty(), &items.into_iter().collect());
    }

    async fn make_rules(&mut self, world: &World) {
        let (rules, whose) = self.rules(|changes| &changes.make);
        let called = world.client.create_acls(&rules).await;
        self.each(&whose, called);
    }

    async fn drop_rules(&mut self, world: &World) {
        let (rules, whose) = self.rules(|changes| &changes.drop);
        let called = world.client.delete_acls(&rules).await;
        self.each(&whose, called);
        let all = self.left().into_iter().filter(|(_, user)| user.changes.drop_rules);
        let (whose, principals): (Vec<_>, Vec<_>) =
            all.map(|(at, user)| (at, user::principal(&user.name))).unzip();
        let called = world.client.delete_acls_of(&principals).await;
        self.each(&whose, called);
    }

    /// Rules, and whose each of them is.
    fn rules(&self, of: fn(&Changes) -> &Vec<Acl>) -> (Vec<Acl>, Vec<usize>) {
        let (mut rules, mut whose) = (Vec::new(), Vec::new());
        for (at, user) in self.left() {
            rules.extend_from_slice(of(&user.changes));
            whose.resize(rules.len(), at);
        }
        (rules, whose)
    }

    /// Returns once every broker that serves goes by the rules: a client may come to any of them.
    async fn spread(&mut self, world: &World) {
        let waiting: Vec<_> =
            self.left().into_iter().filter(|(_, user)| user.changes.touch_rules()).collect();
        if waiting.is_empty() {
            return;
        }
        let sight = world.sight();
        let deadline = Instant::now() + SPREAD;
        let brokers = sight.current().into_iter().flat_map(|view| view.serving());
        let looks = brokers.map(|id| unknown_to(&world.client, id, waiting.clone(), deadline));
        for (at, words) in join_all(looks).await.into_iter().flatten() {
            self.refused.entry(at).or_insert(Refusal::ForNow(words));
        }
    }

    /// What Kafka has answered. Where it did not, nobody who is left takes another step: each would wait as long.
    fn answered<T>(&mut self, called: Result<T, kafka::Error>) -> Option<T> {
        called
            .inspect_err(|error| {
                for (at, _) in self.left() {
                    self.refused.insert(at, Refusal::ForNow(chain(error)));
                }
            })
            .ok()
    }

    /// Answers to what is of `whose` users, in their order.
    fn each(&mut self, whose: &[usize], called: Result<Vec<Result<(), ItemError>>, kafka::Error>) {
        let Some(items) = self.answered(called) else { return };
        for (at, item) in whose.iter().zip(items) {
            if let Err(refusal) = taken(item) {
                self.refused.entry(*at).or_insert(refusal);
            }
        }
    }

    fn note(&mut self, asked: impl Fn(&Changes) -> bool, told: &Told) {
        let unsaid = || Err(Refusal::ForNow("Kafka's answer does not mention it".into()));
        for (at, user) in self.left().into_iter().filter(|(_, user)| asked(&user.changes)) {
            if let Err(refusal) = told.get(&user.name).cloned().map_or_else(unsaid, taken) {
                self.refused.insert(at, refusal);
            }
        }
    }
}

/// What Kafka has told, by user.
type Told = BTreeMap<String, Result<(), ItemError>>;

/// Whose rules this broker does not go by in time, and why.
async fn unknown_to(
    client: &kafka::Client,
    broker: NodeId,
    mut waiting: Vec<(usize, &UserWish)>,
    deadline: Instant,
) -> Vec<(usize, String)> {
    let principal = match waiting.as_slice() {
        [(_, user)] => Some(user::principal(&user.name)),
        _ => None,
    };
    let mut why = format!("broker {broker} does not answer");
    while Instant::now() < deadline {
        match timeout_at(deadline, client.describe_acls_at(broker, principal.as_deref())).await {
            Err(_) => break,
            Ok(Err(error)) => {
                why = chain(&error);
                break;
            }
            Ok(Ok(rules)) => waiting.retain(|(_, user)| !user.changes.are_in(&user.name, &rules)),
        }
        if waiting.is_empty() {
            break;
        }
        why = format!("broker {broker} does not go by the new rules yet");
        sleep(GLANCE).await;
    }
    waiting.into_iter().map(|(at, _)| (at, why.clone())).collect()
}

fn taken(item: Result<(), ItemError>) -> Result<(), Refusal> {
    item.map_err(|error| {
        if error.code.is_retriable() {
            Refusal::ForNow(error.to_string())
        } else {
            Refusal::ForGood(error.to_string())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENIED: Code = Code::CLUSTER_AUTHORIZATION_FAILED;
    const LATER: Code = Code::LEADER_NOT_AVAILABLE;

    fn item(code: Code) -> Result<(), ItemError> {
        Err(ItemError { code, message: None })
    }

    fn kind(refusal: &Refusal) -> &'static str {
        match refusal {
            Refusal::ForGood(_) => "for good",
            Refusal::ForNow(_) => "for now",
        }
    }

    fn user(name: &str, password: bool) -> UserWish {
        let password = password.then(|| "secret".into());
        UserWish { name: name.into(), changes: Changes { password, ..Changes::default() } }
    }

    fn refused(batch: &Batch<'_>) -> Vec<(usize, &'static str)> {
        batch.refused.iter().map(|(at, refusal)| (*at, kind(refusal))).collect()
    }

    #[test]
    fn each_user_is_answered_for_its_own_rules() {
        let users = ["a", "b", "c", "d"].map(|name| user(name, false));
        let told = |answers: Vec<Result<(), ItemError>>| {
            let mut batch = Batch::of(users.iter());
            batch.each(&[0, 0, 2, 3], Ok(answers));
            refused(&batch)
        };
        assert_eq!(told(vec![Ok(()), Ok(()), Ok(()), Ok(())]), []);
        assert_eq!(told(vec![Ok(()), item(DENIED), Ok(()), item(LATER)]), [(0, "for good"), (3, "for now")]);
    }

    #[test]
    fn who_was_refused_takes_no_other_step_and_is_not_shown_as_changed() {
        let users = [user("a", true), user("b", true), user("c", false), user("d", true)];
        let mut batch = Batch::of(users.iter());
        let told = [("a".into(), Ok(())), ("b".into(), item(DENIED))].into();
        batch.note(|changes| changes.password.is_some(), &told);
        assert_eq!(refused(&batch), [(1, "for good"), (3, "for now")], "nothing was said of the last");
        assert_eq!(batch.done().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn without_an_answer_nobody_takes_another_step() {
        let users = [user("a", true), user("b", false)];
        let lost = kafka::Error::NoBootstrap { request: "CreateAcls" };
        let mut batch = Batch::of(users.iter());
        batch.each(&[0], Err(lost));
        assert_eq!((refused(&batch), batch.done()), (vec![(0, "for now"), (1, "for now")], vec![]));
    }
}
