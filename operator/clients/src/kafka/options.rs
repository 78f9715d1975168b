//! How a cluster is reached, and how long we are ready to wait for it.

use std::time::Duration;

use super::address::{Address, BadAddress};
use super::sasl::Credentials;
use super::tls::Tls;

#[derive(Clone, Debug)]
pub struct Options {
    /// Where the first questions go. Later ones also go to the brokers that `DescribeCluster` named.
    pub bootstrap: Vec<Address>,
    /// TLS with these roots (and this client certificate); `None`: plain TCP.
    pub tls: Option<Tls>,
    /// Who we are where no certificate says it.
    pub credentials: Option<Credentials>,
    /// Shown in the broker's logs, metrics and quotas.
    pub client_id: String,
    /// For TCP, TLS and `ApiVersions` of one address.
    pub connect: Duration,
    /// For a call that only reads, over all brokers it tries.
    pub read: Duration,
    /// For a call that changes something: the controllers may need to elect a leader first.
    pub write: Duration,
    /// Largest answer we read, in bytes. Kafka's own `socket.request.max.bytes` is the same.
    pub frame_limit: usize,
}

impl Options {
    /// Plain TCP and the usual deadlines.
    pub fn plain<'a>(bootstrap: impl IntoIterator<Item = &'a str>) -> Result<Self, BadAddress> {
        Ok(Self {
            bootstrap: bootstrap.into_iter().map(str::parse).collect::<Result<_, _>>()?,
            tls: None,
            credentials: None,
            client_id: "sluice".to_owned(),
            connect: Duration::from_secs(5),
            read: Duration::from_secs(10),
            write: Duration::from_secs(30),
            frame_limit: 100 << 20,
        })
    }
}
