//! How a command ended.

use std::process::ExitCode;

/// The exit code if something failed.
pub(crate) const FAILURE_EXIT_CODE: u8 = 2;

/// How a command ended that did not end with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All work is done.
    Done,
    /// A part failed, which the command has reported already.
    Failed,
    /// This signal ended the command early.
    Interrupted(i32),
}

impl Outcome {
    /// Returns the exit code.
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed => ExitCode::from(FAILURE_EXIT_CODE),
            Self::Interrupted(signal) => ExitCode::from(signal_exit_code(signal)),
        }
    }
}

/// Returns the exit code after a signal: 128 plus the signal's number, as shells have it. For example 130 after Ctrl-C.
pub(crate) fn signal_exit_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
