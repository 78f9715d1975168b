//! A PostgreSQL server of the installed version (`SLUICE_POSTGRES_BIN`, else the newest of `/usr/lib/postgresql`), on a
//! free loopback port in a temporary directory. It dies with the process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use sluice_clients::postgres::{Password, Session, Target};

use super::kafka::free_port;
use super::process::Jvm;
use super::tls::Authority;

const START: Duration = Duration::from_mins(1);
pub const ADMIN: &str = "postgres";
/// Of every role in these tests.
pub const SECRET: &str = "se'cret \\ of tests";

static BIN: LazyLock<PathBuf> = LazyLock::new(find);

/// Cells as text; `None` is NULL.
pub type Rows = Vec<Vec<Option<String>>>;

pub struct Postgres {
    pub port: u16,
    process: Option<Jvm>,
    settings: Vec<String>,
    dir: tempfile::TempDir,
}

impl Postgres {
    /// Starts a new server with these settings, `wal_level=logical` for example. It is up when this returns.
    pub async fn start(settings: &[&str]) -> Self {
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = tokio::task::spawn_blocking(|| Self::init(settings)).await.expect("initdb");
        server.up().await;
        server
    }

    fn init(settings: Vec<String>) -> Self {
        let dir = tempfile::Builder::new().prefix("sluice-postgres-").tempdir().expect("temporary directory");
        let password = dir.path().join("password");
        std::fs::write(&password, SECRET).expect("password file");
        own(dir.path());
        own(&password);
        let data = dir.path().join("data");
        let mut initdb = as_postgres("initdb");
        initdb.args(["--no-sync", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-U", ADMIN]);
        initdb.arg("--pwfile").arg(&password).arg("-D").arg(&data);
        let said = initdb.output().expect("setpriv (Debian package util-linux) is needed");
        assert!(said.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&said.stderr));
        Self { port: free_port(), process: None, settings, dir }
    }

    /// Starts the server, again if it was killed, and waits until it takes statements.
    pub async fn up(&mut self) {
        let mut command = as_postgres("postgres");
        command.arg("-D").arg(self.dir.path().join("data")).arg("-k").arg(self.dir.path());
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        self.process = Some(Jvm::spawn(command, None, &self.log_file()));
        let start = Instant::now();
        loop {
            match Session::enter(&self.target("postgres", ADMIN)).await {
                Ok(_) => return,
                Err(error) => assert!(
                    start.elapsed() < START,
                    "PostgreSQL is not up after {START:?}: {error:?}\n{}",
                    std::fs::read_to_string(self.log_file()).unwrap_or_default()
                ),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn kill(&mut self) {
        self.process = None;
        // what a crash leaves would keep the next server from starting until the kernel has ended all of this one
        std::thread::sleep(Duration::from_millis(300));
    }

    pub fn process(&self) -> &Jvm {
        self.process.as_ref().expect("the server runs")
    }

    /// Adds a setting for the next start.
    pub fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    pub fn target(&self, database: &str, user: &str) -> Target {
        Target::new("127.0.0.1", self.port, database, user, Password::new(SECRET))
    }

    pub async fn session(&self, database: &str, user: &str) -> Session {
        Session::enter(&self.target(database, user)).await.expect("enter")
    }

    /// Runs statements as the superuser.
    pub async fn sql(&self, database: &str, statements: &[&str]) {
        for statement in statements {
            self.rows(database, statement).await;
        }
    }

    /// Rows as text, asked by the superuser.
    pub async fn rows(&self, database: &str, query: &str) -> Rows {
        self.ask(database, query).await.expect(query)
    }

    /// The same; `None` where the server refuses the query or is away.
    pub async fn try_rows(&self, database: &str, query: &str) -> Option<Rows> {
        self.ask(database, query).await.ok()
    }

    async fn ask(&self, database: &str, query: &str) -> Result<Rows, tokio_postgres::Error> {
        use tokio_postgres::SimpleQueryMessage;
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).dbname(database).user(ADMIN).password(SECRET);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
        let driver = tokio::spawn(connection);
        let answer = client.simple_query(query).await;
        driver.abort();
        let cells = |row: &tokio_postgres::SimpleQueryRow| {
            (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()
        };
        let rows = answer?.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(cells(&row)),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// Lets everybody in as `pg_hba.conf` says from now on.
    pub async fn admit(&self, hba: &str) {
        let file = self.dir.path().join("data/pg_hba.conf");
        std::fs::write(file, hba).expect("pg_hba.conf");
        self.rows("postgres", "SELECT pg_reload_conf()").await;
    }

    /// Somebody else who reads a slot and confirms nothing.
    pub fn read_slot(&self, database: &str, slot: &str, publication: &str) -> Jvm {
        let mut command = as_postgres("pg_recvlogical");
        command.env("PGPASSWORD", SECRET).args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            ADMIN,
        ]);
        command.args(["-d", database, "--slot", slot, "--start", "--no-loop", "-s", "0", "-f", "/dev/null"]);
        command.args(["-o", "proto_version=1", "-o", &format!("publication_names={publication}")]);
        Jvm::spawn(command, None, &self.dir.path().join("recvlogical.log"))
    }

    /// Speaks TLS from now on, with a certificate of this authority for these names.
    pub async fn certify(&self, ca: &Authority, names: &[&str]) {
        let file = self.dir.path().join("data/server.pem"); // key and certificates: PostgreSQL takes of it what it looks for
        std::fs::write(&file, ca.keystore(names)).expect("server.pem");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("server.pem");
        own(&file);
        for statement in [
            "ALTER SYSTEM SET ssl_cert_file = 'server.pem'",
            "ALTER SYSTEM SET ssl_key_file = 'server.pem'",
            "ALTER SYSTEM SET ssl = on",
            "SELECT pg_reload_conf()",
        ] {
            self.rows("postgres", statement).await;
        }
        let start = Instant::now();
        while self.rows("postgres", "SHOW ssl").await != [[Some("on".to_owned())]] {
            assert!(start.elapsed() < START, "no TLS after {START:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

/// PostgreSQL refuses to run as root: then it runs as the user `postgres`.
fn as_postgres(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(BIN.join(program)).current_dir("/");
    command
}

fn own(path: &Path) {
    if is_root() {
        let done = Command::new("chown").arg("postgres:").arg(path).status().expect("chown");
        assert!(done.success(), "there is no user postgres (Debian package postgresql)");
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn find() -> PathBuf {
    if let Some(bin) = std::env::var_os("SLUICE_POSTGRES_BIN") {
        return bin.into();
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        installed.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("postgres").exists()).max();
    newest.expect("PostgreSQL is needed: install the Debian package postgresql, or set SLUICE_POSTGRES_BIN")
}
