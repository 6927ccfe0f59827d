//! Keeps the inference engine's panics and long-winded errors inside.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::prelude::TractResult;

/// The longest reason that is passed on, in characters: the engine's errors may print whole tensors.
const LONGEST_REASON: usize = 400;

/// Runs `work` and gives its error, or what it panicked with, as text. The engine panics on some malformed models
/// (an output that no node makes, say); what `work` was changing must not be used again after a panic.
pub(crate) fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(shortened(&format!("{error:#}"))),
        Err(panic) => Err(shortened(&format!("the engine panicked: {}", message(&*panic)))),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

fn shortened(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_and_errors_become_short_text() {
        assert_eq!(guarded(|| Ok(3)), Ok(3));
        assert_eq!(guarded::<()>(|| panic!("at {}", 7)), Err("the engine panicked: at 7".into()));
        let long = "é ".repeat(1000);
        let reason = guarded::<()>(|| Err(std::io::Error::other(long).into())).unwrap_err();
        assert_eq!(reason.chars().count(), LONGEST_REASON + 1);
    }
}
