//! One connection to one broker, one request at a time.
//!
//! [`Connection::call`] consumes the connection and gives it back only with a complete, well-formed answer to
//! this very request. So every way out of a call but success (an error, a deadline, a caller that was
//! dropped) closes it.

use std::io;

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, SaslHandshakeRequest};
use kafka_protocol::protocol::{Request, StrBytes};

use super::address::Address;
use super::error::{Code, ItemError, ProtocolError};
use super::frame::{self, FrameError};
use super::options::Options;
use super::sasl;
use super::transport::{ConnectError, Transport};
use super::versions::{self, Offered, Speak};

pub struct Connection {
    stream: Transport,
    offered: Offered,
    client_id: String,
    frame_limit: usize,
    correlation: i32,
}

/// Why a connection ended, before it is known what for and with whom.
pub enum Fault {
    Tcp(io::Error),
    Tls(io::Error),
    /// While sending or receiving.
    Broken(io::Error),
    Protocol(ProtocolError),
    Refused(ItemError),
}

impl Connection {
    /// Connects, and learns which versions the broker accepts.
    pub async fn open(address: &Address, options: &Options) -> Result<Self, Fault> {
        let stream = Transport::connect(address, options.tls.as_ref()).await?;
        let connection = Self {
            stream,
            offered: Offered::new(&[]),
            client_id: options.client_id.clone(),
            frame_limit: options.frame_limit,
            correlation: 0,
        };
        let connection = connection.negotiate().await?;
        match &options.credentials {
            Some(who) => sasl::authenticate(connection, who).await,
            None => Ok(connection),
        }
    }

    pub fn is_quiet(&self) -> bool {
        self.stream.is_quiet()
    }

    pub async fn call<R: Speak>(mut self, request: &R) -> Result<(Self, R::Response), Fault> {
        let version = self.offered.choose::<R>()?;
        let frame = self.exchange(request, version).await?;
        let response = frame::decode::<R::Response>(frame, version, self.correlation)?;
        Ok((self, response))
    }

    /// `SaslHandshake`. Of its answer only the code is read: the lengths in what follows are not of the kind that `guard` follows.
    pub async fn handshake(mut self, mechanism: &'static str) -> Result<Self, Fault> {
        let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
        let version = self.offered.choose::<SaslHandshakeRequest>()?;
        let frame = self.exchange(&request, version).await?;
        ItemError::check(frame::code(frame, self.correlation)?, None)?;
        Ok(self)
    }

    async fn exchange<R: Speak>(&mut self, request: &R, version: i16) -> Result<Bytes, FrameError> {
        self.correlation = self.correlation.wrapping_add(1);
        let frame = frame::encode(request, version, self.correlation, &self.client_id)
            .map_err(FrameError::Protocol)?;
        frame::send(&mut self.stream, &frame).await?;
        drop(frame);
        frame::receive(&mut self.stream, self.frame_limit).await
    }

    /// `ApiVersions` (KIP-35, KIP-511): we ask in our newest version; a broker that does not know it answers
    /// in version 0, with the range it does know.
    async fn negotiate(mut self) -> Result<Self, Fault> {
        let request = api_versions_request();
        let mut version = ApiVersionsRequest::MAX;
        let mut frame = self.exchange(&request, version).await?;
        if is_unsupported_version(&frame, self.correlation) {
            version = versions::choose::<ApiVersionsRequest>(range_in_refusal(&frame))?;
            frame = self.exchange(&request, version).await?;
        }
        if is_unsupported_version(&frame, self.correlation) {
            return Err(Fault::Refused(ItemError { code: Code::UNSUPPORTED_VERSION, message: None }));
        }
        let answer: ApiVersionsResponse = frame::decode(frame, version, self.correlation)?;
        ItemError::check(answer.error_code, None)?;
        self.offered = Offered::new(&answer.api_keys);
        Ok(self)
    }
}

pub fn api_versions_request() -> ApiVersionsRequest {
    ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("sluice"))
        .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")))
}

/// A refusal is always in version 0: correlation id, code, count, then key, min and max of each API.
fn is_unsupported_version(mut frame: &[u8], correlation: i32) -> bool {
    frame.try_get_i32() == Ok(correlation) && frame.try_get_i16() == Ok(Code::UNSUPPORTED_VERSION.0)
}

/// The versions of `ApiVersions` that the broker accepts, where its refusal says so.
fn range_in_refusal(frame: &[u8]) -> Option<(i16, i16)> {
    let mut rest = frame.get(6..)?;
    for _ in 0..rest.try_get_i32().ok()? {
        let (key, min, max) = (rest.try_get_i16().ok()?, rest.try_get_i16().ok()?, rest.try_get_i16().ok()?);
        if key == ApiVersionsRequest::KEY {
            return Some((min, max));
        }
    }
    None
}

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Tcp(e) => Self::Tcp(e),
            ConnectError::Tls(e) => Self::Tls(e),
        }
    }
}

impl From<FrameError> for Fault {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(e) => Self::Broken(e),
            FrameError::Protocol(e) => Self::Protocol(e),
        }
    }
}

impl From<ProtocolError> for Fault {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<ItemError> for Fault {
    fn from(error: ItemError) -> Self {
        Self::Refused(error)
    }
}
