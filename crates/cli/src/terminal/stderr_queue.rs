//! Standard error on a thread of its own, so that a terminal or pipe that is not read holds nothing up.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::output::chunk_queue::{Chunk, ChunkQueue};

/// The most bytes that wait to be written.
const QUEUED_BYTES: usize = 256 << 10;

struct StderrQueue {
    queue: ChunkQueue,
    /// The number of texts that found no room.
    lost: AtomicU64,
    has_thread: bool,
}

/// Writes the text to standard error when it can be written, or loses it if too much waits.
pub(super) fn send(text: String) {
    let stderr = stderr();
    let chunk = Chunk { bytes: text.into_bytes(), ..Chunk::default() };
    if !stderr.has_thread {
        write(&chunk.bytes);
    } else if stderr.queue.send(chunk, Duration::ZERO).is_err() {
        stderr.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until every text is written, at most for `timeout`.
pub(super) fn flush(timeout: Duration) {
    stderr().queue.wait_until_done(timeout);
}

fn stderr() -> &'static StderrQueue {
    static STDERR: OnceLock<StderrQueue> = OnceLock::new();
    STDERR.get_or_init(|| {
        let thread = thread::Builder::new().name("passerby-stderr".into());
        // The thread waits here until this function has returned.
        let has_thread = thread.spawn(|| write_all(stderr())).is_ok();
        StderrQueue { queue: ChunkQueue::new(QUEUED_BYTES), lost: AtomicU64::new(0), has_thread }
    })
}

fn write_all(stderr: &StderrQueue) {
    while let Some(chunk) = stderr.queue.recv() {
        write(&chunk.bytes);
        let lost = stderr.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            write(
                format!("passerby: warning: {lost} messages were lost: standard error was not read\n")
                    .as_bytes(),
            );
        }
    }
}

/// If standard error is closed, the text has no reader.
fn write(bytes: &[u8]) {
    let _ = std::io::stderr().lock().write_all(bytes);
}
