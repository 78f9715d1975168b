//! Specs out of bytes: what the schema of a kind lets through, mostly, and now and then what it does not.
//!
//! An object may be older than a rule, and the API server checks only what the schema says. So a value is grown along the
//! schema, with numbers at the edges of their ranges and words that people write; and one in many is anything at all.

use std::collections::BTreeMap;

pub use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps as Schema;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaPropsOrArray as Items, JSONSchemaPropsOrBool as Additional,
};
use serde_json::{Map, Value, json};

/// Schemas by kind.
pub fn schemas() -> BTreeMap<String, Schema> {
    let of = |crd: CustomResourceDefinition| {
        let schema = crd.spec.versions.into_iter().next()?.schema?.open_api_v3_schema?;
        Some((crd.spec.names.kind, schema))
    };
    sluice_crds::all().into_iter().filter_map(of).collect()
}

/// Where decisions come from: one byte each, and zero, the plainest, once there are none left. So a fuzzer that looks at which
/// byte leads where can find its way.
pub struct Dice<'a>(pub &'a [u8]);

impl Dice<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n.max(1)
    }

    /// Once in `n` times, and never when there is nothing left to decide by.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn number(&mut self) -> i64 {
        (0..8).fold(0, |number, _| number << 8 | i64::from(self.byte()))
    }
}

/// Words by the end of a field's name, the first of them right.
const WORDS: &[(&str, &[&str])] = &[
    ("size", &["10Gi", "1536Mi", "1Ti", "9223372036854775807", "8388608Ti", "0", "Unlimited", "1e3"]),
    ("heap", &["1Gi", "256Mi", "0", "9007199254740992Ki", "1G"]),
    ("throttle", &["10Mi", "1", "0", "9223372036854775807Ki"]),
    ("maxRetainedWal", &["1Gi", "0", "8191Pi"]),
    ("byteRate", &["1Mi", "0", "9223372036854775807"]),
    ("ByteRate", &["1Mi", "0", "9223372036854775807"]),
    ("time", &["7d", "500ms", "Unlimited", "106751991167d", "0s", "15250284452w"]),
    ("Lag", &["30s", "0s", "9223372036854775807ms"]),
    ("Duration", &["1h", "0s", "2562047788015h"]),
    (
        "schedule",
        &[
            "30 3 * * *",
            "*/0 * * * *",
            "0 0 30 2 *",
            "@daily",
            "0 0 L * 5#6",
            "59 23 31 12 7",
            "1-70/3 * * * MON-SUN",
        ],
    ),
    ("version", &["4.3.1", "4.3.0", "3.9.1", ""]),
    ("host", &["shop-db", "ware-db", "ware-db", "fe80::1%lo", "a.b.c.", "-"]),
    ("tables", &["public.orders", "orders", ".", "a.b.c", "\"Odd\".\"ta.ble\"", "public.*"]),
    ("operations", &["Read", "Write", "All", "Describe", "None"]),
    ("hosts", &["*", "10.0.0.1", ""]),
    ("schema", &["sales", "public", "a b"]),
    ("memory", &["4Gi", "1.5G", "1e30", "128974848000m", "-1"]),
    ("cpu", &["2", "500m", "1e-9", ""]),
];

/// Keys of configurations: of brokers, topics, workers and connectors, reserved ones and none at all.
const KEYS: &[&str] = &[
    "num.partitions",
    "min.insync.replicas",
    "retention.ms",
    "cleanup.policy",
    "log.retention.hours",
    "topic.prefix",
    "database.password",
    "offset.flush.interval.ms",
    "listeners",
    "transforms",
    "transforms.a.type",
    "leader.replication.throttled.rate",
    "memory",
    "cpu",
    "team",
    "log.retention.hour",
    "",
    "a\nb=c",
];

/// What a word may be anywhere.
const ODD: &[&str] = &[
    "a",
    "",
    "shop",
    "0",
    "-1",
    "ä€😀",
    "a\0b",
    " ",
    "${secrets:db:password}",
    "${secrets:db",
    "${",
    "a:b:c",
    "/",
    "..",
    "%",
    "*",
    "'; DROP TABLE x; --",
    "9223372036854775808",
    "1e400",
    "true",
    "-XX:+UseZGC",
    "-Xmx1g",
    "org.apache.kafka.connect.transforms.RegexRouter",
];

const TIMES: &[&str] = &[
    "2026-11-21T08:00:00Z",
    "1970-01-01T00:00:00Z",
    "9999-12-30T22:00:00Z",
    "-9999-01-02T01:59:59Z",
    "soon",
];

