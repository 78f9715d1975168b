//! What things are called: in the database, in Kafka, in Kubernetes and in Connect.

use sha2::{Digest, Sha256};

use super::sql;
use crate::view::source::TableName;

/// The longest identifier that PostgreSQL keeps whole (`NAMEDATALEN` - 1).
const IDENTIFIER: usize = 63;

/// Slot and publication of a pipeline, where the spec does not name them: `sluice_<namespace>_<name>`, with a hash where that would
/// not tell where the namespace ends (`a-b/c` and `a/b-c`), or is too long.
pub fn slot(namespace: &str, name: &str) -> String {
    let plain = |text: &str| text.replace(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit(), "_");
    let full = format!("sluice_{}_{}", plain(namespace), plain(name));
    if full.len() <= IDENTIFIER && !namespace.contains('-') {
        return full;
    }
    cut(&full, &format!("{namespace}/{name}"))
}

/// The comment by which a publication is known as ours.
pub fn comment(namespace: &str, name: &str) -> String {
    format!("{COMMENT}{namespace}/{name}")
}

const COMMENT: &str = "Managed by Sluice: CdcPipeline ";

/// Namespace and name of the pipeline that a publication's comment speaks of.
pub fn of_comment(comment: &str) -> Option<(&str, &str)> {
    comment.strip_prefix(COMMENT)?.split_once('/')
}

/// The topic of a table, as Debezium names it (`SchemaTopicNamingStrategy`): what a topic cannot have becomes `_`.
pub fn topic(prefix: &str, table: &TableName) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    format!("{prefix}.{table}").replace(|c| !allowed(c), "_")
}

/// A regular expression that means exactly this table (`schema.table`): its name has no other character that means something in one.
pub fn expression(table: &str) -> String {
    table.replace('.', "\\.").replace('$', "\\$")
}

/// Debezium's name, which operators look for: `topic.heartbeat.prefix` is left as it is.
pub fn heartbeat_topic(prefix: &str) -> String {
    format!("__debezium-heartbeat.{prefix}")
}

/// The table by whose rows a pipeline's source connector is given orders. Each has its own: a connector obeys every row of it.
pub fn signal_table(slot: &str) -> TableName {
    let name = format!("signal_{slot}");
    if name.len() <= IDENTIFIER {
        return TableName::new(sql::SCHEMA, &name);
    }
    TableName::new(sql::SCHEMA, cut(&name, slot))
}

pub fn signal_object(pipeline: &str) -> String {
    format!("{pipeline}-signals")
}

pub fn dead_letter_topic(prefix: &str, sink: &str) -> String {
    format!("{prefix}.{sink}.dead-letter")
}

/// Name of the Topic object of a table: `<pipeline>-<schema>-<table>`, with a hash where that is not exactly its name.
pub fn topic_object(pipeline: &str, table: &TableName) -> String {
    let exact = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if exact(&table.schema) && exact(&table.name) {
        return format!("{pipeline}-{}-{}", table.schema, table.name);
    }
    let text = format!("{}-{}", table.schema, table.name).to_ascii_lowercase();
    let plain = text.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let plain = plain.trim_matches('-').get(..120).unwrap_or(plain.trim_matches('-')).trim_end_matches('-');
    format!("{pipeline}-{plain}-{}", hash(&table.to_string()))
}

pub fn heartbeat_object(pipeline: &str) -> String {
    format!("{pipeline}-heartbeat")
}

pub fn dead_letter_object(pipeline: &str, sink: &str) -> String {
    format!("{pipeline}-{sink}-dead-letter")
}

/// Name of the source Connector, as an object and in Connect.
pub fn source_connector(pipeline: &str) -> String {
    format!("{pipeline}-source")
}

/// Name of a sink's Connector, as an object and in Connect.
pub fn sink_connector(pipeline: &str, sink: &str) -> String {
    format!("{pipeline}-{sink}")
}

/// The group in which a sink connector consumes (Connect's naming).
pub fn consumer_group(connector: &str) -> String {
    format!("connect-{connector}")
}

/// `name` as an identifier, told from others by a hash of what it stands for.
fn cut(name: &str, of: &str) -> String {
    let tail = hash(of);
    format!("{}_{tail}", name.get(..IDENTIFIER - 1 - tail.len()).unwrap_or(name))
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_named_after_its_pipeline_and_stays_an_identifier() {
        assert_eq!(slot("shop", "orders-eu"), "sluice_shop_orders_eu");
        let long = slot(&"n".repeat(63), &"p".repeat(40));
        assert_eq!(long.len(), 63);
        assert_ne!(long, slot(&"n".repeat(63), &"q".repeat(40)));
    }

    #[test]
    fn a_comment_says_whose_a_publication_is() {
        assert_eq!(of_comment(&comment("prod", "shop")), Some(("prod", "shop")));
        assert_eq!(of_comment("mine"), None);
    }

    #[test]
    fn no_two_pipelines_share_a_slot() {
        assert_eq!(slot("a", "b-c"), "sluice_a_b_c");
        assert!(slot("a-b", "c").starts_with("sluice_a_b_c_"), "{}", slot("a-b", "c"));
        assert_ne!(slot("a-b", "c"), slot("a", "b-c"));
        assert_ne!(slot("a-b", "c-d"), slot("a-b-c", "d"));
        assert!(slot("a-b", &"p".repeat(40)).len() <= 63);
    }

    #[test]
    fn different_tables_never_share_an_object() {
        let table = |text: &str| text.parse::<TableName>().unwrap();
        assert_eq!(topic_object("shop", &table("public.orders")), "shop-public-orders");
        let names =
            ["a_b.c", "a.b_c", "A.b_c", "a.b$c", "_a.b", "a.b_"].map(|t| topic_object("p", &table(t)));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len(), "{names:?}");
        let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(
            names.iter().all(|n| n.chars().all(label) && !n.contains("--") && !n.ends_with('-')),
            "{names:?}"
        );
    }

    #[test]
    fn a_topic_is_named_as_debezium_does() {
        assert_eq!(topic("shop", &TableName::new("Inv", "Stock$1")), "shop.Inv.Stock_1");
    }
}
