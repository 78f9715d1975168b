//! One frame: four bytes of length, a header with the correlation id, the message.

use std::fmt::Display;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::ProtocolError;
use super::guard::Guarded;
use super::versions::Speak;

/// Memory is taken in steps of this size while bytes arrive, never because a length was announced.
const STEP: usize = 1 << 20;

/// Why a frame could not be sent, received or understood.
#[derive(Debug)]
pub enum FrameError {
    Io(io::Error),
    Protocol(ProtocolError),
}

pub fn encode<R: Speak>(
    request: &R,
    version: i16,
    correlation: i32,
    client_id: &str,
) -> Result<Bytes, ProtocolError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let header_version = R::header_version(version);
    let size = header.compute_size(header_version).map_err(encode_error)?;
    let size = size + request.compute_size(version).map_err(encode_error)?;
    let mut frame = BytesMut::with_capacity(4 + size);
    frame.put_i32(i32::try_from(size).map_err(encode_error)?);
    header.encode(&mut frame, header_version).map_err(encode_error)?;
    request.encode(&mut frame, version).map_err(encode_error)?;
    Ok(frame.freeze())
}

pub async fn send(stream: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> Result<(), FrameError> {
    stream.write_all(frame).await.map_err(FrameError::Io)?;
    stream.flush().await.map_err(FrameError::Io)
}

pub async fn receive(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Bytes, FrameError> {
    let announced = stream.read_i32().await.map_err(FrameError::Io)?;
    let length = match usize::try_from(announced) {
        Ok(length) if (4..=limit).contains(&length) => length,
        _ => return Err(FrameError::Protocol(ProtocolError::FrameSize { announced, limit })),
    };
    let mut frame = Vec::with_capacity(length.min(STEP));
    while frame.len() < length {
        let step = (length - frame.len()).min(STEP);
        frame.reserve(step);
        let got = (&mut *stream).take(step as u64).read_to_end(&mut frame).await.map_err(FrameError::Io)?;
        if got < step {
            return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(Bytes::from(frame))
}

/// The message of a frame that answers `correlation`; nothing may be left over.
pub fn decode<M: Decodable + HeaderVersion>(
    frame: Bytes,
    version: i16,
    correlation: i32,
) -> Result<M, ProtocolError> {
    let mut frame = Guarded::new(frame);
    let header = ResponseHeader::decode(&mut frame, M::header_version(version)).map_err(decode_error)?;
    if header.correlation_id != correlation {
        return Err(ProtocolError::WrongCorrelation { expected: correlation, got: header.correlation_id });
    }
    let message = M::decode(&mut frame, version).map_err(decode_error)?;
    match frame.remaining() {
        0 => Ok(message),
        left => Err(ProtocolError::Decode(format!("{left} bytes are left over"))),
    }
}

/// The error code of an answer that begins with it; what follows is not decoded.
pub fn code(mut frame: Bytes, correlation: i32) -> Result<i16, ProtocolError> {
    let got = frame.try_get_i32().map_err(decode_error)?;
    if got != correlation {
        return Err(ProtocolError::WrongCorrelation { expected: correlation, got });
    }
    frame.try_get_i16().map_err(decode_error)
}

fn encode_error(e: impl Display) -> ProtocolError {
    ProtocolError::Encode(format!("{e:#}"))
}

fn decode_error(e: impl Display) -> ProtocolError {
    ProtocolError::Decode(format!("{e:#}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn received(bytes: Vec<u8>, limit: usize) -> Result<Bytes, FrameError> {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 16);
        let writer = tokio::spawn(async move { theirs.write_all(&bytes).await });
        let frame =
            tokio::time::timeout(Duration::from_secs(20), receive(&mut ours, limit)).await.expect("an end");
        drop(ours);
        let _ = writer.await;
        frame
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
    }

    #[tokio::test]
    async fn frames_of_every_size_arrive_whole() {
        for size in [4, 100, STEP - 1, STEP, STEP + 1, 3 * STEP + 7] {
            let body: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            // what follows belongs to the next frame
            let bytes = [framed(&body), framed(b"next")].concat();
            assert_eq!(received(bytes, 100 << 20).await.unwrap(), body);
        }
    }

    #[tokio::test]
    async fn a_frame_beyond_the_limit_is_refused_before_it_is_read() {
        let refused = received(framed(&[0; 101]), 100).await;
        assert!(matches!(
            refused,
            Err(FrameError::Protocol(ProtocolError::FrameSize { announced: 101, limit: 100 }))
        ));
        assert!(received(framed(&[0; 100]), 100).await.is_ok());
    }

    #[tokio::test]
    async fn an_announced_frame_that_does_not_come_is_a_broken_connection() {
        // 99 MiB announced, three bytes sent
        let cut = [&(99_u32 << 20).to_be_bytes()[..], &[1, 2, 3]].concat();
        let error = received(cut, 100 << 20).await;
        assert!(matches!(error, Err(FrameError::Io(e)) if e.kind() == io::ErrorKind::UnexpectedEof));
    }
}
