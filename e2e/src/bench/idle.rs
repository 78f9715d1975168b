//! What Sluice asks of others while nothing changes, counted by those who are asked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::flowcontrol::v1::FlowSchema;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{Bench, cluster};
use crate::kubernetes::exec;
use crate::kubernetes::objects::{MANAGER, gone_is_fine};
use crate::scene::kafka;
use crate::wait::seconds;

const WINDOW: Duration = seconds(120);
/// Classes of requests, the narrowest first.
const CLASSES: [&str; 3] = ["e2e-leases", "e2e-writes", "e2e-reads"];

/// The API server sorts the operator's requests into flow schemas of our own and counts what it dispatches in each.
pub async fn kubernetes(bench: &mut Bench<'_>) -> Result<()> {
    let schemas: Api<FlowSchema> = Api::all(bench.place.space.client.clone());
    let account = account(bench).await?;
    for (class, mut body) in CLASSES.iter().zip(rules(&bench.operator.space.name, &account)) {
        body["metadata"] = json!({"name": class});
        schemas.patch(class, &PatchParams::apply(MANAGER).force(), &Patch::Apply(body)).await?;
    }
    let counted = counted(bench).await;
    for class in CLASSES {
        gone_is_fine(schemas.delete(class, &DeleteParams::default()).await.map(drop))?;
    }
    let minute = counted?;
    let [leases, writes, reads] = CLASSES.map(|class| minute.get(class).copied().unwrap_or(0.0));
    // the lease is renewed every few seconds: were none counted, nothing was
    ensure!(
        leases > 0.0,
        "the API server counted none of the operator's requests: is it the ServiceAccount {account}?"
    );
    bench.note("idle_kube_requests_per_min", leases + writes + reads);
    bench.note("idle_kube_writes_per_min", writes);
    bench.note("idle_kube_lease_requests_per_min", leases);
    Ok(())
}

async fn account(bench: &Bench<'_>) -> Result<String> {
    let deployment: Deployment = bench.operator.space.get(&bench.operator.deployment).await?;
    let pod =
        deployment.spec.and_then(|spec| spec.template.spec).context("the Deployment has no pod template")?;
    pod.service_account_name.context("the operator's pods have no ServiceAccount")
}

fn rules(namespace: &str, account: &str) -> [Value; 3] {
    let subject =
        json!({"kind": "ServiceAccount", "serviceAccount": {"name": account, "namespace": namespace}});
    let schema = |precedence: i32, verbs: Value, groups: Value, resources: Value| {
        json!({
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema",
            "spec": {
                "matchingPrecedence": precedence, "priorityLevelConfiguration": {"name": "workload-low"},
                "rules": [{
                    "subjects": [subject],
                    "resourceRules": [{
                        "verbs": verbs, "apiGroups": groups, "resources": resources,
                        "clusterScope": true, "namespaces": ["*"],
                    }],
                    "nonResourceRules": [{"verbs": verbs, "nonResourceURLs": ["*"]}],
                }],
            },
        })
    };
    let writes = json!(["create", "update", "patch", "delete", "deletecollection"]);
    let mut leases = schema(101, json!(["*"]), json!(["coordination.k8s.io"]), json!(["leases"]));
    leases["spec"]["rules"][0].as_object_mut().map(|rule| rule.remove("nonResourceRules"));
    [
        leases,
        schema(102, writes, json!(["*"]), json!(["*"])),
        schema(103, json!(["*"]), json!(["*"]), json!(["*"])),
    ]
}

/// Requests a minute in each class.
async fn counted(bench: &Bench<'_>) -> Result<BTreeMap<String, f64>> {
    // until the API server sorts by the new schemas
    bench.place.stays("the flow schemas take hold", seconds(10), async || Ok(())).await?;
    let (before, began) = (dispatched(bench).await?, Instant::now());
    bench.place.stays("the API server counts requests and nothing changes", WINDOW, async || Ok(())).await?;
    let (after, minutes) = (dispatched(bench).await?, began.elapsed().as_secs_f64() / 60.0);
    Ok(after
        .into_iter()
        .map(|(class, count)| {
            let grown = count - before.get(&class).copied().unwrap_or(0.0);
            (class, grown / minutes)
        })
        .collect())
}

async fn dispatched(bench: &Bench<'_>) -> Result<BTreeMap<String, f64>> {
    let request = http::Request::get("/metrics").body(Vec::new())?;
    let text = bench.place.space.client.request_text(request).await?;
    let mut counts = BTreeMap::new();
    for line in
        text.lines().filter(|line| line.starts_with("apiserver_flowcontrol_dispatched_requests_total{"))
    {
        let (labels, value) = line.rsplit_once(' ').context("a metric has a value")?;
        for class in CLASSES.iter().filter(|class| labels.contains(&format!("flow_schema=\"{class}\""))) {
            *counts.entry((*class).to_owned()).or_default() += value.parse::<f64>()?;
        }
    }
    Ok(counts)
}

/// Requests as the brokers count them, with the operator less without it.
pub async fn kafka(bench: &mut Bench<'_>) -> Result<()> {
    let with = per_second(bench).await?;
    bench.operator.scale(&bench.place.task, 0).await?;
    let without = per_second(bench).await;
    bench.operator.scale(&bench.place.task, 1).await?;
    bench.note("idle_kafka_requests_per_s", with - without?);
    // it has read everything again
    bench.place.ready::<sluice_crds::KafkaCluster>(cluster::NAME, seconds(60)).await.map(drop)
}

async fn per_second(bench: &Bench<'_>) -> Result<f64> {
    let (before, began) = (requests(bench).await?, Instant::now());
    bench.place.stays("the brokers count requests and nothing changes", seconds(60), async || Ok(())).await?;
    Ok((requests(bench).await? - before) / began.elapsed().as_secs_f64())
}

/// Requests to all brokers since their start, without those by which brokers replicate.
async fn requests(bench: &Bench<'_>) -> Result<f64> {
    let command = [
        "/opt/java/openjdk/bin/java",
        "-Xmx64m",
        "-cp",
        "/opt/kafka/libs/*",
        "org.apache.kafka.tools.JmxTool",
        "--jmx-url",
        "service:jmx:rmi:///jndi/rmi://127.0.0.1:9999/jmxrmi",
        "--object-name",
        "kafka.network:type=RequestMetrics,name=RequestsPerSec,*",
        "--attributes",
        "Count",
        "--one-time",
        "--report-format",
        "properties",
    ];
    let mut sum = 0.0;
    for (pod, _) in kafka::uids(&bench.place, cluster::NAME).await? {
        let text = exec::run(&bench.place.space.api(), &pod, "kafka", &command).await?;
        let lines: Vec<_> = text.lines().filter(|line| line.contains(":Count=")).collect();
        ensure!(!lines.is_empty(), "JmxTool said {text:?}");
        for line in lines.iter().filter(|line| !line.contains("request=Fetch")) {
            sum += line.rsplit_once('=').context("name=value")?.1.trim().parse::<f64>()?;
        }
    }
    Ok(sum)
}
