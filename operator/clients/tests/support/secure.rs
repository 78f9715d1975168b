//! Kafka nodes with the very configuration that Sluice renders, on loopback ports: only places are others.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_clients::kafka::{Client, Options, tls};
use sluice_core::cluster::desired::{MayFound, Standing, build};
use sluice_core::cluster::{self, Wanted, certificates};
use sluice_core::pki::Subject;
use sluice_crds::KafkaCluster;

use super::jars::libs;
use super::kafka::free_port;
use super::process::Jvm;
use super::tls::Authority;

const START: Duration = Duration::from_mins(4);
const HOST: &str = "127.0.0.1";
const MOUNT: &str = "/opt/sluice/certificates";
const CLIENTS_MOUNT: &str = "/opt/sluice/clients";

pub struct Secure {
    pub wanted: Wanted,
    pub ca: Authority,
    /// Of users.
    pub clients: Authority,
    pub nodes: Vec<Node>,
    _dir: tempfile::TempDir,
}

pub struct Node {
    /// The name that it has in Kubernetes, by which the others reach it: that is what its certificate says.
    pub host: String,
    /// Port of each listener, by Kafka's name.
    ports: Vec<(String, u16)>,
    dir: PathBuf,
    process: Option<Jvm>,
}

/// A certificate's subject in the cluster that is started here.
pub fn subject(name: &str) -> Subject {
    Subject::new("web", "shop", name)
}

fn wanted(listeners: &Value) -> Wanted {
    let cluster: KafkaCluster = serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "KafkaCluster",
        "metadata": { "name": "shop", "namespace": "web", "uid": "1" },
        "spec": {
            "pools": [{ "name": "kafka", "replicas": 3 }],
            "listeners": listeners,
            "config": { "group.initial.rebalance.delay.ms": 0, "offsets.topic.num.partitions": 4 },
        },
    }))
    .expect("a KafkaCluster");
    cluster::validate(&cluster).expect("a valid one").certified(&[("kafka".to_owned(), 1)].into())
}

impl Secure {
    /// Formats and starts three nodes; the first alone is a voter.
    pub fn start(listeners: &Value) -> Self {
        let wanted = wanted(listeners);
        let dir = tempfile::Builder::new().prefix("sluice-secure-").tempdir().expect("temporary directory");
        let (ca, clients) = (Authority::new(), Authority::new());
        let standing = Standing { may_found: MayFound::First(0), ..Standing::default() };
        let map = build(&wanted, &standing).config_maps.remove(0).data.expect("data");
        let text = &map.iter().find(|(key, _)| key.starts_with("server.")).expect("server.properties").1;
        let mut nodes: Vec<_> =
            (0..3).map(|id| Node::new(id, dir.path(), text, &wanted, [&ca, &clients])).collect();
        let controllers: Vec<_> =
            nodes.iter().map(|node| format!("{}:{}", node.host, node.port("CONTROLLER"))).collect();
        let hosts = nodes.iter().fold(String::new(), |mut all, node| {
            let _ = writeln!(all, "{HOST} {}", node.host);
            all
        });
        std::fs::write(dir.path().join("hosts"), hosts).expect("hosts");
        let formats: Vec<_> = nodes
            .iter()
            .enumerate()
            .map(|(id, node)| node.format(id, text, &controllers.join(","), &wanted))
            .collect();
        for (format, node) in formats.into_iter().zip(&nodes) {
            assert!(format.wait(), "StorageTool failed:\n{}", node.log("format"));
        }
        nodes.iter_mut().for_each(Node::start);
        Self { wanted, ca, clients, nodes, _dir: dir }
    }

    /// A client that shows a certificate of this name.
    pub fn client(&self, name: &str) -> Client {
        self.client_of(&self.ca, &subject(name), "INTERNAL")
    }

    pub fn client_of(&self, ca: &Authority, subject: &Subject, listener: &str) -> Client {
        let own = ca.issue(subject, &[]);
        let config = tls::mutual(self.ca.pem().as_bytes(), own.as_bytes(), own.as_bytes()).expect("TLS");
        Client::new(Options { tls: Some(config.into()), ..self.plain(listener) })
    }

    pub fn plain(&self, listener: &str) -> Options {
        let all: Vec<_> = self.nodes.iter().map(|node| format!("{HOST}:{}", node.port(listener))).collect();
        Options::plain(all.iter().map(String::as_str)).expect("addresses")
    }

