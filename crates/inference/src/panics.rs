//! Conversion of the engines' panics and long error messages into short texts.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The largest length of a reason in characters. Errors of tract may print whole tensors.
const MAX_REASON_CHARS: usize = 400;

/// Runs `work` and returns its error or the message of its panic as text. tract panics on some malformed models, for
/// example if no node computes an output. After a panic, the caller must not use the state that `work` was changing.
pub(crate) fn catch_panics<T, E: Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(shorten(&format!("{error:#}"))),
        Err(panic) => Err(shorten(&format!("the engine panicked: {}", message(&*panic)))),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

fn shorten(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_and_errors_become_short_text() {
        assert_eq!(catch_panics(|| Ok::<_, String>(3)), Ok(3));
        assert_eq!(
            catch_panics::<(), String>(|| panic!("at {}", 7)),
            Err("the engine panicked: at 7".into())
        );
        let long = "é ".repeat(1000);
        let reason = catch_panics::<(), _>(|| Err(long)).unwrap_err();
        assert_eq!(reason.chars().count(), MAX_REASON_CHARS + 1);
    }
}