/// A value along `schema`; `name` is the field that it is for.
pub fn value(schema: &Schema, name: &str, dice: &mut Dice<'_>) -> Value {
    if dice.once_in(32) {
        return odd(dice);
    }
    if let Some(values) = schema.enum_.as_ref().filter(|values| !values.is_empty()) {
        let n = dice.below(values.len());
        return values[n].0.clone();
    }
    if schema.x_kubernetes_int_or_string == Some(true) {
        return if dice.once_in(2) { integer(schema, dice) } else { word(schema, name, dice) };
    }
    match schema.type_.as_deref() {
        Some("object") => object(schema, name, dice),
        Some("array") => array(schema, name, dice),
        Some("string") => word(schema, name, dice),
        Some("integer") => integer(schema, dice),
        Some("number") => json!(dice.one(&[1.0, 0.0, 0.5, -1.0, f64::MAX, f64::MIN_POSITIVE])),
        Some("boolean") => json!(dice.once_in(2)),
        // a scalar of a configuration, or what nobody looks into
        _ => match dice.below(4) {
            0 => json!(dice.byte()),
            1 => word(schema, name, dice),
            2 => json!(dice.once_in(2)),
            _ => odd(dice),
        },
    }
}

fn object(schema: &Schema, name: &str, dice: &mut Dice<'_>) -> Value {
    let mut map = Map::new();
    for (field, of) in schema.properties.iter().flatten() {
        let required = schema.required.iter().flatten().any(|required| required == field);
        if if required { !dice.once_in(64) } else { dice.once_in(3) } {
            map.insert(field.clone(), value(of, field, dice));
        }
    }
    if let Some(Additional::Schema(of)) = &schema.additional_properties {
        for _ in 0..dice.below(4) {
            let key = dice.one(KEYS);
            map.insert(key.to_owned(), value(of, if key.is_empty() { name } else { key }, dice));
        }
    }
    Value::Object(map)
}

fn array(schema: &Schema, name: &str, dice: &mut Dice<'_>) -> Value {
    let Some(Items::Schema(of)) = &schema.items else { return json!([]) };
    let least = usize::try_from(schema.min_items.unwrap_or(0)).unwrap_or(0);
    let many = if dice.once_in(16) { dice.below(40) } else { dice.below(3) };
    Value::Array((0..least + many).map(|_| value(of, name, dice)).collect())
}

fn word(schema: &Schema, name: &str, dice: &mut Dice<'_>) -> Value {
    if schema.format.as_deref() == Some("date-time") {
        return json!(dice.one(TIMES));
    }
    match (WORDS.iter().find(|(end, _)| name.ends_with(end)), dice.below(8)) {
        (Some((_, words)), 0..=5) => json!(dice.one(words)),
        // names that differ, so that what must be unique is
        (None, 0..=3) => json!(format!("n{}", dice.below(8))),
        (_, 7) => {
            let most = if dice.once_in(16) { 256 } else { 12 };
            let length = dice.below(most);
            let bytes: Vec<u8> = (0..length).map(|_| dice.byte()).collect();
            json!(String::from_utf8_lossy(&bytes))
        }
        _ => json!(dice.one(ODD)),
    }
}

fn integer(schema: &Schema, dice: &mut Dice<'_>) -> Value {
    #[allow(clippy::cast_possible_truncation)] // bounds are whole numbers
    let bound = |bound: Option<f64>| bound.map(|bound| bound as i64);
    let (least, most) =
        (bound(schema.minimum).unwrap_or(0), bound(schema.maximum).unwrap_or(i64::from(i32::MAX)));
    match dice.below(16) {
        // far apart, as ids of nodes are in which pools do not overlap
        0..=2 => json!(least.saturating_add(i64::try_from(dice.below(8) * 100).unwrap_or(0)).min(most)),
        3..=7 => json!(least.saturating_add(i64::try_from(dice.below(8)).unwrap_or(0)).min(most)),
        8 => json!(least),
        9..=11 => json!(most),
        12 => json!(least.saturating_sub(1)),
        13 => json!(most.saturating_add(1)),
        14 => json!(dice.one(&[i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN, -1, 0])),
        _ => json!(dice.number()),
    }
}

/// Anything at all.
fn odd(dice: &mut Dice<'_>) -> Value {
    match dice.below(8) {
        0 => Value::Null,
        1 => json!(dice.number()),
        2 => json!([]),
        3 => json!({}),
        4 => json!(1e300),
        5 => json!([odd(dice)]),
        6 => json!({ dice.one(KEYS): odd(dice) }),
        _ => json!(dice.one(ODD)),
    }
}
