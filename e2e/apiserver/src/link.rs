//! A way to the API server that a test can cut: a TCP proxy. TLS goes through it end to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kube::{Client, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

/// What passes. Held bytes arrive late, as after any network trouble; they are not lost.
#[derive(Clone, Copy)]
struct Gate {
    there: bool,
    back: bool,
    /// Connections before this one have died without a word.
    oldest: u64,
}

impl Gate {
    fn lets(self, way: Way, connection: u64) -> bool {
        let open = match way {
            Way::There => self.there,
            Way::Back => self.back,
        };
        open && connection >= self.oldest
    }
}

/// One client's way to the server. It ends with the runtime of the test that made it.
pub struct Link {
    config: Config,
    gate: watch::Sender<Gate>,
    /// Connections so far.
    count: Arc<AtomicU64>,
}

impl Link {
    pub(crate) async fn open(mut config: Config, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        config.cluster_url = format!("https://127.0.0.1:{port}").parse().expect("a URL");
        let (gate, seen) = watch::channel(Gate { there: true, back: true, oldest: 0 });
        let count = Arc::new(AtomicU64::new(0));
        tokio::spawn(accept(listener, server, seen, Arc::clone(&count)));
        Self { config, gate, count }
    }

    pub fn client(&self) -> Client {
        Client::try_from(self.config.clone()).expect("a client")
    }

    /// Nothing passes any more, in no direction, on no connection; none is closed either.
    pub fn cut(&self) {
        self.set(false, false);
    }

    /// Requests arrive and are carried out; answers do not come back.
    pub fn hold_answers(&self) {
        self.set(true, false);
    }

    /// Everything passes, also what was held.
    pub fn mend(&self) {
        self.set(true, true);
    }

    /// The connections that are open now say nothing any more, for ever; new ones work.
    pub fn strand(&self) {
        let next = self.count.load(Ordering::SeqCst);
        self.gate.send_modify(|gate| gate.oldest = next);
    }

    fn set(&self, there: bool, back: bool) {
        self.gate.send_modify(|gate| *gate = Gate { there, back, ..*gate });
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    gate: watch::Receiver<Gate>,
    count: Arc<AtomicU64>,
) {
    while let Ok((near, _)) = listener.accept().await {
        let id = count.fetch_add(1, Ordering::SeqCst);
        let Ok(far) = TcpStream::connect(server).await else { continue };
        let (near_read, near_write) = near.into_split();
        let (far_read, far_write) = far.into_split();
        tokio::spawn(pump(near_read, far_write, gate.clone(), move |gate| gate.lets(Way::There, id)));
        tokio::spawn(pump(far_read, near_write, gate.clone(), move |gate| gate.lets(Way::Back, id)));
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut gate: watch::Receiver<Gate>,
    lets: impl Fn(&Gate) -> bool,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let Ok(count) = from.read(&mut bytes).await else { return };
        if gate.wait_for(&lets).await.is_err() || count == 0 {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
