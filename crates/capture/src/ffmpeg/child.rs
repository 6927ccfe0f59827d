//! The running program, which ends with its owner.

use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often an end that should come soon is looked for.
const TICK: Duration = Duration::from_millis(2);

/// A process that is killed and reaped when it is dropped.
#[derive(Debug)]
pub(super) struct Process(Mutex<Child>);

impl Process {
    /// Starts the program, without a terminal to read from and apart from Ctrl-C, which is its owner's affair.
    ///
    /// # Errors
    /// The system's: `NotFound` where there is no such program.
    pub(super) fn start(mut command: Command) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let process = Self(Mutex::new(child));
        let (out, err) = pipes.ok_or_else(|| io::Error::other("a process without its pipes"))?;
        Ok((process, out, err))
    }

    /// Ends it. Does not wait.
    pub(super) fn kill(&self) {
        // One that has ended already is no error.
        let _ = self.lock().kill();
    }

    /// How it ended, where it does within this time; `None`: it was killed.
    pub(super) fn end(&self, patience: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + patience;
        loop {
            if let Ok(Some(status)) = self.lock().try_wait() {
                return Some(status);
            }
            if Instant::now() >= end {
                self.kill();
                // A process that was killed goes at once, unless it hangs in a driver: then init has it.
                let _ = until(Duration::from_millis(500), || matches!(self.lock().try_wait(), Ok(Some(_))));
                return None;
            }
            thread::sleep(TICK);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Waits for a thread that should end soon. One that does not, since something else holds its pipe, is left behind, and
/// ends when that does.
pub(super) fn join(thread: JoinHandle<()>, patience: Duration) {
    if until(patience, || thread.is_finished()) {
        // What it panicked with was told as the end of the stream.
        let _ = thread.join();
    }
}

fn until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    while !done() {
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(TICK);
    }
    true
}
