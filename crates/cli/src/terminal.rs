//! Writes to standard output and standard error.

use std::fmt::Display;
use std::io::Write;

use passerby::types::BoxError;

/// Writes text to standard output. A reader that closed the pipe is not an error.
pub(crate) fn print(text: &str) -> Result<(), BoxError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("standard output: {e}").into()),
        _ => Ok(()),
    }
}

/// Writes a message as one line to standard error. If standard error is closed, the message has no reader.
pub(crate) fn message(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "passerby: {text}");
}

/// Writes a warning as one line to standard error.
pub(crate) fn warning(text: impl Display) {
    message(format_args!("warning: {text}"));
}
