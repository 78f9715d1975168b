//! The API in JSON, strict about unknown fields: what `kubectl` sends.

use std::sync::LazyLock;

use apiserver_harness::{ApiServer, shared};
use http::Method;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Made once: that takes longer than many a request.
static CRDS: LazyLock<Vec<CustomResourceDefinition>> = LazyLock::new(sluice_crds::all);

/// What the server says instead of yes.
#[derive(Debug)]
pub struct Refusal {
    pub code: u16,
    pub message: String,
}

pub type Answer = Result<Value, Refusal>;

/// A namespace of its own on the shared server.
pub struct Session {
    pub server: &'static ApiServer,
    pub client: Client,
    pub namespace: String,
}

impl Session {
    pub async fn start() -> Self {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let server = shared().await;
        INSTALLED.get_or_init(|| server.install(&CRDS)).await;
        Self { server, client: server.client(), namespace: server.namespace().await }
    }

    pub async fn create(&self, object: &Value) -> Answer {
        let path = format!("{}?fieldValidation=Strict", self.place(&kind(object)));
        self.send(Method::POST, &path, "application/json", object).await
    }

    /// Creates what must be fine.
    pub async fn created(&self, object: &Value) -> Value {
        self.create(object).await.expect("the object is fine")
    }

    /// Changes an object by a JSON merge patch: objects merge, lists are replaced, null removes.
    pub async fn edit(&self, object: &Value, change: Value) -> Answer {
        let path = format!("{}?fieldValidation=Strict", self.path(object));
        self.send(Method::PATCH, &path, "application/merge-patch+json", &change).await
    }

    /// Server-side apply.
    pub async fn apply(&self, manager: &str, object: &Value) -> Answer {
        let path = format!("{}?fieldValidation=Strict&fieldManager={manager}", self.path(object));
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", object).await
    }

    /// Replaces the whole status, as Sluice does.
    pub async fn write_status(&self, object: &Value, status: Value) -> Answer {
        let whole = json!([{ "op": "add", "path": "/status", "value": status }]);
        let path = format!("{}/status", self.path(object));
        self.send(Method::PATCH, &path, "application/json-patch+json", &whole).await
    }

    pub async fn get(&self, object: &Value) -> Value {
        self.read(&self.path(object)).await
    }

    /// GET of a path below the server.
    pub async fn read(&self, path: &str) -> Value {
        self.send(Method::GET, path, "application/json", &Value::Null).await.expect("it is there")
    }

    /// The printer columns of a kind and its first row, as `kubectl get -o wide` shows them.
    pub async fn table(&self, kind: &str) -> Vec<(String, Value)> {
        let request = http::Request::get(self.place(kind))
            .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())
            .expect("a request");
        let table: Value = self.client.request(request).await.expect("a table");
        let columns = table["columnDefinitions"].as_array().expect("columns").iter();
        let names = columns.map(|column| column["name"].as_str().expect("a name").to_owned());
        names.zip(table["rows"][0]["cells"].as_array().expect("a row").iter().cloned()).collect()
    }

    /// The names of those that a field selector finds.
    pub async fn select(&self, kind: &str, selector: &str) -> Vec<String> {
        let list = self.read(&format!("{}?fieldSelector={selector}", self.place(kind))).await;
        let items = list["items"].as_array().expect("a list").iter();
        items.map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    }

    pub fn path(&self, object: &Value) -> String {
        let name = object["metadata"]["name"].as_str().expect("a name");
        format!("{}/{name}", self.place(&kind(object)))
    }

    /// Where the objects of a kind are.
    pub fn place(&self, kind: &str) -> String {
        let crd = CRDS.iter().find(|crd| crd.spec.names.kind == kind).expect("one of our kinds");
        format!("/apis/sluice.dev/v1alpha1/namespaces/{}/{}", self.namespace, crd.spec.names.plural)
    }

    pub async fn send(&self, method: Method, path: &str, content: &str, body: &Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = http::Request::builder().method(method).uri(path).header("Content-Type", content);
        match self.client.request(request.body(body).expect("a request")).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => {
                Err(Refusal { code: status.code, message: status.message.clone() })
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }
}

/// That the server says no, for this reason.
#[track_caller]
pub fn assert_refused(answer: Answer, words: &str) {
    match answer {
        Ok(object) => panic!("accepted, though {words:?} was to be said: {}", object["spec"]),
        Err(refusal) => {
            let Refusal { code, message } = refusal;
            assert!(message.contains(words), "{code}: {message:?}\ndoes not say {words:?}");
        }
    }
}

fn kind(object: &Value) -> String {
    object["kind"].as_str().expect("a kind").to_owned()
}
