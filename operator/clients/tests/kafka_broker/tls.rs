//! The same broker by its TLS listener.

use sluice_clients::kafka::{Client, Options, tls};

use super::support::kafka::shared;

fn client(address: &str, ca: &str) -> Client {
    let tls = tls::trusting(ca.as_bytes()).unwrap();
    Client::new(Options { tls: Some(tls.into()), ..Options::plain([address]).unwrap() })
}

#[tokio::test]
async fn a_broker_with_a_trusted_certificate_is_talked_to() {
    let kafka = shared().await;
    let client = client(&kafka.nodes[0].tls_address(), kafka.ca.pem());
    let cluster = client.describe_cluster().await.unwrap();
    assert_eq!(
        cluster.brokers[&1].port, kafka.nodes[0].tls_port,
        "the broker names the listener it was asked on"
    );
    // on the connection that the first call left behind
    client.describe_broker_configs(1).await.unwrap();
}

#[tokio::test]
async fn a_listener_that_wants_to_know_its_clients_is_shown_a_certificate() {
    let kafka = shared().await;
    let address = format!("127.0.0.1:{}", kafka.nodes[0].mtls_port);
    let own = kafka.ca.keystore(&["sluice"]);
    let tls = tls::mutual(kafka.ca.pem().as_bytes(), own.as_bytes(), own.as_bytes()).unwrap();
    let known = Client::new(Options { tls: Some(tls.into()), ..Options::plain([address.as_str()]).unwrap() });
    assert_eq!(known.describe_cluster().await.unwrap().brokers[&1].port, kafka.nodes[0].mtls_port);

    // in TLS 1.3 the refusal comes after the client's half of the handshake
    let unknown = client(&address, kafka.ca.pem()).describe_cluster().await.unwrap_err();
    assert!(["KafkaTlsFailed", "KafkaUnreachable"].contains(&unknown.reason()), "{unknown}");
    let cause = std::error::Error::source(&unknown).unwrap().to_string();
    assert!(cause.contains("CertificateRequired") || cause.contains("BadCertificate"), "{cause}");
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused_and_said_so() {
    let kafka = shared().await;
    let stranger = super::support::tls::Authority::new();
    let error = client(&kafka.nodes[0].tls_address(), stranger.pem()).describe_cluster().await.unwrap_err();
    assert_eq!(error.reason(), "KafkaTlsFailed");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("UnknownIssuer") || cause.contains("BadSignature"), "{cause}");
}

#[tokio::test]
async fn tls_to_a_plain_listener_and_plain_to_a_tls_listener_fail_soon() {
    let kafka = shared().await;
    let node = &kafka.nodes[0];
    let plain =
        client(&format!("127.0.0.1:{}", node.port), kafka.ca.pem()).describe_cluster().await.unwrap_err();
    assert_eq!(plain.reason(), "KafkaTlsFailed", "{plain}");
    let tls = Client::new(Options::plain([node.tls_address().as_str()]).unwrap())
        .describe_cluster()
        .await
        .unwrap_err();
    assert!(["KafkaUnreachable", "KafkaProtocolError"].contains(&tls.reason()), "{tls}");
}
