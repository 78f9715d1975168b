//! What a dead-letter topic's record says of its error (KIP-298, `DeadLetterQueueReporter`).

use sluice_core::cdc::Letter;

use super::trace;
use crate::kafka::Record;

/// `None`: it has none of Connect's headers.
pub fn letter(record: &Record) -> Option<Letter> {
    let text = |name: &str| {
        let value = record.header(&format!("__connect.errors.{name}"))?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    let trace = text("exception.stacktrace").filter(|trace| !trace.is_empty());
    let error = match trace {
        Some(trace) => trace::shorten(&trace).replace('\n', "; "),
        None => {
            format!("{}: {}", text("exception.class.name")?, text("exception.message").unwrap_or_default())
        }
    };
    Some(Letter {
        topic: text("topic")?,
        partition: text("partition")?.parse().ok()?,
        offset: text("offset")?.parse().ok()?,
        error,
        at: record.timestamp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(headers: &[(&str, &str)]) -> Record {
        let headers = headers
            .iter()
            .map(|(name, value)| (format!("__connect.errors.{name}"), value.as_bytes().to_vec()))
            .collect();
        Record { offset: 3, timestamp: 1000, append_time: false, key: None, value: None, headers }
    }

    #[test]
    fn where_it_came_from_and_its_root_cause() {
        let place = [("topic", "shop.public.orders"), ("partition", "2"), ("offset", "17")];
        let trace = "org.DataException: Converting byte[] failed\n\tat a.B\nCaused by: org.JsonParseException: no\n\tat c.D";
        let told = [("exception.class.name", "org.DataException"), ("exception.message", "Converting")];
        let of = |more: &[(&str, &str)]| letter(&record(&[&place[..], &told, more].concat()));
        let expected = Letter {
            topic: "shop.public.orders".into(),
            partition: 2,
            offset: 17,
            error: "org.DataException: Converting byte[] failed; Caused by: org.JsonParseException: no"
                .into(),
            at: 1000,
        };
        assert_eq!(of(&[("exception.stacktrace", trace)]), Some(expected));
        assert_eq!(of(&[]).unwrap().error, "org.DataException: Converting");
        assert_eq!(letter(&record(&place)), None);
        assert_eq!(letter(&record(&[])), None);
    }
}
