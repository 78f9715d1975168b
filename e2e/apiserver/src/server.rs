//! etcd and kube-apiserver, their clients, and CRDs in them.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::config::AuthInfo;
use kube::{Client, Config, ResourceExt};

use crate::binary::kubernetes;
use crate::link::Link;
use crate::process::Process;
use crate::{pki, until};

const START: Duration = Duration::from_mins(1);
/// Of the one user, who may do everything.
const TOKEN: &str = "only-on-loopback";

/// A server of its own, without nodes. Its processes end with it, and with the test run.
pub struct ApiServer {
    config: Config,
    address: SocketAddr,
    etcd: Process,
    apiserver: Process,
    namespaces: AtomicU32,
    dir: tempfile::TempDir,
}

/// The server that all tests of one binary share. It is up when this returns.
pub async fn shared() -> &'static ApiServer {
    static SHARED: OnceLock<ApiServer> = OnceLock::new();
    let server = tokio::task::spawn_blocking(|| SHARED.get_or_init(ApiServer::start)).await;
    // the panic has said what is missing; another around it would only bury that
    let server = server.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    server.ready().await;
    server
}

impl ApiServer {
    fn start() -> Self {
        // kube takes the process' provider; there is only this one in our binaries
        let _ = rustls::crypto::ring::default_provider().install_default();
        let binary = kubernetes();
        let dir = directory();
        let (address, root) = (free_address(), dir.path());
        let ca = pki::write(root);
        let etcd = Process::start(&binary, &etcd(root), &root.join("etcd.log"));
        let apiserver = Process::start(&binary, &apiserver(root, address), &root.join("apiserver.log"));
        let mut config = Config::new(format!("https://{address}").parse().expect("a URL"));
        config.root_cert = Some(vec![ca]);
        config.auth_info = AuthInfo { token: Some(TOKEN.to_owned().into()), ..Default::default() };
        Self { config, address, etcd, apiserver, namespaces: AtomicU32::new(0), dir }
    }

    async fn ready(&self) {
        let start = Instant::now();
        let client = self.client();
        loop {
            for (name, process) in [("etcd", &self.etcd), ("kube-apiserver", &self.apiserver)] {
                if let Some(status) = process.ended() {
                    panic!("{name} has ended ({status}); its last words:\n{}", process.last_words());
                }
            }
            let request = http::Request::get("/readyz").body(Vec::new()).expect("a request");
            // without a deadline a connection that was accepted and forgotten would be waited for for ever
            let answer = tokio::time::timeout(Duration::from_secs(2), client.request_text(request)).await;
            if matches!(&answer, Ok(Ok(text)) if text == "ok") {
                return;
            }
            assert!(
                start.elapsed() < START,
                "the API server is not ready after {START:?}: {answer:?}; its last words:\n{}",
                self.apiserver.last_words()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How to reach it, as the one user who may do everything.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// A client of its own for each test: connections live in the runtime that opened them.
    pub fn client(&self) -> Client {
        Client::try_from(self.config()).expect("a client")
    }

    /// A file for programs that want one.
    pub fn kubeconfig(&self) -> PathBuf {
        let path = self.dir.path().join("kubeconfig");
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": {
                "server": format!("https://{}", self.address),
                "certificate-authority": self.dir.path().join(pki::CA),
            } }],
            "users": [{ "name": "test", "user": { "token": TOKEN } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        });
        // whole at once: others read it meanwhile
        let new = tempfile::NamedTempFile::new_in(self.dir.path()).expect("a file");
        std::fs::write(new.path(), text.to_string()).expect("write kubeconfig");
        new.persist(&path).expect("put kubeconfig in its place");
        path
    }

