//! `host:port`, as in `bootstrap.servers`.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A name or an IP, without brackets.
    pub host: String,
    pub port: u16,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not HOST:PORT")]
pub struct BadAddress(String);

impl Address {
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(ip) => ip,
            // an IPv6 address without brackets: its last group would be taken for the port
            None if host.contains(':') => return Err(bad()),
            None => host,
        };
        if host.is_empty() { Err(bad()) } else { Ok(Self::new(host, port)) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_kafka_writes_it() {
        for (text, host) in
            [("kafka-0.kafka:9092", "kafka-0.kafka"), ("10.0.0.1:9092", "10.0.0.1"), ("[::1]:9092", "::1")]
        {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, 9092));
            assert_eq!(address.to_string(), text);
        }
        for text in ["", "kafka", "kafka:", "kafka:0", "kafka:70000", ":9092", "::1:9092", "[]:9092"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
