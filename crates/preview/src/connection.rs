//! A connection whose client must take the answers to its requests.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// The other end of a connection.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    counts: Arc<ByteCounts>,
}

struct ByteCounts {
    /// The bytes that the client has sent since it connected.
    sent: AtomicU64,
    /// The number of sent bytes from which on no more is read.
    most: AtomicU64,
}

impl Client {
    pub(crate) fn new(address: IpAddr) -> Self {
        let counts = ByteCounts { sent: AtomicU64::new(0), most: AtomicU64::new(u64::MAX) };
        Self { address, counts: Arc::new(counts) }
    }

    /// Lets the client send at most `most` bytes from now on, until the next call. If it sends more, the rest is not read, and the task
    /// that reads is not woken for it: the task must look by itself.
    pub(crate) fn allow_bytes(&self, most: u64) {
        self.counts.most.store(self.counts.sent.load(Ordering::Relaxed) + most, Ordering::Relaxed);
    }

    /// Returns true if the client has sent more than it may.
    pub(crate) fn has_sent_too_much(&self) -> bool {
        self.counts.sent.load(Ordering::Relaxed) > self.counts.most.load(Ordering::Relaxed)
    }
}

/// A connection that fails if its client takes no byte for the timeout while there are some to take.
pub(crate) struct TimedStream {
    stream: TcpStream,
    client: Client,
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl TimedStream {
    pub(crate) fn new(stream: TcpStream, client: Client, timeout: Duration) -> Self {
        Self { stream, client, timeout, timer: Box::pin(sleep(timeout)), is_waiting: false }
    }

    /// Passes the outcome of a write on, and fails when the client has been away for the timeout.
    fn check<T>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.is_waiting = false;
            return done;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            self.timer.as_mut().reset(Instant::now() + self.timeout);
        }
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.client.has_sent_too_much() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.client.counts.sent.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        done
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, data);
        self.check(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.check(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(context);
        self.check(context, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(context);
        self.check(context, done)
    }
}
