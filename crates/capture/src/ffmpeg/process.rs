//! A child process that ends with its owner.

use std::io;
#[cfg(unix)]
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a wait checks for the end that should come soon.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Runs a program until it ends, or until the other end of its own standard input is closed, as it is when the owner of the
/// program is killed. Its status is that of the program.
///
/// The standard input of the program is the value of the variable [`STDIN_VARIABLE`]. Only the same user can read the variables of a process.
#[cfg(unix)]
const SUPERVISOR: &str = r#"exec 3<&0 </dev/null
stdin=$PASSERBY_CHILD_STDIN
unset PASSERBY_CHILD_STDIN
if [ -n "$stdin" ]; then
    printf %s "$stdin" | "$0" "$@" 3<&- &
else
    "$0" "$@" 3<&- &
fi
child=$!
{ read -r line <&3; kill -9 "$child"; } >/dev/null 2>&1 &
watcher=$!
exec 3<&- >/dev/null 2>&1
wait "$child"
status=$?
kill "$watcher"
exit "$status""#;

/// The variable with the text that the program reads from its standard input.
#[cfg(unix)]
const STDIN_VARIABLE: &str = "PASSERBY_CHILD_STDIN";

/// A process that is killed and reaped when it is dropped.
#[derive(Debug)]
pub(super) struct Process(Mutex<Child>);

impl Process {
    /// Starts the program, which reads `stdin` (on Unix; elsewhere, and if it is `None`, it reads nothing). It has no terminal to
    /// read from, and doesn't get the terminal's Ctrl-C. On Unix it ends with this process, even if this process is killed.
    ///
    /// # Errors
    /// The system's error. `NotFound` if there is no such program.
    pub(super) fn start(
        command: Command,
        stdin: Option<&str>,
    ) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        let mut command = supervised(command, stdin)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let process = Self(Mutex::new(child));
        let (stdout, stderr) = pipes.ok_or_else(|| io::Error::other("a process without its pipes"))?;
        Ok((process, stdout, stderr))
    }

    /// Kills the process. Doesn't wait for its end.
    pub(super) fn kill(&self) {
        let mut child = self.lock();
        if cfg!(unix) {
            // The supervisor kills the program then, and waits for it.
            drop(child.stdin.take());
        } else {
            // This fails if the process has ended already.
            let _ = child.kill();
        }
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
                let has_ended = || matches!(self.lock().try_wait(), Ok(Some(_)));
                if !wait_until(Duration::from_millis(500), has_ended) {
                    let _ = self.lock().kill();
                    wait_until(Duration::from_millis(50), has_ended);
                }
                return None;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the command that runs this one and ends with this process.
#[cfg(unix)]
#[expect(clippy::needless_pass_by_value, reason = "other systems return the command itself")]
fn supervised(command: Command, stdin: Option<&str>) -> io::Result<Command> {
    use std::os::unix::process::CommandExt;
    find(Path::new(command.get_program()))?;
    let mut supervisor = Command::new("/bin/sh");
    supervisor.args(["-c", SUPERVISOR]).arg(command.get_program()).args(command.get_args());
    supervisor.env(STDIN_VARIABLE, stdin.unwrap_or_default());
    supervisor.stdin(Stdio::piped()).process_group(0);
    Ok(supervisor)
}

/// Checks that there is a program with this path, or with this name in `PATH`.
#[cfg(unix)]
fn find(program: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let check = |path: &Path| {
        let metadata = path.metadata()?;
        let is_program = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        if is_program { Ok(()) } else { Err(io::Error::from(io::ErrorKind::PermissionDenied)) }
    };
    if program.components().count() > 1 {
        return check(program);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).any(|folder| check(&folder.join(program)).is_ok());
    if found { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

#[cfg(not(unix))]
fn supervised(mut command: Command, _stdin: Option<&str>) -> io::Result<Command> {
    command.stdin(Stdio::null());
    Ok(command)
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
