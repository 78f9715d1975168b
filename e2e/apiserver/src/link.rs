//! A way to the API server that a test can cut: a TCP proxy. TLS goes through it end to end.

use std::net::SocketAddr;

use kube::{Client, Config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What passes. Held bytes arrive late, as after any network trouble; they are never lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passes {
    All,
    /// The server hears us, and its answers are held.
    Requests,
    Nothing,
}

#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

impl Passes {
    fn lets(self, way: Way) -> bool {
        match way {
            Way::There => self != Self::Nothing,
            Way::Back => self == Self::All,
        }
    }
}

/// One client's way to the server. It ends with the runtime of the test that made it.
pub struct Link {
    config: Config,
    passes: watch::Sender<Passes>,
}

impl Link {
    pub(crate) async fn open(mut config: Config, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let (passes, seen) = watch::channel(Passes::All);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = TcpStream::connect(server).await {
                    let (near_read, near_write) = near.into_split();
                    let (far_read, far_write) = far.into_split();
                    tokio::spawn(pump(near_read, far_write, Way::There, seen.clone()));
                    tokio::spawn(pump(far_read, near_write, Way::Back, seen.clone()));
                }
            }
        });
        config.cluster_url = format!("https://127.0.0.1:{port}").parse().expect("a URL");
        Self { config, passes }
    }

    pub fn client(&self) -> Client {
        Client::try_from(self.config.clone()).expect("a client")
    }

    /// Nothing passes any more, in no direction, on no connection; none is closed either.
    pub fn cut(&self) {
        self.passes.send_replace(Passes::Nothing);
    }

    /// Requests arrive and are carried out; answers do not come back.
    pub fn hold_answers(&self) {
        self.passes.send_replace(Passes::Requests);
    }

    /// Everything passes, also what was held.
    pub fn mend(&self) {
        self.passes.send_replace(Passes::All);
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Way,
    mut passes: watch::Receiver<Passes>,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let Ok(count) = from.read(&mut bytes).await else { return };
        if passes.wait_for(|passes| passes.lets(way)).await.is_err() {
            return;
        }
        if count == 0 || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
