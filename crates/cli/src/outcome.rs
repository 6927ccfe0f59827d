//! How a command ended.

use std::process::ExitCode;

/// The exit code if something failed.
pub(crate) const FAILURE_EXIT_CODE: u8 = 2;
/// The exit code after Ctrl-C: 128 plus the signal's number, as shells have it.
pub(crate) const INTERRUPTED_EXIT_CODE: u8 = 130;

/// How a command ended that did not end with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All work is done.
    Done,
    /// A part failed, which the command has reported already.
    Failed,
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl Outcome {
    /// Returns the exit code.
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed => ExitCode::from(FAILURE_EXIT_CODE),
            Self::Interrupted => ExitCode::from(INTERRUPTED_EXIT_CODE),
        }
    }
}
