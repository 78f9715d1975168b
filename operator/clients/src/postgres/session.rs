use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{Client, Connection, NoTls, Row, Socket, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::Error;
use super::target::Target;

/// One connection. It ends when this is dropped.
#[derive(Debug)]
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    pub(super) address: String,
    call: Duration,
}

impl Session {
    pub async fn enter(target: &Target) -> Result<Self, Error> {
        let address = target.address();
        let config = target.config();
        let tls = target.tls.config().map_err(|source| Error::Ca { address: address.clone(), source })?;
        let entering = async {
            match tls {
                None => config.connect(NoTls).await.map(driven),
                Some(tls) => config.connect(MakeRustlsConnect::new(tls)).await.map(driven),
            }
        };
        let (client, driver) = match timeout(target.connect, entering).await {
            Ok(entered) => entered.map_err(|e| Error::entering(&target.host, address.clone(), e))?,
            Err(_) => {
                return Err(Error::TimedOut { doing: "enter", address, seconds: target.connect.as_secs() });
            }
        };
        Ok(Self { client, driver, address, call: target.call })
    }

    /// Gives each call from now on so long.
    pub fn give(&mut self, call: Duration) {
        self.call = call;
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Carries out statements in one transaction: all of them or none.
    pub async fn run(&mut self, doing: &str, statements: &[String]) -> Result<(), Error> {
        let (address, call) = (self.address.clone(), self.call);
        let work = async {
            let refused = |e| Error::asking(doing, &address, e);
            let transaction = self.client.transaction().await.map_err(refused)?;
            bound(&transaction, call, false).await.map_err(refused)?;
            for statement in statements {
                transaction.batch_execute(statement).await.map_err(refused)?;
            }
            transaction.commit().await.map_err(refused)
        };
        within(call, "run statements", &address, work).await
    }

    /// Rows of text, of a query that wants these settings.
    pub(super) async fn texts(
        &mut self,
        doing: &'static str,
        settings: &str,
        query: &str,
    ) -> Result<Vec<Vec<String>>, Error> {
        self.look(doing, async |transaction| {
            if !settings.is_empty() {
                transaction.batch_execute(settings).await?;
            }
            let rows = transaction.query_typed(query, &[]).await?;
            let texts = |row: &Row| (0..row.len()).map(|at| row.try_get(at)).collect();
            rows.iter().map(texts).collect()
        })
        .await
    }

    /// Runs `ask` in a transaction that sees one moment and changes nothing.
    pub(super) async fn look<T>(
        &mut self,
        doing: &'static str,
        ask: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        let (address, call) = (self.address.clone(), self.call);
        let work = async {
            let refused = |e| Error::asking(doing, &address, e);
            let transaction = self.client.transaction().await.map_err(refused)?;
            bound(&transaction, call, true).await.map_err(refused)?;
            let answer = ask(&transaction).await.map_err(refused)?;
            transaction.commit().await.map_err(refused)?;
            Ok(answer)
        };
        within(call, doing, &address, work).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn driven<T>((client, connection): (Client, Connection<Socket, T>)) -> (Client, JoinHandle<()>)
where
    T: TlsStream + Unpin + Send + 'static,
{
    let driver = tokio::spawn(async move {
        // whatever ends the connection also ends the call that waits for an answer, and that tells it
        let _ = connection.await;
    });
    (client, driver)
}

/// Half of our own deadline, so that a slow server tells us what it was about instead of leaving us in silence. A lock is not
/// waited for long: those who wait behind us are the application.
async fn bound(
    transaction: &Transaction<'_>,
    call: Duration,
    read_only: bool,
) -> Result<(), tokio_postgres::Error> {
    let statement = call.as_millis() / 2;
    let lock = (call.as_millis() / 4).min(2000);
    // a server that counts does not notice by itself that nobody waits for it any more (PostgreSQL 14; not on every system)
    let long = call > Duration::from_mins(1);
    let watch = if long { format!("; {WATCH}") } else { String::new() };
    let mode = if read_only { "; SET TRANSACTION READ ONLY" } else { "" };
    let settings = format!(
        "SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}; SET LOCAL search_path = ''{mode}{watch}"
    );
    transaction.batch_execute(&settings).await
}

const WATCH: &str = "DO $$ BEGIN PERFORM set_config('client_connection_check_interval', '10s', true); EXCEPTION WHEN OTHERS THEN NULL; END $$";

async fn within<T>(
    deadline: Duration,
    doing: &'static str,
    address: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout(deadline, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::TimedOut { doing, address: address.to_owned(), seconds: deadline.as_secs() }),
    }
}
