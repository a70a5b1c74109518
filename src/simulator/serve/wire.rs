//! The edge: HTTP to [`Ask`], [`Reply`] to HTTP, compression, and the faults that only a body can have.

use std::io::{self, Write};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt, stream};

use super::{
    kinds::FaultKind,
    reply::{Ask, Reply},
    socket::Fuse,
};

/// Bodies beyond this size go out as they are: to compress them would cost a test more than it shows.
const MAX_COMPRESSED_BYTES: usize = 8 << 20;
/// Bytes of an answer before its headers end.
const PART_OF_HEADERS: usize = 24;

/// What is asked, and whether the answer may be compressed.
pub(super) fn ask(request: &Request) -> (Ask, bool) {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let query = request.uri().query().unwrap_or_default();
    let ask = Ask {
        path: request.uri().path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        authorization: text(header::AUTHORIZATION).map(ToOwned::to_owned),
        origin: format!("http://{}", text(header::HOST).unwrap_or("localhost")),
    };
    (ask, text(header::ACCEPT_ENCODING).is_some_and(|accepted| accepted.contains("gzip")))
}

pub(super) async fn respond(reply: Reply, gzip: bool, fault: Option<&FaultKind>, fuse: &Fuse) -> Response {
    match fault {
        Some(FaultKind::SlowHeaders(pause)) => tokio::time::sleep(*pause).await,
        Some(FaultKind::ResetBeforeHeaders) => fuse.light(0),
        Some(FaultKind::ResetInHeaders) => fuse.light(PART_OF_HEADERS),
        _ => {}
    }
    let mut bytes = reply.body;
    if fault == Some(&FaultKind::TruncatedBody) {
        bytes.truncate(bytes.len() / 2);
    }
    let compressed = if gzip && bytes.len() <= MAX_COMPRESSED_BYTES { compress(&bytes).ok() } else { None };
    let is_compressed = compressed.is_some();
    let mut bytes = compressed.unwrap_or(bytes);
    if fault == Some(&FaultKind::TruncatedGzip) {
        bytes.truncate(bytes.len() / 2);
    }
    let mut response = Response::new(body(bytes, fault));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.kind));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn body(bytes: Vec<u8>, fault: Option<&FaultKind>) -> Body {
    let mut rest = Bytes::from(bytes);
    match fault {
        Some(FaultKind::Reset) => {
            let broken = io::Error::new(io::ErrorKind::ConnectionReset, "simulated reset");
            Body::from_stream(stream::iter([Ok(rest.split_to(rest.len() / 2)), Err(broken)]))
        }
        Some(&FaultKind::SlowBody(pause)) => {
            let first = rest.split_to(rest.len() / 2);
            let last = stream::once(async move {
                tokio::time::sleep(pause).await;
                Ok(rest)
            });
            Body::from_stream(stream::iter([Ok::<_, io::Error>(first)]).chain(last))
        }
        _ => Body::from(rest),
    }
}
