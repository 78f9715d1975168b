use super::world::{source, wanted};
use crate::cdc::Wanted;
use crate::cdc::budget::{Budget, State, judge};
use crate::view::source::{Lag, Slot, SourceView};

const MIB: i64 = 1 << 20;

fn view(retained: i64, growth: i64) -> SourceView {
    let mut view = source();
    view.slots.insert("sluice_prod_shop".into(), Slot::default());
    view.lags.insert("sluice_prod_shop".into(), Lag { retained, growth, ..Default::default() });
    view
}

fn bounded() -> Wanted {
    wanted(|spec| spec["objectives"] = serde_json::json!({"maxRetainedWal": "1Gi"}))
}

fn at(retained: i64, was: bool) -> Budget {
    judge(&bounded(), &view(retained, 10 * MIB), was).unwrap()
}

#[test]
fn a_budget_is_exceeded_until_there_is_room_again() {
    assert_eq!(at(1024 * MIB, false).state, State::Within);
    let over = at(1025 * MIB, false);
    assert_eq!((over.state, over.is_over(), over.seconds_to_budget()), (State::Exceeded, true, Some(0)));
    assert_eq!(at(1000 * MIB, true).state, State::Exceeded, "it would come and go");
    assert!(!at(1000 * MIB, true).is_over());
    assert_eq!(at(900 * MIB, true).state, State::Within);
    let (holds, _, message) = over.told(&bounded()).unwrap();
    assert!(!holds && message.contains("keeps 1.0 GiB of 1.0 GiB"), "{message}");
    assert!(
        message.contains("growing by 10.0 MiB a second") && message.contains("spec.snapshots"),
        "{message}"
    );
}

#[test]
fn the_time_that_is_left_follows_from_the_growth() {
    assert_eq!(at(1014 * MIB, false).seconds_to_budget(), Some(1));
    assert_eq!(judge(&bounded(), &view(0, 0), false).unwrap().seconds_to_budget(), None);
    assert_eq!(
        judge(&bounded(), &view(0, 1), false).unwrap().seconds_to_budget(),
        None,
        "years are no warning"
    );
}

#[test]
fn the_servers_own_limit_warns_before_the_slot_is_lost() {
    let free = wanted(|_| {});
    let limited = |left: i64, status: &str| {
        let mut view = view(500 * MIB, MIB);
        view.server.max_slot_wal_keep_size = 1000;
        let slot = view.slots.get_mut("sluice_prod_shop").unwrap();
        (slot.safe_wal_size, slot.wal_status) = (Some(left), Some(status.into()));
        judge(&free, &view, false).unwrap()
    };
    assert_eq!(limited(500 * MIB, "reserved").state, State::Within);
    let near = limited(100 * MIB, "extended");
    assert_eq!((near.state, near.seconds_to_limit(), near.is_over()), (State::LimitNear, Some(100), false));
    assert_eq!(limited(-5, "unreserved").state, State::LimitNear);
    let (holds, reason, message) = near.told(&free).unwrap();
    assert!(!holds && message.contains("after 96.0 MiB more"), "{reason:?} {message}");
    let mut unbounded = view(MIB, 0);
    unbounded.server.max_slot_wal_keep_size = -1;
    let told = judge(&free, &unbounded, false).unwrap().told(&free);
    assert_eq!(told, None, "nothing to keep to, nothing to say");
}
