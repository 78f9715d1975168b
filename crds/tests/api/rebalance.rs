//! What is refused of `spec.rebalance`.

use serde_json::{Value, json};

use crate::objects::{cluster, with};
use crate::session::{Session, assert_refused};

#[tokio::test]
async fn a_rebalancing_that_could_not_end() {
    let session = Session::start().await;
    let rebalance = |spec: Value| with(cluster("shop"), &json!({ "rebalance": spec }));
    let mut weightless = cluster("shop");
    weightless["spec"]["pools"][0]["weight"] = 0.into();
    for (object, words) in [
        (rebalance(json!({ "throttle": "0" })), "spec.rebalance.throttle"),
        (rebalance(json!({ "throttle": "0Mi" })), "spec.rebalance.throttle"),
        (rebalance(json!({ "throttle": "fast" })), "spec.rebalance.throttle"),
        (rebalance(json!({ "threshold": 0 })), "spec.rebalance.threshold"),
        (rebalance(json!({ "mode": "Sometimes" })), "supported values: \"Auto\", \"Manual\", \"Off\""),
        (rebalance(json!({ "approvedPlan": "all of them" })), "spec.rebalance.approvedPlan"),
        (weightless, "spec.pools[0].weight"),
    ] {
        assert_refused(session.create(&object).await, words);
    }
}
