//! A broker that answers with what is dreamt, on the loopback: the client goes all of its way.

use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, BrokerId, DescribeClusterRequest, DescribeClusterResponse,
};
use kafka_protocol::protocol::{Encodable, Request};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::versions::SPOKEN;
use super::dream::Dream;

/// What is left to answer with.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<Vec<u8>>>);

impl Script {
    pub fn set(&self, bytes: &[u8]) {
        bytes.clone_into(&mut self.0.lock());
    }

    /// The body of an answer, without its header. `None`: there is none of this kind.
    fn answer(&self, key: i16) -> Option<Vec<u8>> {
        let mut bytes = self.0.lock();
        let mut dream = Dream(&bytes);
        let damage = dream.byte().unwrap_or(0);
        let body =
            SPOKEN.iter().find(|spoken| spoken.key == key).and_then(|spoken| (spoken.dream)(&mut dream));
        let left = dream.0.to_vec();
        *bytes = left;
        let mut body = body?;
        // one in eight is cut, or has one byte of it changed
        let at = usize::from(damage) * 7 % body.len().max(1);
        match damage % 16 {
            14 => body.truncate(at),
            15 => body.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= damage),
            _ => {}
        }
        Some(body)
    }
}

pub async fn serve(listener: TcpListener, script: Script) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, script.clone()));
    }
}

async fn answer(mut stream: TcpStream, script: Script) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let port = stream.local_addr().ok()?.port();
    let mut first = true;
    loop {
        let length = stream.read_u32().await.ok()?;
        let mut request = vec![0; usize::try_from(length).ok()?];
        stream.read_exact(&mut request).await.ok()?;
        let mut request = request.as_slice();
        let (key, _, correlation) = (request.get_i16(), request.get_i16(), request.get_i32());
        // the client must come as far as its question, and back to this broker
        let known = match key {
            ApiVersionsRequest::KEY if std::mem::take(&mut first) => Some(encoded(&versions(), 4)),
            DescribeClusterRequest::KEY => Some(encoded(&brokers(port), 2)),
            _ => None,
        };
        let body = known.or_else(|| script.answer(key)).unwrap_or_default();
        let mut frame = BytesMut::new();
        frame.put_u32(0); // its length, once it is known
        frame.put_i32(correlation);
        if key != ApiVersionsRequest::KEY {
            frame.put_u8(0); // no tags; ApiVersions keeps the old header
        }
        frame.put_slice(&body);
        let length = u32::try_from(frame.len() - 4).ok()?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        stream.write_all(&frame).await.ok()?;
    }
}

fn encoded(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).expect("an answer that we made ourselves");
    bytes.to_vec()
}

fn versions() -> ApiVersionsResponse {
    let all = |key| ApiVersion::default().with_api_key(key).with_min_version(0).with_max_version(100);
    ApiVersionsResponse::default().with_api_keys((0..100).map(all).collect())
}

fn brokers(port: u16) -> DescribeClusterResponse {
    let broker = |id| {
        let broker = DescribeClusterBroker::default().with_broker_id(BrokerId(id)).with_port(port.into());
        broker.with_host("127.0.0.1".into())
    };
    DescribeClusterResponse::default().with_brokers((0..4).map(broker).collect())
}
