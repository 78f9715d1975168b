//! The agent pod: `e2e agent …`, exec'd inside the cluster.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Place;
use super::pipeline::Shop;
use crate::agent::kafka::TopicFacts;
use crate::agent::knock::Knocked;
use crate::agent::latency::Latency;
use crate::agent::numbers;
use crate::agent::records::{Consumed, Produced};
use crate::agent::rest::Response;
use crate::agent::workload::Done;
use crate::agent::workload::compare::Compared;
use crate::kubernetes::exec::{self, Running};
use crate::kubernetes::operator::is_ready;
use crate::wait::{said, seconds};

pub const IMAGE: &str = "docker.io/sluice/e2e:dev";
pub const POD: &str = "agent";
const BINARY: &str = "/usr/local/bin/e2e";

#[derive(Clone)]
pub struct Agent {
    pods: Api<Pod>,
}

/// A producer that goes on until it is asked to end.
pub struct Producing(Running);

impl Agent {
    pub async fn start(place: &Place) -> Result<Self> {
        let pods: Api<Pod> = place.space.api();
        let body = json!({"spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": POD, "image": IMAGE, "imagePullPolicy": "IfNotPresent", "args": ["agent", "serve"],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        }});
        place.apply_object::<Pod>(POD, body).await?;
        place
            .eventually("the agent pod", seconds(60), async || {
                let pod = pods.get(POD).await.map_err(said)?;
                is_ready(&pod).then_some(()).ok_or_else(|| waiting(&pod))
            })
            .await?;
        Ok(Self { pods })
    }

    async fn ask<T: DeserializeOwned>(&self, args: &[&str]) -> Result<T> {
        let command = [&[BINARY, "agent"], args].concat();
        let text = exec::run(&self.pods, POD, POD, &command).await?;
        parse(&text)
    }

    pub async fn produce(&self, bootstrap: &str, topic: &str, count: u64, prefix: &str) -> Result<Produced> {
        let count = count.to_string();
        let args =
            ["produce", "--bootstrap", bootstrap, "--topic", topic, "--count", &count, "--prefix", prefix];
        self.ask(&args).await
    }

    /// As somebody, with these settings of a client.
    pub async fn produce_and_consume(
        &self,
        settings: &[String],
        bootstrap: &str,
        topic: &str,
        count: u64,
        prefix: &str,
    ) -> Result<(Produced, Consumed)> {
        let place = ["--bootstrap", bootstrap, "--topic", topic, "--prefix", prefix];
        let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting.as_str()]).collect();
        let count = count.to_string();
        let produced = self.ask(&[&["produce", "--count", &count], &place[..], &settings].concat()).await?;
        let consumed = self.ask(&[&["consume"], &place[..], &settings].concat()).await?;
        Ok((produced, consumed))
    }

    /// As a user, with the settings that its Secret means. Gives up soon: who is not let in tries for ever.
    pub async fn produce_as(&self, settings: &[String], bootstrap: &str, topic: &str) -> Result<Produced> {
        let mut args = vec!["produce", "--bootstrap", bootstrap, "--topic", topic, "--count", "10"];
        args.extend(["--patience-ms", "6000"]);
        args.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
        self.ask(&args).await
    }

    /// One record with this value, whatever it means to its readers.
    pub async fn produce_value(&self, bootstrap: &str, topic: &str, value: &str) -> Result<Produced> {
        let args = ["produce", "--bootstrap", bootstrap, "--topic", topic, "--count", "1", "--value", value];
        self.ask(&args).await
    }

    /// As many records of as many bytes, all alike.
    pub async fn fill(&self, bootstrap: &str, topic: &str, count: u64, bytes: usize) -> Result<()> {
        let (count, value) = (count.to_string(), "x".repeat(bytes));
        let args =
            ["produce", "--bootstrap", bootstrap, "--topic", topic, "--count", &count, "--value", &value];
        let produced: Produced = self.ask(&args).await?;
        anyhow::ensure!(produced.failed == 0, "{produced:?}");
        Ok(())
    }

    pub async fn start_producing(&self, bootstrap: &str, topic: &str, prefix: &str) -> Result<Producing> {
        let args =
            [BINARY, "agent", "produce", "--bootstrap", bootstrap, "--topic", topic, "--prefix", prefix];
        let more = ["--rate", "100", "--patience-ms", "60000"];
        Ok(Producing(exec::start(&self.pods, POD, POD, &[&args[..], &more].concat()).await?))
    }

    /// As [`Self::start_producing`]; a record is given up only when nothing was acknowledged for minutes.
    pub async fn start_numbered(&self, bootstrap: &str, topic: &str) -> Result<Producing> {
        let args = [BINARY, "agent", "produce", "--bootstrap", bootstrap, "--topic", topic, "--prefix", "n"];
        let more = ["--rate", "100", "--patience-ms", "300000"];
        Ok(Producing(exec::start(&self.pods, POD, POD, &[&args[..], &more].concat()).await?))
    }

    /// Looks for every record of [`Self::start_numbered`] that was acknowledged.
    pub async fn consume_numbered(
        &self,
        bootstrap: &str,
        topic: &str,
        produced: &Produced,
    ) -> Result<Consumed> {
        let numbers = (produced.acked + produced.failed).to_string();
        let but = numbers::told(&produced.unacknowledged);
        let mut args = vec!["consume", "--bootstrap", bootstrap, "--topic", topic, "--prefix", "n"];
        args.extend(["--numbers", &numbers, "--patience-s", "120"]);
        if !but.is_empty() {
            args.extend(["--but", &but]);
        }
        self.ask(&args).await
    }

    pub async fn consume(&self, bootstrap: &str, topic: &str, prefix: &str) -> Result<Consumed> {
        self.ask(&["consume", "--bootstrap", bootstrap, "--topic", topic, "--prefix", prefix]).await
    }

    pub async fn values(&self, bootstrap: &str, topic: &str, first: usize) -> Result<Consumed> {
        self.ask(&["consume", "--bootstrap", bootstrap, "--topic", topic, "--values", &first.to_string()])
            .await
    }

    pub async fn topics(&self, bootstrap: &str) -> Result<Vec<TopicFacts>> {
        self.ask(&["topics", "--bootstrap", bootstrap]).await
    }

    pub async fn topic(&self, bootstrap: &str, name: &str) -> Result<Option<TopicFacts>> {
        Ok(self.topics(bootstrap).await?.into_iter().find(|topic| topic.name == name))
    }

    pub async fn topic_configs(&self, bootstrap: &str, topic: &str) -> Result<BTreeMap<String, String>> {
        self.ask(&["configs", "--bootstrap", bootstrap, "--topic", topic]).await
    }

    pub async fn broker_configs(&self, bootstrap: &str, broker: i32) -> Result<BTreeMap<String, String>> {
        self.ask(&["configs", "--bootstrap", bootstrap, "--broker", &broker.to_string()]).await
    }

    /// `create 3 1 key=value…`, `grow 5`, `config key=value…` or `delete`.
    pub async fn meddle(&self, bootstrap: &str, topic: &str, change: &[&str]) -> Result<()> {
        self.ask(&[&["meddle", "--bootstrap", bootstrap, "--topic", topic], change].concat()).await
    }

    /// By ways that should be shut, and with each of these: what it is called, a certificate, and its key.
    pub async fn knock(&self, bootstrap: &str, forge: &str, shown: &[[&str; 3]]) -> Result<Knocked> {
        let mut args = vec!["knock", "--bootstrap", bootstrap, "--forge", forge];
        for shown in shown {
            args.push("--show");
            args.extend(shown);
        }
        self.ask(&args).await
    }

    /// The last statement's rows.
    pub async fn sql(&self, dsn: &str, statements: &[&str]) -> Result<Vec<Map<String, Value>>> {
        self.ask(&[&["sql", "--dsn", dsn, "--"], statements].concat()).await
    }

    /// The first column of the first row, as text.
    pub async fn sql_value(&self, dsn: &str, query: &str) -> Result<String> {
        let rows = self.sql(dsn, &[query]).await?;
        let value = rows.first().and_then(|row| row.values().next()).and_then(Value::as_str);
        value.map(str::to_owned).with_context(|| format!("{query}: no value"))
    }

    pub async fn latency(&self, args: &[&str]) -> Result<Latency> {
        self.ask(&[&["latency"], args].concat()).await
    }

    /// Transactions of the reference workload, so many a second; none: makes its tables.
    pub async fn workload(&self, dsn: &str, seed: u64, transactions: u64, rate: u64) -> Result<Done> {
        let [seed, count, rate] = [seed, transactions, rate].map(|number| number.to_string());
        let mut args =
            vec!["workload", "--dsn", dsn, "--seed", &seed, "--transactions", &count, "--rate", &rate];
        args.extend((transactions == 0).then_some("--schema"));
        self.ask(&args).await
    }

    /// The same until it is asked to end, whatever becomes of the database meanwhile.
    pub async fn start_trading(&self, dsn: &str, seed: u64, rate: u64) -> Result<Trading> {
        let [seed, rate] = [seed, rate].map(|number| number.to_string());
        let args = [BINARY, "agent", "workload", "--dsn", dsn, "--seed", &seed, "--rate", &rate];
        let more = ["--patience-s", "180"];
        Ok(Trading(exec::start(&self.pods, POD, POD, &[&args[..], &more].concat()).await?))
    }

    /// Row by row, what the shop's sink has against its source.
    pub async fn compare(&self, shop: &Shop, tables: &[&str]) -> Result<Compared> {
        let sides = ["compare", "--source-dsn", &shop.source, "--sink-dsn", &shop.sink, "--"];
        self.ask(&[&sides[..], tables].concat()).await
    }

    pub async fn rest(&self, method: &str, url: &str, body: Option<&Value>) -> Result<Response> {
        let body = body.map(Value::to_string);
        let mut args = vec!["rest", method, url];
        args.extend(body.as_deref());
        self.ask(&args).await
    }
}

/// A shop that goes on until it is asked to close.
pub struct Trading(Running);

impl Trading {
    pub async fn finish(self) -> Result<Done> {
        parse(&self.0.finish().await?)
    }
}

impl Producing {
    pub async fn finish(self) -> Result<Produced> {
        parse(&self.0.finish().await?)
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    let Some(line) = text.lines().last() else { bail!("the agent said nothing") };
    serde_json::from_str(line).with_context(|| format!("the agent said {line}"))
}

fn waiting(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let container =
        status.and_then(|s| s.container_statuses.as_ref()?.first()?.state.as_ref()?.waiting.as_ref());
    container.map_or_else(
        || format!("phase {}", status.and_then(|s| s.phase.as_deref()).unwrap_or("unknown")),
        |w| {
            format!(
                "{} {}",
                w.reason.as_deref().unwrap_or_default(),
                w.message.as_deref().unwrap_or_default()
            )
        },
    )
}
