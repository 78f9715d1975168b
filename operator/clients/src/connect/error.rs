//! What can go wrong between us and Connect. An error says what we asked; the cause is its source.

/// The most characters of Connect's own words in an error. It lists every plugin of the image where one is unknown.
const MESSAGE_LIMIT: usize = 600;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{request}: {authority} cannot be reached")]
    Unreachable {
        request: &'static str,
        authority: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{request}: {authority} did not answer in time")]
    TimedOut { request: &'static str, authority: String },
    /// The workers rebalance, the leader is moving, or the worker has not caught up: the same request will do later.
    #[error("{request}: not yet: {message}")]
    NotYet { request: &'static str, message: String },
    #[error("{request}: {message}")]
    NotFound { request: &'static str, message: String },
    /// Connect understood and will not: the request must change.
    #[error("{request}: Connect refused: {message}")]
    Refused { request: &'static str, message: String },
    #[error("{request}: Connect failed ({status}): {message}")]
    Failed { request: &'static str, status: u16, message: String },
    #[error("{request}: the answer of {authority} is not Connect's")]
    Unreadable {
        request: &'static str,
        authority: String,
        #[source]
        source: Unreadable,
    },
}

/// The bytes were not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("its body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    // serde's text can quote a value, and a value can be a password: the place alone tells us enough
    #[error("its JSON differs from what we expect at line {line}, column {column}")]
    Json { line: usize, column: usize },
}

impl Error {
    /// For events and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "ConnectUnreachable",
            Self::TimedOut { .. } => "ConnectTimedOut",
            Self::NotYet { .. } => "ConnectRebalancing",
            Self::NotFound { .. } => "ConnectorNotFound",
            Self::Refused { .. } => "ConnectRefused",
            Self::Failed { .. } => "ConnectFailed",
            Self::Unreadable { .. } => "ConnectAnswerUnreadable",
        }
    }

    /// Nobody has to change anything: the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::NotFound { .. } | Self::Refused { .. })
    }

    /// What an HTTP status other than success means. `body` is Connect's `{"error_code": …, "message": …}`, or anything
    /// else where something between us and Connect answered.
    pub(super) fn of_status(request: &'static str, status: u16, body: &[u8]) -> Self {
        let said = serde_json::from_slice::<super::wire::Refusal>(body).ok();
        let from_connect = said.is_some();
        let message = said.map_or_else(|| format!("HTTP status {status}"), |said| shorten(&said.message));
        match status {
            404 if from_connect => Self::NotFound { request, message },
            409 | 503 => Self::NotYet { request, message },
            // what Connect says with 500 while its leader moves (RestClient, HerderRequestHandler); seen with 4.3
            500 if message.starts_with("Request timed out") || message.starts_with("IO Error trying to") => {
                Self::NotYet { request, message }
            }
            400..=499 if from_connect => Self::Refused { request, message },
            _ => Self::Failed { request, status, message },
        }
    }
}

fn shorten(message: &str) -> String {
    let message = message.trim();
    match message.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    fn of(status: u16, message: &str) -> Error {
        let body = format!(r#"{{"error_code":{status},"message":"{message}"}}"#);
        Error::of_status("pause", status, body.as_bytes())
    }

    #[test]
    fn a_status_means_what_connect_means_by_it() {
        let table = [
            (of(409, "rebalance is expected"), "ConnectRebalancing", true),
            (of(500, "Request timed out. The worker is currently polling"), "ConnectRebalancing", true),
            (of(500, "IO Error trying to forward REST request"), "ConnectRebalancing", true),
            (of(500, "NullPointerException"), "ConnectFailed", true),
            (of(404, "Connector x not found"), "ConnectorNotFound", false),
            (of(400, "invalid"), "ConnectRefused", false),
        ];
        for (error, reason, transient) in table {
            assert_eq!((error.reason(), error.is_transient()), (reason, transient), "{error}");
        }
    }

    #[test]
    fn a_proxy_that_answers_for_connect_is_not_taken_for_it() {
        let error = Error::of_status("pause", 404, b"<html>no such page</html>");
        assert_eq!(error.reason(), "ConnectFailed", "else a connector would be taken for deleted");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let text = of(400, &"é".repeat(5000)).to_string();
        assert!(text.chars().count() < 700 && text.ends_with('…'), "{text}");
    }
}
