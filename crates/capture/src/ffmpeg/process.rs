//! A child process that ends with its owner.

use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a wait checks for the end that should come soon.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A process that is killed and reaped when it is dropped.
#[derive(Debug)]
pub(super) struct Process(Mutex<Child>);

impl Process {
    /// Starts the program. It has no terminal to read from, and doesn't get the terminal's Ctrl-C.
    ///
    /// # Errors
    /// The system's error. `NotFound` if there is no such program.
    pub(super) fn start(mut command: Command) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let process = Self(Mutex::new(child));
        let (stdout, stderr) = pipes.ok_or_else(|| io::Error::other("a process without its pipes"))?;
        Ok((process, stdout, stderr))
    }

    /// Kills the process. Doesn't wait for its end.
    pub(super) fn kill(&self) {
        // This fails if the process has ended already.
        let _ = self.lock().kill();
    }

    /// Waits up to `timeout` for the process to end, and returns its status. Kills it after that, and returns `None`.
    pub(super) fn wait_or_kill(&self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Ok(Some(status)) = self.lock().try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                self.kill();
                // A killed process ends at once, unless it hangs in a driver. It is left to the system then.
                let _ =
                    wait_until(Duration::from_millis(500), || matches!(self.lock().try_wait(), Ok(Some(_))));
                return None;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.wait_or_kill(Duration::ZERO);
    }
}

/// Waits up to `timeout` for a thread to end.
///
/// If another process holds the thread's pipe, the thread is left behind and ends with that process.
pub(super) fn join_within(thread: JoinHandle<()>, timeout: Duration) {
    if wait_until(timeout, || thread.is_finished()) {
        // If the thread panicked, the stream has ended with an error.
        let _ = thread.join();
    }
}

fn wait_until(timeout: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + timeout;
    while !done() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
    true
}
