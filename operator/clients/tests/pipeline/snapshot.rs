//! What a snapshot has brought, by what real Debezium writes; and what becomes of one that is cut short.

use std::time::Duration;

use serde_json::json;
use sluice_clients::kafka::{KnownRows, SnapshotRows, snapshot_rows};
use sluice_core::cdc::snapshot::{Rows, Snapshot, Tally};
use sluice_core::view::source::{Lsn, TableName};

use crate::flow::Flow;
use crate::support::kafka;
use crate::support::postgres::ADMIN;

const SHOP: &str = "CREATE TABLE items (id bigint PRIMARY KEY, name text);
    CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL);
    INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 2000) n;
    INSERT INTO orders SELECT n, 'customer ' || n FROM generate_series(1, 90000) n";

struct Looks<'f> {
    flow: &'f Flow,
    sought: SnapshotRows,
    known: KnownRows,
}

impl<'f> Looks<'f> {
    fn at(flow: &'f Flow) -> Self {
        let wanted = &flow.wanted;
        let tables = wanted.tables.iter().map(|table| (wanted.topic(table), table.clone())).collect();
        let sought = SnapshotRows { tables, since: 0, floor: Lsn(1), told: None, completed: false };
        Self { flow, sought, known: KnownRows::default() }
    }

    /// As a pass looks, with what it remembers; and as one that remembers nothing.
    async fn tally(&mut self) -> Tally {
        self.sought.completed = self.flow.snapshot().await == Snapshot::Completed;
        let client = kafka::shared().await.client();
        let tally =
            snapshot_rows(&client, &self.sought, &mut self.known).await.unwrap().expect("all can be seen");
        if tally.began.is_some() {
            self.sought.told = Some(tally.lsn);
        }
        tally
    }

    async fn anew(&mut self) -> Tally {
        (self.known, self.sought.told) = (KnownRows::default(), None);
        self.tally().await
    }

    async fn until(&mut self, what: &str, there: impl Fn(&Tally, bool) -> bool) -> Tally {
        for _ in 0..2400 {
            let tally = self.tally().await;
            if there(&tally, self.sought.completed) {
                return tally;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not {what}: {:?}", self.tally().await);
    }
}

fn orders(tally: &Tally) -> Rows {
    tally.tables[&TableName::new("public", "orders")]
}

fn items(tally: &Tally) -> Rows {
    tally.tables[&TableName::new("public", "items")]
}

#[tokio::test]
async fn rows_are_counted_apart_from_changes_and_from_a_snapshot_that_was_cut_short() {
    let change = |spec: &mut serde_json::Value| spec["topics"] = json!({"partitions": 3});
    let flow = Flow::start("tally", &["public.items", "public.orders"], &[SHOP], change).await;
    let mut looks = Looks::at(&flow);
    let before = looks.until("at work", |tally, _| orders(tally).rows > 3000).await;
    flow.stop(&flow.source_name()).await;
    assert_eq!(flow.snapshot().await, Snapshot::Running, "{:?}", flow.offset().await);
    let cut = looks.tally().await;
    let came = orders(&cut).rows;
    assert!((3000..90_000).contains(&came) && cut.lsn == before.lsn, "{cut:?}");
    assert_eq!(items(&cut), Rows { rows: 2000, changes: 0, whole: true });

    // a row that came, and is deleted before the snapshot begins again
    flow.source(&["DELETE FROM orders WHERE id = 1"]).await;
    flow.resume(&flow.source_name()).await;
    let again = looks.until("begun again", |tally, _| tally.lsn > before.lsn).await;
    assert!(again.rows() < 92_000 && again.began > cut.began, "{again:?}");
    let done = looks.until("done", |_, completed| completed).await;
    assert_eq!(orders(&done), Rows { rows: 89_999, changes: 0, whole: true });
    assert_eq!((items(&done).rows, done.lsn), (2000, again.lsn));

    flow.source(&[
        "INSERT INTO orders SELECT n, 'new' FROM generate_series(200001, 200007) n",
        "UPDATE orders SET customer = 'other' WHERE id = 5",
        "DELETE FROM orders WHERE id = 6",
    ])
    .await;
    let changed = looks.until("changed", |tally, _| orders(tally).changes >= 9).await;
    let known = (89_999, 9);
    assert_eq!((orders(&changed).rows, orders(&changed).changes), known);
    let anew = looks.anew().await;
    assert_eq!((orders(&anew), anew.lsn, anew.began), (orders(&changed), changed.lsn, changed.began));
    let (count, position) =
        flow.server.session("source", ADMIN).await.count(&TableName::new("public", "orders")).await.unwrap();
    assert!(count == 89_999 + 7 - 1 && position > changed.lsn, "{count} {position}");

    // the sink has all rows of the source, and the one whose end nobody told
    let all =
        "SELECT count(*), md5(string_agg(id || '|' || customer, ',' ORDER BY id)) FROM orders WHERE id > 1";
    flow.same(all).await;
    let left = flow.server.rows("sink", "SELECT count(*) FROM orders WHERE id = 1").await;
    assert_eq!(left, [[Some("1".to_owned())]], "the documentation says that it stays");
    flow.end().await;
}
