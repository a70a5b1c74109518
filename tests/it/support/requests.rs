//! Requests over HTTP as bytes, for servers that answer as no library would.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub struct Request {
    /// The first line and the headers.
    pub head: String,
    pub body: Vec<u8>,
}

/// The request of whoever has connected; none when it is gone before it has asked.
pub async fn request(stream: &mut TcpStream) -> Option<Request> {
    let mut read = Vec::new();
    loop {
        let mut piece = vec![0; 16_384];
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        read.extend_from_slice(&piece[..length]);
        let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        let wanted: usize =
            head.to_lowercase().split_once("content-length: ").unwrap().1.lines().next().unwrap().parse().unwrap();
        if read.len() >= end + 4 + wanted {
            return Some(Request { head, body: read.split_off(end + 4) });
        }
    }
}

/// Of an answer that is cut the last bytes never come.
pub async fn reply(stream: &mut TcpStream, status: &str, body: &[u8], is_cut: bool) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let sent = if is_cut { &body[..body.len().saturating_sub(8)] } else { body };
    // Who was killed meanwhile does not read it.
    stream.write_all(&[head.as_bytes(), sent].concat()).await.ok();
    stream.shutdown().await.ok();
}
