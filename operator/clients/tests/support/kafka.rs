//! Kafka nodes (KRaft, combined roles, dynamic quorum) on free loopback ports in a temporary directory.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sluice_clients::kafka::{Client, Options};

use super::jars::libs;
use super::process::Jvm;
use super::tls::Authority;

/// Base64 of 16 bytes, as all of Kafka's ids.
pub const CLUSTER_ID: &str = "c2x1aWNlLXRlc3RzLTAwMQ";

const START: Duration = Duration::from_mins(4);

/// One node: its configuration stays when its process is killed, so it can return on the same ports.
pub struct Node {
    pub id: i32,
    pub port: u16,
    pub tls_port: u16,
    /// Clients must show a certificate of the same CA.
    pub mtls_port: u16,
    pub controller_port: u16,
    pub dir: PathBuf,
    process: Option<Jvm>,
}

pub struct Kafka {
    pub nodes: Vec<Node>,
    /// Of the TLS listeners.
    pub ca: Authority,
    dir: tempfile::TempDir,
}

/// The broker that all tests of one binary share. It is up when this returns; it dies with the process.
pub async fn shared() -> &'static Kafka {
    static SHARED: OnceLock<Kafka> = OnceLock::new();
    let kafka = tokio::task::spawn_blocking(|| SHARED.get_or_init(|| Kafka::start(1, "")))
        .await
        .expect("start Kafka");
    kafka.ready().await;
    kafka
}

impl Kafka {
    /// Formats and starts `count` nodes with ids from 1. The first alone makes the quorum; the others are
    /// observers of it until somebody adds them as voters.
    pub fn start(count: i32, extra: &str) -> Self {
        check_java();
        let dir = directory();
        let mut nodes: Vec<_> = (1..=count).map(|id| Node::new(id, dir.path())).collect();
        let bootstrap =
            nodes.iter().map(|n| format!("127.0.0.1:{}", n.controller_port)).collect::<Vec<_>>().join(",");
        let ca = Authority::new();
        for node in &nodes {
            std::fs::write(node.truststore(), ca.pem()).expect("truststore");
            std::fs::write(node.keystore(), ca.keystore(&["127.0.0.1", "localhost"])).expect("keystore");
        }
        let formats: Vec<_> = nodes.iter().map(|node| node.format(&bootstrap, count, extra)).collect();
        for (format, node) in formats.into_iter().zip(&nodes) {
            assert!(format.wait(), "StorageTool failed:\n{}", node.log("format"));
        }
        nodes.iter_mut().for_each(Node::start);
        Self { nodes, ca, dir }
    }

    pub fn bootstrap(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect()
    }

    pub fn options(&self) -> Options {
        Options::plain(self.bootstrap().iter().map(String::as_str)).expect("addresses")
    }

    pub fn client(&self) -> Client {
        Client::new(self.options())
    }

    /// Runs one of Kafka's own tools to its end, with `--bootstrap-server` and these arguments and this
    /// standard input.
    pub async fn tool(&self, class: &str, args: &[&str], input: &str) {
        let dir = tempfile::tempdir_in(self.dir.path()).expect("directory of a tool");
        let (stdin, log) = (dir.path().join("stdin"), dir.path().join("log"));
        std::fs::write(&stdin, input).expect("input of a tool");
        let bootstrap = self.bootstrap().join(",");
        let args = [&[class, "--bootstrap-server", &bootstrap], args].concat();
        let jvm = Jvm::start(libs(), "-Xmx128m", &args, Some(&stdin), &log);
        let done = tokio::task::spawn_blocking(move || jvm.wait()).await.expect("wait for a tool");
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        // the console tools report errors in words and exit with 0
        assert!(done && !said.contains("ERROR"), "{class} failed:\n{said}");
    }

    /// Waits until all nodes are registered and none is fenced.
    pub async fn ready(&self) {
        let client = self.client().within(Duration::from_secs(2));
        let start = Instant::now();
        loop {
            let seen = client.describe_cluster().await;
            let up = seen.as_ref().is_ok_and(|seen| {
                self.nodes.iter().all(|node| seen.brokers.get(&node.id).is_some_and(|broker| !broker.fenced))
            });
            if up {
                return;
            }
            if start.elapsed() > START {
                let logs = self.nodes.iter().fold(String::new(), |mut all, node| {
                    let _ = writeln!(all, "node {}:\n{}", node.id, node.log("kafka"));
                    all
                });
                panic!("Kafka is not up after {START:?}; last look: {seen:?}\n{logs}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Node {
    fn new(id: i32, parent: &Path) -> Self {
        let dir = parent.join(format!("node-{id}"));
        std::fs::create_dir(&dir).expect("directory of a node");
        Self {
            id,
            port: free_port(),
            tls_port: free_port(),
            mtls_port: free_port(),
            controller_port: free_port(),
            dir,
            process: None,
        }
    }

    fn properties(&self) -> String {
        self.dir.join("server.properties").display().to_string()
    }

    fn keystore(&self) -> PathBuf {
        self.dir.join("keystore.pem")
    }

    fn truststore(&self) -> PathBuf {
        self.dir.join("truststore.pem")
    }

    pub fn tls_address(&self) -> String {
        format!("127.0.0.1:{}", self.tls_port)
    }

    fn format(&self, bootstrap: &str, count: i32, extra: &str) -> Jvm {
        let (id, port, controller, data) = (self.id, self.port, self.controller_port, self.dir.join("data"));
        let (tls, mtls, keystore, truststore) =
            (self.tls_port, self.mtls_port, self.keystore(), self.truststore());
        let replicas = count.min(3);
        let properties = format!(
            "node.id={id}
process.roles=broker,controller
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},\
TLS://127.0.0.1:{tls},MTLS://127.0.0.1:{mtls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,MTLS:SSL
ssl.keystore.type=PEM
ssl.keystore.location={}
ssl.truststore.type=PEM
ssl.truststore.location={}
listener.name.mtls.ssl.client.auth=required
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={bootstrap}
log.dirs={}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor={replicas}
{extra}
",
            keystore.display(),
            truststore.display(),
            data.display()
        );
        std::fs::write(self.properties(), properties).expect("server.properties");
        let role = if id == 1 { "--standalone" } else { "--no-initial-controllers" };
        let args = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", &self.properties(), role];
        Jvm::start(libs(), "-Xmx128m", &args, None, &self.dir.join("format.log"))
    }

    /// Starts its process, again if it was killed.
    pub fn start(&mut self) {
        let log = self.dir.join("kafka.log");
        self.process = Some(Jvm::start(libs(), "-Xmx384m", &["kafka.Kafka", &self.properties()], None, &log));
    }

    pub fn kill(&mut self) {
        self.process = None;
    }

    pub fn process(&self) -> &Jvm {
        self.process.as_ref().expect("the node runs")
    }

    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default()
    }
}

/// Free now; Kafka's controllers must know their own port before they start, so the kernel cannot choose it
/// for them.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A new directory that names this process. Statics are not dropped, and a run can be killed, so the
/// directories of processes that are gone are removed here.
fn directory() -> tempfile::TempDir {
    for left in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = left.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("sluice-kafka-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = std::fs::remove_dir_all(left.path());
        }
    }
    let prefix = format!("sluice-kafka-{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir().expect("temporary directory")
}

fn check_java() {
    let java = std::process::Command::new("java").arg("-version").output();
    assert!(
        java.is_ok_and(|java| java.status.success()),
        "java is missing: install a JRE 17 or later, these tests start real brokers"
    );
}
