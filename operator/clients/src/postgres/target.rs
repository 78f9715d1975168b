use std::fmt;
use std::time::Duration;

use tokio_postgres::config::SslMode;

use super::tls::Tls;

/// A password. Does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Where a database is, and as whom to enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub password: Password,
    pub tls: Tls,
    /// For entering: name, connection and authentication together.
    pub connect: Duration,
    /// For each call. The server is told to cancel a statement after half of it.
    pub call: Duration,
}

impl Target {
    /// With the deadlines of an observer.
    pub fn new(host: &str, port: u16, database: &str, user: &str, password: Password) -> Self {
        Self {
            host: host.into(),
            port,
            database: database.into(),
            user: user.into(),
            password,
            tls: Tls::Disable,
            connect: Duration::from_secs(5),
            call: Duration::from_secs(10),
        }
    }

    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    /// `host:port`, for messages.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(super) fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .dbname(&self.database)
            .user(&self.user)
            .password(self.password.reveal())
            .ssl_mode(if self.tls == Tls::Disable { SslMode::Disable } else { SslMode::Require })
            .application_name("sluice")
            .connect_timeout(self.connect)
            .keepalives_idle(Duration::from_secs(30));
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_print() {
        let target = Target::new("db", 5432, "shop", "sluice", Password::new("hunter2"));
        assert!(!format!("{target:?}").contains("hunter2"));
        assert_eq!(target.address(), "db:5432");
    }
}
