//! Whatever a broker answers: what it says is taken in, or the call fails. Nothing panics.
//!
//! `dream` makes well-formed answers out of bytes, `fake` gives them to a client. `make fuzz` plays these targets for as long as
//! wanted, `make test` for seconds.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use sluice_core::view::kafka::KafkaUuid;

use super::versions::SPOKEN;
use super::{Address, At, Client, Error, Options, Reassign, TopicPartition, Topics, VoterListener, records};

mod dream;
mod fake;

pub use dream::Dream;

/// The codec alone: bytes as they come, and well-formed answers with damage of any kind.
#[test]
fn frames() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let mut dream = Dream(bytes);
        let (kind, harm) = (dream.byte().unwrap_or(0), dream.byte().unwrap_or(0));
        let spoken = &SPOKEN[usize::from(kind) % SPOKEN.len()];
        let _ = (spoken.decode)(Bytes::copy_from_slice(dream.0));
        let Some(body) = (spoken.dream)(&mut dream) else { return };
        let header = if spoken.name == "ApiVersions" { 4 } else { 5 };
        let mut frame = [&vec![0; header], &body[..]].concat();
        (spoken.decode)(frame.clone().into()).expect("what was dreamt is well formed");
        for _ in 0..harm % 8 {
            let (Some(high), Some(low), Some(byte)) = (dream.byte(), dream.byte(), dream.byte()) else {
                break;
            };
            let at = (usize::from(high) << 8 | usize::from(low)) % frame.len();
            frame[at] = byte;
        }
        let _ = (spoken.decode)(frame.into());
    });
}

/// Every call, and what it makes of an answer.
#[test]
fn answers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (script, listener) = (fake::Script::default(), tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = runtime.block_on(listener).expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    runtime.spawn(fake::serve(listener, script.clone()));
    let mut options = Options::plain([address.as_str()]).expect("an address");
    (options.connect, options.read, options.write) = (SOON, SOON, SOON);
    let client = Client::new(options);
    let play = AssertUnwindSafe((runtime, script, client));
    bolero::check!().for_each(|bytes: &[u8]| {
        let (runtime, script, client) = &*play;
        let (call, bytes) = bytes.split_first().unwrap_or((&0, &[]));
        script.set(bytes);
        let _ = runtime.block_on(ask(client, *call));
    });
}

const SOON: Duration = Duration::from_secs(5);

async fn ask(client: &Client, call: u8) -> Result<(), Error> {
    let at = |partition| TopicPartition { topic: "t".into(), partition };
    let id = KafkaUuid([b't'; 16]);
    match call % 28 {
        0 => client.look(None).await.map(drop),
        1 => client.metadata(Topics::Named(&["t", "tt"])).await.map(drop),
        2 => client.describe_quorum().await.map(drop),
        3 => client.features().await.map(drop),
        4 => {
            client.topic_configs_in_force(&["t"]).await?;
            client.describe_topic_configs(&["t"]).await.map(drop)
        }
        5 => client.describe_broker_configs(1).await.map(drop),
        6 => client.describe_cluster_defaults().await.map(drop),
        7 => client.describe_log_dirs(1).await.map(drop),
        8 => client.list_reassignments().await.map(drop),
        9 => client.list_offsets(&["t"], At::Latest).await.map(drop),
        10 => client.offset_fetch(&["t"]).await.map(drop),
        11 => client.peek(&[(at(0), 5), (at(1), 0)].into()).await.map(drop),
        12 => client.describe_acls().await.map(drop),
        13 => client.describe_acls_at(1, Some("User:t")).await.map(drop),
        14 => client.describe_scram_users().await.map(drop),
        15 => client.describe_user_quotas().await.map(drop),
        16 => client.alter_user_quotas(&[("t", &[("t".to_owned(), None)].into())]).await.map(drop),
        17 => client.delete_groups(&["t"]).await.map(drop),
        18 => client.delete_topics(&[id]).await.map(drop),
        19 => client.delete_topics_by_name(&["t"]).await.map(drop),
        20 => client.elect_preferred_leaders(&[at(0)]).await.map(drop),
        21 => client.reassign(&[Reassign { partition: at(0), replicas: None }]).await.map(drop),
        22 => client.create_partitions(&[("t", 3)]).await.map(drop),
        23 => client.unregister_broker(3).await,
        24 => {
            let listener = VoterListener { name: "t".into(), address: Address::new("t", 1) };
            client.add_raft_voter("t", (1, id), &[listener]).await
        }
        26 => client.produce(&at(0), &[], 0).await.map(drop),
        25 => client.tail(&at(0), Some(3), 0).await.map(drop),
        _ => client.remove_raft_voter("t", (1, id)).await,
    }
}

/// What a fetch brings: batches whose header and records are anything, plain and packed.
#[test]
fn batches() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let _ = (records::first(bytes, 0), records::all(bytes, 0));
        let (head, body) = bytes.split_at(bytes.len().min(61));
        let packed = if body.len() % 2 == 0 { body.to_vec() } else { lz4(body) };
        let mut batch = [head, &packed].concat();
        batch.resize(batch.len().max(61), 0);
        let length = u32::try_from(batch.len() - 12).expect("a short batch").to_be_bytes();
        batch[8..12].copy_from_slice(&length);
        batch[16] = 2;
        batch[22] = if body.len() % 2 == 0 { 0 } else { 3 };
        let offset = i64::from(*head.first().unwrap_or(&0));
        let _ = (records::first(&batch, offset), records::all(&batch, offset));
        // bytes that are not what the header says that they are
        batch[22] = 3;
        let _ = (records::first(&batch, offset), records::all(&batch, offset));
    });
}

fn lz4(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packed = lz4_flex::frame::FrameEncoder::new(Vec::new());
    packed.write_all(plain).expect("memory takes everything");
    packed.finish().expect("memory takes everything")
}