    /// Runs one of Kafka's own tools on a listener, with these properties of a client, and a node's stores. Whether it went well,
    /// and what it said.
    pub async fn tool(&self, class: &str, listener: &str, properties: &str, args: &[&str]) -> (bool, String) {
        let node = &self.nodes[0];
        let dir = tempfile::tempdir_in(&node.dir).expect("directory of a tool");
        let (config, log) = (dir.path().join("properties"), dir.path().join("log"));
        let trusted = node.dir.join("ca.crt");
        let keys = format!(
            "{properties}\nssl.truststore.type=PEM\nssl.truststore.location={}\ndefault.api.timeout.ms=10000\n\
             request.timeout.ms=5000\n",
            trusted.display()
        );
        std::fs::write(&config, keys).expect("properties of a tool");
        let (config, address) = (config.display().to_string(), format!("{HOST}:{}", node.port(listener)));
        let args = [&[class, "--bootstrap-server", &address, "--command-config", &config], args].concat();
        let jvm = Jvm::start(libs(), "-Xmx128m", &args, None, &log);
        let done = tokio::task::spawn_blocking(move || jvm.wait()).await.expect("wait for a tool");
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        // the console tools report errors in words and exit with 0
        (done && !said.contains("ERROR") && !said.contains("Exception"), said)
    }

    /// Waits until all brokers serve.
    pub async fn ready(&self) {
        let client = self.client("operator").within(Duration::from_secs(2));
        let start = Instant::now();
        loop {
            let seen = client.describe_cluster().await;
            if seen.as_ref().is_ok_and(|seen| seen.brokers.values().filter(|b| !b.fenced).count() == 3) {
                return;
            }
            if start.elapsed() > START {
                let logs = self.nodes.iter().fold(String::new(), |mut all, node| {
                    let _ = writeln!(all, "{}", node.log("kafka"));
                    all
                });
                panic!("Kafka is not up after {START:?}; last look: {seen:?}\n{logs}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Node {
    fn new(id: i32, parent: &Path, text: &str, wanted: &Wanted, [ca, clients]: [&Authority; 2]) -> Self {
        let dir = parent.join(format!("node-{id}"));
        std::fs::create_dir(&dir).expect("directory of a node");
        let node = certificates::leaves(wanted).into_iter().find(|leaf| leaf.pool.is_some());
        let identity = node.expect("the certificate of a pool").identity;
        // tests themselves know no names
        let names: Vec<_> = identity.names.iter().map(String::as_str).chain([HOST]).collect();
        std::fs::write(dir.join("keystore.pem"), ca.issue(&identity.subject, &names)).expect("keystore");
        let hosts = parent.join("hosts");
        let options = format!("-Xmx320m\n-Djdk.net.hosts.file={}\n", hosts.display());
        std::fs::write(dir.join("java"), options).expect("options of java");
        std::fs::write(dir.join("ca.crt"), ca.pem()).expect("truststore");
        std::fs::create_dir(dir.join("clients")).expect("directory of the clients' truststore");
        std::fs::write(dir.join("clients/ca.crt"), clients.pem()).expect("truststore of clients");
        let listeners = text.lines().find_map(|line| line.strip_prefix("listeners=")).expect("listeners");
        let names = listeners.split(',').filter_map(|listener| listener.split_once("://"));
        let host = wanted.host(&wanted.pools[0], id);
        Self {
            host,
            ports: names.map(|(name, _)| (name.to_owned(), free_port())).collect(),
            dir,
            process: None,
        }
    }

    pub fn port(&self, listener: &str) -> u16 {
        self.ports.iter().find(|(name, _)| name == listener).expect("a listener of this name").1
    }

    fn file(&self) -> String {
        self.dir.join("server.properties").display().to_string()
    }

    fn format(&self, id: usize, text: &str, controllers: &str, wanted: &Wanted) -> Jvm {
        let listeners: Vec<_> =
            self.ports.iter().map(|(name, port)| format!("{name}://{HOST}:{port}")).collect();
        let listeners = listeners.join(",");
        let advertised = self.ports.iter().map(|(name, port)| {
            let own = ["CONTROLLER", "INTERNAL"].contains(&name.as_str());
            format!("{name}://{}:{port}", if own { self.host.as_str() } else { HOST })
        });
        let advertised = advertised.collect::<Vec<_>>().join(",");
        let mut properties = text.replace(MOUNT, &self.dir.display().to_string());
        properties = properties.replace(CLIENTS_MOUNT, &self.dir.join("clients").display().to_string());
        // of a key that stands twice the last one counts
        let _ = write!(
            properties,
            "node.id={id}\nlisteners={listeners}\nadvertised.listeners={advertised}\n\
             controller.quorum.bootstrap.servers={controllers}\nlog.dirs={}\n",
            self.dir.join("data").display()
        );
        std::fs::write(self.file(), properties).expect("server.properties");
        let how = if id == 0 { "--standalone" } else { "--no-initial-controllers" };
        let file = self.file();
        let args = ["kafka.tools.StorageTool", "format", "-t", &wanted.cluster_id, "-c", &file, how];
        Jvm::start(libs(), "-Xmx128m", &args, None, &self.dir.join("format.log"))
    }

    fn start(&mut self) {
        let log = self.dir.join("kafka.log");
        let options = format!("@{}", self.dir.join("java").display());
        self.process = Some(Jvm::start(libs(), &options, &["kafka.Kafka", &self.file()], None, &log));
    }

    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default()
    }
}
