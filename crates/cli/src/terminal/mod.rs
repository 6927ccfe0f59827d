//! Writes to standard output and standard error. Everything from outside is cleaned here before it is shown.

mod draw_target;
mod stderr_queue;

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use passerby::types::{BoxError, visible};

use crate::stop;
pub(crate) use draw_target::draw_target;

/// How often a wait for standard output looks for a signal.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a text on standard output waits for the messages before it, and the end of the program for the last ones.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes text to standard output. A reader that closed the pipe is not an error.
///
/// # Errors
/// The system cannot write, or standard output has no reader and a signal has asked the program to end.
pub(crate) fn print(text: &str) -> Result<(), BoxError> {
    stderr_queue::flush(FLUSH_TIMEOUT);
    let text = visible_lines(text);
    let (done, outcome) = mpsc::sync_channel(1);
    let write = move || {
        let mut out = std::io::stdout().lock();
        // The receiver is gone if the program no longer waits.
        let _ = done.send(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    };
    thread::Builder::new().name("passerby-stdout".into()).spawn(write)?;
    loop {
        match outcome.recv_timeout(POLL_INTERVAL) {
            Ok(Err(e)) if e.kind() != ErrorKind::BrokenPipe => {
                return Err(format!("standard output: {e}").into());
            }
            Ok(_) => return Ok(()),
            Err(RecvTimeoutError::Timeout) if stop::is_signal_overdue() => {
                return Err("standard output: it has no reader".into());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err("standard output: the thread failed".into()),
        }
    }
}

/// Returns a number with its noun, for example `1 person` or `2 persons`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Writes a message as one line to standard error. Never waits: if standard error is not read, the message is lost.
pub(crate) fn message(text: impl Display) {
    stderr_queue::send(format!("passerby: {}\n", visible(&text.to_string())));
}

/// Writes a message of several lines to standard error.
pub(crate) fn message_lines(text: &str) {
    stderr_queue::send(format!("passerby: {}\n", visible_lines(text)));
}

/// Writes a warning as one line to standard error.
pub(crate) fn warning(text: impl Display) {
    message(format_args!("warning: {text}"));
}

/// Waits for the last messages. Must be called at the end of the program.
pub(crate) fn flush() {
    stderr_queue::flush(FLUSH_TIMEOUT);
}

/// Returns the text with each of its lines made [`visible`].
fn visible_lines(text: &str) -> String {
    let lines = text.split('\n').map(|line| line.split('\t').map(visible).collect::<Vec<_>>().join("\t"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tabs_stay_and_escape_sequences_do_not() {
        assert_eq!(visible_lines("a\tb\n\x1b[31mc\r\n"), "a\tb\n\\u{1b}[31mc\\r\n");
    }
}
