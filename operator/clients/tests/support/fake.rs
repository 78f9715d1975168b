//! Something that speaks Kafka's frames and answers as a test wants, for what a real broker does not do on
//! demand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, ResponseHeader};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request that came in.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Counted from 1.
    pub connection: usize,
    pub key: i16,
    pub version: i16,
    pub correlation: i32,
}

pub enum Reply {
    /// A whole frame but for its length.
    Frame(Vec<u8>),
    /// Bytes as they are.
    Raw(Vec<u8>),
    After(Duration, Box<Reply>),
    /// Send these and close.
    Then(Box<Reply>),
    Silence,
}

type Script = dyn Fn(Asked) -> Option<Reply> + Send + Sync;

pub struct Fake {
    pub address: String,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers by `script`; what it leaves open (`None`) is `ApiVersions` with all versions of everything,
    /// and silence.
    pub async fn start(script: impl Fn(Asked) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let fake = Self { address, connections: Arc::default(), asked: Arc::default() };
        let (connections, asked, script) =
            (Arc::clone(&fake.connections), Arc::clone(&fake.asked), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = connections.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(serve(
                    stream,
                    connection,
                    Arc::clone(&script) as Arc<Script>,
                    Arc::clone(&asked),
                ));
            }
        });
        fake
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How often a request with this key came in.
    pub fn asked(&self, key: i16) -> usize {
        self.asked.lock().expect("no panic").iter().filter(|asked| asked.key == key).count()
    }
}

impl Asked {
    /// If it is an `R`: the frame that answers it.
    pub fn answer<R: Request>(self, response: &R::Response) -> Option<Reply> {
        (self.key == R::KEY).then(|| {
            let mut frame = BytesMut::new();
            let header = ResponseHeader::default().with_correlation_id(self.correlation);
            header
                .encode(&mut frame, <R::Response as HeaderVersion>::header_version(self.version))
                .expect("header");
            response.encode(&mut frame, self.version).expect("response");
            Reply::Frame(frame.to_vec())
        })
    }

    /// If it is `ApiVersions`: these versions of everything.
    pub fn versions(self, min: i16, max: i16) -> Option<Reply> {
        let keys = (0..100).map(|key| {
            let (min, max) = if key == ApiVersionsRequest::KEY { (0, 4) } else { (min, max) };
            ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max)
        });
        self.answer::<ApiVersionsRequest>(&ApiVersionsResponse::default().with_api_keys(keys.collect()))
    }
}

async fn serve(mut stream: TcpStream, connection: usize, script: Arc<Script>, log: Arc<Mutex<Vec<Asked>>>) {
    while let Ok(length) = stream.read_u32().await {
        let mut frame = vec![0; length as usize];
        if stream.read_exact(&mut frame).await.is_err() {
            return;
        }
        let mut rest = frame.as_slice();
        let asked =
            Asked { connection, key: rest.get_i16(), version: rest.get_i16(), correlation: rest.get_i32() };
        log.lock().expect("no panic").push(asked);
        let reply = script(asked).or_else(|| asked.versions(0, 100)).unwrap_or(Reply::Silence);
        if send(&mut stream, reply).await.is_none() {
            return;
        }
    }
}

/// `None`: the end of the connection.
async fn send(stream: &mut TcpStream, reply: Reply) -> Option<()> {
    let mut reply = reply;
    let mut close = false;
    loop {
        let bytes = match reply {
            Reply::Silence => return Some(()),
            Reply::After(pause, next) => {
                tokio::time::sleep(pause).await;
                reply = *next;
                continue;
            }
            Reply::Then(next) => {
                close = true;
                reply = *next;
                continue;
            }
            Reply::Raw(bytes) => bytes,
            Reply::Frame(body) => {
                let mut frame = BytesMut::new();
                frame.put_u32(u32::try_from(body.len()).expect("a short frame"));
                frame.put_slice(&body);
                frame.to_vec()
            }
        };
        stream.write_all(&bytes).await.ok()?;
        return (!close).then_some(());
    }
}
