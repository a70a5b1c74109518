//! Connections that a fault can break off in the middle of a byte stream, where HTTP itself would be too polite.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// How many bytes a connection may still send before it breaks.
#[derive(Clone, Debug)]
pub(super) struct Fuse(Arc<AtomicUsize>);

const UNLIT: usize = usize::MAX;

impl Fuse {
    pub fn light(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Breakable>> for Fuse {
    fn connect_info(stream: IncomingStream<'_, Breakable>) -> Self {
        stream.io().fuse.clone()
    }
}

/// A listener whose connections have a [`Fuse`].
pub(super) struct Breakable(pub TcpListener);

impl Listener for Breakable {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.0).await;
        (Connection { stream, fuse: Fuse(Arc::new(AtomicUsize::new(UNLIT))) }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    fuse: Fuse,
}

impl Connection {
    /// Sends what the fuse leaves of `bytes`, then breaks off so that the other side is told of a reset.
    fn send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.fuse.0.load(Ordering::Relaxed);
        if left == UNLIT {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        if left == 0 {
            self.stream.set_zero_linger()?;
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "simulated reset")));
        }
        let sent = Pin::new(&mut self.stream).poll_write(context, &bytes[..bytes.len().min(left)]);
        if let Poll::Ready(Ok(sent)) = sent {
            self.fuse.light(left - sent);
        }
        sent
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.send(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
