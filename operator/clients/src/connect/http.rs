//! One request: deadline, bounded body, and what the status means.

use std::time::Duration;

use reqwest::{Method, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Error, Unreadable};

/// 1,000 connectors with ten failed tasks each, all with long traces, stay below it.
const BODY_LIMIT: usize = 64 << 20;

/// How long calls may take. Connect itself gives up on a request after 90 s.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    pub connect: Duration,
    /// Looking, and small orders: pause, restart, delete.
    pub quick: Duration,
    /// What makes Connect validate a configuration: connectors look at their database meanwhile.
    pub validate: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            quick: Duration::from_secs(10),
            validate: Duration::from_secs(45),
        }
    }
}

/// Talks to one Connect cluster, by its Service or by one worker. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    deadlines: Deadlines,
}

impl Client {
    /// # Panics
    /// When no rustls crypto provider is installed: `main` and each test binary do that first.
    pub fn new(base: Url, deadlines: Deadlines) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(deadlines.connect)
            // a proxy for the way out of the cluster has no business between the operator and its workers
            .no_proxy()
            // shorter than Jetty's 30 s, so that we do not write into a connection that it is closing
            .pool_idle_timeout(Duration::from_secs(20))
            .build()
            .expect("a client without special settings");
        Self { http, base, deadlines }
    }

    /// The same settings and connections, another address.
    #[must_use]
    pub fn at(&self, base: Url) -> Self {
        Self { base, ..self.clone() }
    }

    /// The same address and connections, other deadlines (`connect` stays as it was).
    #[must_use]
    pub fn with(&self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self.clone() }
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        request: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        let body = self.send(request, Method::GET, path, query, None::<&()>, self.deadlines.quick).await?.1;
        self.read(request, &body)
    }

    /// An order whose answer has nothing for us.
    pub(super) async fn order(
        &self,
        request: &'static str,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<(), Error> {
        self.send(request, method, path, query, None::<&()>, self.deadlines.quick).await.map(drop)
    }

    /// Sends a configuration, which Connect validates first. Gives the status and the answer.
    pub(super) async fn send_config<B: Serialize>(
        &self,
        request: &'static str,
        method: Method,
        path: &[&str],
        body: &B,
    ) -> Result<(u16, Vec<u8>), Error> {
        self.send(request, method, path, &[], Some(body), self.deadlines.validate).await
    }

    pub(super) fn read<T: DeserializeOwned>(&self, request: &'static str, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body)
            .map_err(|e| self.unreadable(request, Unreadable::Json { line: e.line(), column: e.column() }))
    }

    async fn send<B: Serialize>(
        &self,
        request: &'static str,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&B>,
        deadline: Duration,
    ) -> Result<(u16, Vec<u8>), Error> {
        let mut call = self.http.request(method, self.url(path, query)).timeout(deadline);
        if let Some(body) = body {
            call = call.json(body);
        }
        let response = call.send().await.map_err(|e| self.broken(request, e))?;
        let status = response.status();
        let body = self.body(request, response).await?;
        if status.is_success() {
            Ok((status.as_u16(), body))
        } else {
            Err(Error::of_status(request, status.as_u16(), &body))
        }
    }

    async fn body(&self, request: &'static str, mut response: Response) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(request, e))? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(self.unreadable(request, Unreadable::TooLarge { limit: BODY_LIMIT }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path); // encodes what a name may hold
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn broken(&self, request: &'static str, source: reqwest::Error) -> Error {
        let authority = self.base.authority().to_owned();
        if source.is_timeout() && !source.is_connect() {
            Error::TimedOut { request, authority }
        } else {
            Error::Unreachable { request, authority, source: source.without_url() }
        }
    }

    fn unreadable(&self, request: &'static str, source: Unreadable) -> Error {
        Error::Unreadable { request, authority: self.base.authority().to_owned(), source }
    }
}
