//! One broker's address and the few connections we hold to it.
//!
//! Several, so that a slow change does not make the observer miss its deadline; Kafka answers one connection
//! in order.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::address::Address;
use super::connection::{Connection, Fault};
use super::error::{Error, ProtocolError, Stage};
use super::options::Options;
use super::versions::Speak;
use kafka_protocol::messages::ApiVersionsRequest;

/// At most this many calls to one broker at once; the others wait for their turn.
const CONNECTIONS: usize = 4;

pub struct Broker {
    pub address: Address,
    turns: Semaphore,
    idle: Mutex<Vec<Connection>>,
    /// See [`super::Client::has_lost_a_broker`]; of all brokers together, so that it outlives one whose address is forgotten.
    lost: Arc<AtomicBool>,
}

impl Broker {
    pub fn new(address: Address, lost: &Arc<AtomicBool>) -> Self {
        let lost = Arc::clone(lost);
        Self { address, turns: Semaphore::new(CONNECTIONS), idle: Mutex::default(), lost }
    }

    pub async fn call<R: Speak>(
        &self,
        request: &R,
        options: &Options,
        until: Instant,
    ) -> Result<R::Response, Error> {
        let _turn = self.in_time::<R, _>(Stage::Queue, until, self.turns.acquire()).await?;
        let connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.open::<R>(options, until).await.inspect_err(|error| self.suspect(error))?,
        };
        let (connection, response) =
            self.answer::<R, _>(until, connection.call(request)).await.inspect_err(|error| {
                self.forget_idle();
                self.suspect(error);
            })?;
        self.keep(connection);
        Ok(response)
    }

    /// Makes a connection where there is none. Its end tells that the broker has gone.
    pub async fn hold(&self, options: &Options, until: Instant) -> Result<(), Error> {
        self.sweep();
        if self.idle.lock().is_empty() {
            let _turn =
                self.in_time::<ApiVersionsRequest, _>(Stage::Queue, until, self.turns.acquire()).await?;
            let opened = self.open::<ApiVersionsRequest>(options, until).await;
            self.keep(opened.inspect_err(|error| self.suspect(error))?);
        }
        Ok(())
    }

    async fn open<R: Speak>(&self, options: &Options, until: Instant) -> Result<Connection, Error> {
        let until = until.min(Instant::now() + options.connect);
        let opened =
            self.in_time::<R, _>(Stage::Connect, until, Connection::open(&self.address, options)).await?;
        // nothing of the request has been sent yet, so a connection that broke here was never established
        opened.map_err(|fault| match fault {
            Fault::Broken(source) => self.error::<R>(Fault::Tcp(source)),
            other => self.error::<R>(other),
        })
    }

    async fn answer<R: Speak, T>(
        &self,
        until: Instant,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Error> {
        self.in_time::<R, _>(Stage::Answer, until, call).await?.map_err(|fault| self.error::<R>(fault))
    }

    async fn in_time<R: Speak, T>(
        &self,
        stage: Stage,
        until: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let start = Instant::now();
        timeout_at(until, work).await.map_err(|_| {
            let after = until.checked_duration_since(start).unwrap_or(Duration::ZERO);
            Error::TimedOut { request: R::NAME, broker: self.address.clone(), stage, after }
        })
    }

    fn error<R: Speak>(&self, fault: Fault) -> Error {
        let (request, broker) = (R::NAME, self.address.clone());
        match fault {
            Fault::Tcp(source) => Error::Unreachable { request, broker, source },
            Fault::Tls(source) => Error::Tls { request, broker, source },
            Fault::Broken(source) => Error::Disconnected { request, broker, source },
            Fault::Protocol(source) => Error::Protocol { request, broker, source },
            Fault::Refused(error) => Error::Kafka { request, broker, error },
        }
    }

    pub fn content<R: Speak>(&self, what: String) -> Error {
        self.error::<R>(Fault::Protocol(ProtocolError::Content(what)))
    }

    /// The connection used last, if it is still good. The others are left to grow old and be closed by Kafka.
    fn take_idle(&self) -> Option<Connection> {
        self.sweep();
        self.idle.lock().pop()
    }

    /// Lets go of connections that have ended. Nothing is sent for it.
    pub fn sweep(&self) {
        let mut idle = self.idle.lock();
        let before = idle.len();
        idle.retain(Connection::is_quiet);
        if idle.len() < before {
            self.lost.store(true, Ordering::Relaxed);
        }
    }

    fn suspect(&self, error: &Error) {
        if matches!(error, Error::Unreachable { .. } | Error::TimedOut { .. } | Error::Disconnected { .. }) {
            self.lost.store(true, Ordering::Relaxed);
        }
    }

    fn keep(&self, connection: Connection) {
        self.idle.lock().push(connection);
    }

    /// What broke one connection has likely broken those beside it, and a power cut sends no farewell.
    fn forget_idle(&self) {
        self.idle.lock().clear();
    }
}
