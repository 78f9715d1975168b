//! Topics and configs as Kafka has them, and changes made behind the operator's back.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

const PATIENCE: Duration = Duration::from_secs(15);

/// How a topic lies on the brokers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicFacts {
    pub name: String,
    pub partitions: Vec<PartitionFacts>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionFacts {
    pub id: i32,
    pub leader: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

impl PartitionFacts {
    pub fn is_behind(&self) -> bool {
        self.isr.len() < self.replicas.len()
    }
}

#[derive(clap::Args)]
pub struct Topics {
    #[arg(long)]
    pub bootstrap: String,
}

#[derive(clap::Args)]
pub struct Configs {
    #[arg(long)]
    pub bootstrap: String,
    #[arg(long, conflicts_with = "broker", required_unless_present = "broker")]
    pub topic: Option<String>,
    #[arg(long)]
    pub broker: Option<i32>,
}

#[derive(clap::Args)]
pub struct Meddle {
    #[arg(long)]
    pub bootstrap: String,
    #[arg(long)]
    pub topic: String,
    #[command(subcommand)]
    pub change: Change,
}

#[derive(clap::Subcommand)]
pub enum Change {
    Create {
        partitions: i32,
        replication: i32,
        config: Vec<String>,
    },
    Grow {
        partitions: usize,
    },
    /// Replaces the topic's whole configuration
    Config {
        config: Vec<String>,
    },
    Delete,
    /// Removes all records of partition 0, as retention does
    Trim,
}

/// Every topic; blocking calls of librdkafka on a thread of their own.
pub async fn topics(args: Topics) -> Result<Vec<TopicFacts>> {
    tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client(&args.bootstrap).create()?;
        let metadata = consumer.fetch_metadata(None, PATIENCE).context("fetch metadata")?;
        let mut topics: Vec<TopicFacts> = metadata.topics().iter().map(facts).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    })
    .await?
}

fn facts(topic: &rdkafka::metadata::MetadataTopic) -> TopicFacts {
    let mut partitions: Vec<PartitionFacts> = topic
        .partitions()
        .iter()
        .map(|p| PartitionFacts {
            id: p.id(),
            leader: p.leader(),
            replicas: p.replicas().to_vec(),
            isr: p.isr().to_vec(),
        })
        .collect();
    partitions.sort_by_key(|p| p.id);
    TopicFacts { name: topic.name().into(), partitions }
}

/// Effective values; sensitive ones are left out.
pub async fn configs(args: Configs) -> Result<BTreeMap<String, String>> {
    let what = match (&args.topic, args.broker) {
        (Some(topic), _) => ResourceSpecifier::Topic(topic),
        (None, Some(id)) => ResourceSpecifier::Broker(id),
        (None, None) => bail!("--topic or --broker"),
    };
    let found = admin(&args.bootstrap)?.describe_configs(&[what], &options()).await?;
    let Some(resource) = found.into_iter().next() else { bail!("Kafka described nothing") };
    let resource = resource.map_err(|code| anyhow::anyhow!("describe configs: {code}"))?;
    Ok(resource.entries.into_iter().filter_map(|e| Some((e.name, e.value?))).collect())
}

pub async fn meddle(args: Meddle) -> Result<()> {
    let admin = admin(&args.bootstrap)?;
    let (name, options) = (args.topic.as_str(), options());
    let done = match &args.change {
        Change::Create { partitions, replication, config } => {
            let new = pairs(config)?.into_iter().fold(
                NewTopic::new(name, *partitions, TopicReplication::Fixed(*replication)),
                |topic, (key, value)| topic.set(key, value),
            );
            admin.create_topics([&new], &options).await?
        }
        Change::Grow { partitions } => {
            admin.create_partitions([&NewPartitions::new(name, *partitions)], &options).await?
        }
        Change::Delete => admin.delete_topics(&[name], &options).await?,
        Change::Trim => {
            let mut all = TopicPartitionList::new();
            all.add_partition_offset(name, 0, Offset::End)?;
            admin.delete_records(&all, &options).await?;
            return Ok(());
        }
        Change::Config { config } => return replace(&admin, name, config).await,
    };
    for result in done {
        result.map_err(|(topic, code)| anyhow::anyhow!("{topic}: {code}"))?;
    }
    Ok(())
}

async fn replace(admin: &AdminClient<DefaultClientContext>, topic: &str, config: &[String]) -> Result<()> {
    let mut new = AlterConfig::new(ResourceSpecifier::Topic(topic));
    for (key, value) in pairs(config)? {
        new = new.set(key, value);
    }
    for result in admin.alter_configs([&new], &options()).await? {
        result.map_err(|(what, code)| anyhow::anyhow!("alter configs of {what:?}: {code}"))?;
    }
    Ok(())
}

fn pairs(config: &[String]) -> Result<Vec<(&str, &str)>> {
    config.iter().map(|pair| pair.split_once('=').with_context(|| format!("{pair}: KEY=VALUE"))).collect()
}

fn admin(bootstrap: &str) -> Result<AdminClient<DefaultClientContext>> {
    Ok(client(bootstrap).create()?)
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE))
}

pub fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("client.id", "e2e-agent");
    config
}
