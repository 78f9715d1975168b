//! The byte stream to a broker: TCP, or TLS on TCP.
//!
//! SASL is not a stream of its own: it is a conversation of ordinary requests (`SaslHandshake`,
//! `SaslAuthenticate`; KIP-43, KIP-152) on either of these, see `sasl`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::Address;
use super::tls::Tls;

/// A broker whose machine has gone without a word is noticed after this and twice [`AGAIN`], and what was sent to it and is
/// not confirmed ends the connection after both together.
const SILENCE: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(1);
const TIMES: u32 = 2;

pub enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Which half of connecting failed.
pub enum ConnectError {
    Tcp(io::Error),
    Tls(io::Error),
}

impl Transport {
    pub async fn connect(address: &Address, tls: Option<&Tls>) -> Result<Self, ConnectError> {
        let tcp =
            TcpStream::connect((address.host.as_str(), address.port)).await.map_err(ConnectError::Tcp)?;
        // requests are written whole; waiting for more to send only adds latency
        tcp.set_nodelay(true).map_err(ConnectError::Tcp)?;
        watch(&tcp).map_err(ConnectError::Tcp)?;
        let Some(config) = tls else { return Ok(Self::Plain(tcp)) };
        let name = ServerName::try_from(address.host.clone())
            .map_err(|e| ConnectError::Tls(io::Error::new(io::ErrorKind::InvalidInput, e)))?;
        let stream =
            TlsConnector::from(config.current()).connect(name, tcp).await.map_err(ConnectError::Tls)?;
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Open, and nothing to read. Between two calls anything else is the end: the broker has closed an idle
    /// connection (`connections.max.idle.ms`) or was restarted, or it says something that nobody asked for.
    pub fn is_quiet(&self) -> bool {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        };
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        tcp.poll_peek(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
    }
}

/// Has the system find out whether the other end is still there (RFC 9293, 3.8.4; RFC 5482).
fn watch(tcp: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(tcp);
    let alive = TcpKeepalive::new().with_time(SILENCE).with_interval(AGAIN).with_retries(TIMES);
    socket.set_tcp_keepalive(&alive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE + AGAIN * TIMES))?;
    Ok(())
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
