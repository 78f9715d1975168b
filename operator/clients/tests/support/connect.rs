//! A distributed Connect worker on a free loopback port, beside a broker of `kafka`.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sluice_clients::connect::{Client, Deadlines};

use super::jars::libs;
use super::kafka::{self, Kafka, free_port};
use super::process::Jvm;

const START: Duration = Duration::from_mins(4);

pub struct Connect {
    pub port: u16,
    /// Where `${secrets:DIR:KEY}` is read from.
    pub secrets: PathBuf,
    pub process: Jvm,
    dir: tempfile::TempDir,
}

/// The worker that all tests of one binary share; each makes connectors of its own name.
pub async fn shared() -> &'static Connect {
    static SHARED: OnceLock<Connect> = OnceLock::new();
    let kafka = kafka::shared().await;
    let connect = tokio::task::spawn_blocking(|| SHARED.get_or_init(|| Connect::start(kafka, "")))
        .await
        .expect("start Connect");
    connect.ready().await;
    connect
}

/// What `main` does first in the operator.
pub fn crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default(); // an error means that it was done before
}

impl Connect {
    /// `extra`: further lines of `worker.properties`.
    pub fn start(kafka: &Kafka, extra: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("sluice-connect-").tempdir().expect("temporary directory");
        let secrets = dir.path().join("secrets");
        std::fs::create_dir(&secrets).expect("directory of secrets");
        let port = free_port();
        let properties = format!(
            "bootstrap.servers={}\ngroup.id=connect-{port}\nlisteners=http://127.0.0.1:{port}\n\
             rest.advertised.host.name=127.0.0.1\n\
             config.storage.topic=connect-{port}-configs\nconfig.storage.replication.factor=1\n\
             offset.storage.topic=connect-{port}-offsets\noffset.storage.replication.factor=1\n\
             offset.storage.partitions=1\noffset.flush.interval.ms=200\n\
             status.storage.topic=connect-{port}-status\nstatus.storage.replication.factor=1\n\
             status.storage.partitions=1\n\
             key.converter=org.apache.kafka.connect.json.JsonConverter\n\
             value.converter=org.apache.kafka.connect.json.JsonConverter\n\
             config.providers=secrets\n\
             config.providers.secrets.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider\n\
             config.providers.secrets.param.allowed.paths={}\n{extra}\n",
            kafka.bootstrap().join(","),
            secrets.display()
        );
        let file = dir.path().join("worker.properties");
        std::fs::write(&file, properties).expect("worker.properties");
        let main = "org.apache.kafka.connect.cli.ConnectDistributed";
        let args = [main, &file.display().to_string()];
        let process = Jvm::start(libs(), "-Xmx384m", &args, None, &dir.path().join("connect.log"));
        Self { port, secrets, process, dir }
    }

    pub fn client(&self) -> Client {
        crypto();
        let base = format!("http://127.0.0.1:{}", self.port).parse().expect("an URL");
        Client::new(base, Deadlines::default())
    }

    /// Waits until the worker has joined its group and read its config topic: before that it knows no connector.
    pub async fn ready(&self) {
        let client = self.client();
        let start = Instant::now();
        loop {
            let seen = client.healthy().await;
            if seen.is_ok() {
                return;
            }
            assert!(
                start.elapsed() < START,
                "Connect is not up after {START:?}; last look: {seen:?}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("connect.log")).unwrap_or_default()
    }

    pub fn write_secret(&self, key: &str, value: &str) {
        std::fs::write(self.secrets.join(key), value).expect("secret");
    }
}
