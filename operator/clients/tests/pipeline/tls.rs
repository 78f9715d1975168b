//! Both connectors encrypt, and ask whom they talk to, as the spec says.

use serde_json::json;

use crate::flow::{Flow, connect};
use crate::support::tls::Authority;

const ORDERS: &str = "CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders VALUES (1)";
const ALL: &str = "SELECT count(*), max(id) FROM orders";

#[tokio::test]
async fn with_verify_full_every_session_of_the_connectors_is_encrypted() {
    let flow = Flow::prepare("encrypted", &["public.orders"], &[ORDERS], |spec| {
        let tls = json!({"mode": "VerifyFull", "ca": {"name": "secret", "key": "ca.crt"}});
        spec["source"]["postgres"]["tls"] = tls.clone();
        spec["source"]["postgres"]["host"] = "localhost".into();
        spec["sinks"][0]["postgres"]["tls"] = tls;
        spec["sinks"][0]["postgres"]["host"] = "localhost".into();
    })
    .await;
    let ca = Authority::new();
    connect().await.write_secret("ca.crt", ca.pem());
    flow.server.certify(&ca, &["localhost"]).await;
    // nobody of the network gets in without TLS, but for this test itself, from 127.0.0.1 to databases of its own
    flow.server
        .admit("hostnossl all all 127.0.0.1/32 scram-sha-256\nhostssl all all all scram-sha-256")
        .await;
    flow.connectors().await;
    flow.same(ALL).await;
    flow.source(&["INSERT INTO orders VALUES (2)"]).await;
    flow.same(ALL).await;
    let sessions =
        "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE";
    let reads = format!("{sessions} backend_type = 'walsender'");
    assert_eq!(flow.server.rows("source", &reads).await, [[Some("t".to_owned())]], "the reader of the slot");
    let writes = format!("{sessions} datname = 'sink' AND pid <> pg_backend_pid()");
    assert_eq!(flow.server.rows("sink", &writes).await, [[Some("t".to_owned())]], "the sink's writer");
    flow.end().await;
}
