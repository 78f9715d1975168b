//! Tries to get in on a listener that takes certificates, with and without one.

use std::time::Duration;

use anyhow::Result;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::kafka::client;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub struct Knock {
    #[arg(long)]
    pub bootstrap: String,
    /// Whom the forged certificate says to be: `CN=node,OU=kafka,O=shop`
    #[arg(long)]
    pub forge: String,
    /// Further certificates to show: what each is called, PEM, and its key
    #[arg(long, num_args = 3, allow_hyphen_values = true, value_names = ["HOW", "CERTIFICATE", "KEY"])]
    pub show: Vec<String>,
}

/// What came of each way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Knocked {
    /// Whether anybody listens there at all.
    pub open: bool,
    pub ways: Vec<Way>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Way {
    pub how: String,
    /// Kafka answered.
    pub in_: bool,
    pub said: String,
}

pub async fn knock(args: Knock) -> Result<Knocked> {
    let open = matches!(timeout(PATIENCE, TcpStream::connect(&args.bootstrap)).await, Ok(Ok(_)));
    tokio::task::spawn_blocking(move || {
        let (certificate, key) = forged(&args.forge)?;
        let mut all = vec![
            ("plain", client(&args.bootstrap)),
            ("without a certificate", tls(&args.bootstrap, None)),
            ("with a forged certificate", tls(&args.bootstrap, Some((&certificate, &key)))),
        ];
        for shown in args.show.chunks_exact(3) {
            all.push((shown[0].as_str(), tls(&args.bootstrap, Some((&shown[1], &shown[2])))));
        }
        let ways = all.into_iter().map(|(how, config)| way(how, &config)).collect();
        Ok(Knocked { open, ways })
    })
    .await?
}

/// One that signs itself.
fn forged(subject: &str) -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    for part in subject.rsplit(',') {
        let (name, text) = part.split_once('=').unwrap_or(("CN", part));
        let name = match name {
            "O" => DnType::OrganizationName,
            "OU" => DnType::OrganizationalUnitName,
            _ => DnType::CommonName,
        };
        params.distinguished_name.push(name, text);
    }
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn tls(bootstrap: &str, own: Option<(&String, &String)>) -> ClientConfig {
    let mut config = client(bootstrap);
    // whether the server is who it says is not the question here
    config.set("security.protocol", "ssl").set("enable.ssl.certificate.verification", "false");
    if let Some((certificate, key)) = own {
        config.set("ssl.certificate.pem", certificate).set("ssl.key.pem", key);
    }
    config
}

fn way(how: &str, config: &ClientConfig) -> Way {
    let answer = config
        .create::<BaseConsumer>()
        .and_then(|consumer| consumer.fetch_metadata(None, PATIENCE).map(|found| found.brokers().len()));
    Way {
        how: how.into(),
        in_: answer.is_ok(),
        said: match answer {
            Ok(brokers) => format!("{brokers} brokers"),
            Err(error) => error.to_string(),
        },
    }
}