    /// What `kubectl ARGS…` prints, of the server's own version. Panics with its errors if it fails.
    pub async fn kubectl(&self, args: &[&str]) -> String {
        let mut command = Command::new(kubernetes());
        command.arg("kubectl").arg("--kubeconfig").arg(self.kubeconfig());
        command.arg("--cache-dir").arg(self.dir.path().join("kubectl")).args(args);
        let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("run kubectl");
        let ran = ran.expect("run kubectl");
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "kubectl {}:\n{errors}", args.join(" "));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// A way to the server that can be cut.
    pub async fn link(&self) -> Link {
        Link::open(self.config(), self.address).await
    }

    /// A new namespace: tests on one server do not meet.
    pub async fn namespace(&self) -> String {
        let name = format!("test-{}", self.namespaces.fetch_add(1, Ordering::Relaxed));
        let namespace = Namespace {
            metadata: ObjectMeta { name: Some(name.clone()), ..Default::default() },
            ..Default::default()
        };
        let api: Api<Namespace> = Api::all(self.client());
        api.create(&PostParams::default(), &namespace).await.expect("create a namespace");
        name
    }

    /// Applies CRDs and waits until the server serves their kinds.
    pub async fn install(&self, crds: &[CustomResourceDefinition]) {
        let api: Api<CustomResourceDefinition> = Api::all(self.client());
        for crd in crds {
            let params = PatchParams::apply("test").force();
            api.patch(&crd.name_any(), &params, &Patch::Apply(crd)).await.expect("apply a CRD");
        }
        for crd in crds {
            let name = crd.name_any();
            let look = || async { api.get(&name).await.expect("read a CRD") };
            until(&format!("{name} is Established"), look, |crd| condition(crd, "Established")).await;
        }
    }
}

fn condition(crd: &CustomResourceDefinition, kind: &str) -> bool {
    let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == kind && one.status == "True"))
}

/// Clients reach it by a socket file; its peers, which it does not have, nowhere.
fn etcd(dir: &Path) -> Vec<String> {
    let args = format!(
        "etcd --data-dir {dir}/etcd --name test --unsafe-no-fsync --log-level warn \
         --listen-client-urls unix://{dir}/etcd.sock --advertise-client-urls http://127.0.0.1:1 \
         --listen-peer-urls http://127.0.0.1:0 --initial-advertise-peer-urls http://127.0.0.1:1 \
         --initial-cluster test=http://127.0.0.1:1",
        dir = dir.display()
    );
    args.split_whitespace().map(str::to_owned).collect()
}

fn apiserver(dir: &Path, address: SocketAddr) -> Vec<String> {
    std::fs::write(dir.join("tokens"), format!("{TOKEN},test,test,system:masters\n")).expect("write tokens");
    let (certificate, key) = pki::SERVER;
    let args = format!(
        "kube-apiserver --etcd-servers=unix://{dir}/etcd.sock --bind-address={ip} --secure-port={port} \
         --tls-cert-file={dir}/{certificate} --tls-private-key-file={dir}/{key} \
         --token-auth-file={dir}/tokens --authorization-mode=RBAC \
         --service-account-key-file={dir}/{certificate} --service-account-signing-key-file={dir}/{key} \
         --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.0.0.0/24 \
         --endpoint-reconciler-type=none --disable-admission-plugins=ServiceAccount",
        dir = dir.display(),
        ip = address.ip(),
        port = address.port(),
    );
    // (ServiceAccount wants each namespace's account `default`, which a controller would make)
    args.split_whitespace().map(str::to_owned).collect()
}

/// An address that nobody listens on. Below the ports that Linux gives to outgoing connections, so that none of those
/// takes it before the server does; begun at our process id, so that test runs at the same time look at different ones.
fn free_address() -> SocketAddr {
    let first = u16::try_from(std::process::id() % 20_000).expect("fits") + 10_000;
    (first..32_768)
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}

/// A new directory that names this process. Statics are not dropped, and a run can be killed, so the directories of processes
/// that are gone are removed here.
fn directory() -> tempfile::TempDir {
    for left in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = left.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("sluice-apiserver-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = std::fs::remove_dir_all(left.path());
        }
    }
    let prefix = format!("sluice-apiserver-{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir().expect("temporary directory")
}
