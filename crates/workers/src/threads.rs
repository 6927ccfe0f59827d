//! Named threads that can be joined with a timeout.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::catch_panic::catch_panic;
use crate::sync::{Condvar, Deadline, Mutex, thread};

/// A group of named threads that can be joined with a timeout, which those of the standard library cannot.
///
/// If a thread panics, it ends alone and its message is kept. Dropping the group does not wait: threads that still run
/// are detached.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_workers::ThreadGroup;
///
/// let threads = ThreadGroup::new();
/// threads.spawn("quick", || {})?;
/// threads.spawn("broken", || panic!("out of memory"))?;
/// let still_running = threads.join(Duration::from_secs(60));
/// assert!(still_running.is_empty());
/// assert_eq!(threads.panics(), ["broken: panicked: out of memory"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Default)]
pub struct ThreadGroup {
    registry: Arc<Registry>,
    handles: Mutex<Vec<(u64, thread::JoinHandle<()>)>>,
}

/// The threads that run.
struct Registry {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    started: u64,
    running: Vec<(u64, String)>,
    panics: Vec<String>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { state: Mutex::new(State::default()), ended: Condvar::new() }
    }
}

impl Registry {
    fn remove(&self, id: u64) {
        self.state.lock().running.retain(|(other, _)| *other != id);
        self.ended.notify_all();
    }
}

impl ThreadGroup {
    /// Creates an empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a thread. Linux shows the first 15 bytes of its name. Names may repeat.
    ///
    /// # Errors
    /// The system's error if it has no more threads. `work` is dropped then.
    pub fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        // The standard library panics on a name with a zero byte.
        let name = name.replace('\0', "");
        let mut state = self.registry.state.lock();
        state.started += 1;
        let id = state.started;
        // A thread that has ended keeps its stack until it is joined.
        let running = state.running.clone();
        state.running.push((id, name.clone()));
        drop(state);
        self.join_ended(id, &running);

        let registry = Arc::clone(&self.registry);
        let shown = name.clone();
        let started = thread::Builder::new().name(name).spawn(move || {
            if let Err(panic) = catch_panic(work) {
                registry.state.lock().panics.push(format!("{shown}: {panic}"));
            }
            registry.remove(id);
        });
        match started {
            Ok(handle) => {
                self.handles.lock().push((id, handle));
                Ok(())
            }
            Err(e) => {
                self.registry.remove(id);
                Err(e)
            }
        }
    }

    /// Waits until all threads have ended, but at most `timeout`. Returns the names of the threads that still run, in the
    /// order in which they were started. They run on, and a later call waits for them again.
    pub fn join(&self, timeout: Duration) -> Vec<String> {
        let deadline = Deadline::after(timeout);
        let mut state = self.registry.state.lock();
        while !state.running.is_empty() && deadline.wait(&self.registry.ended, &mut state) {}
        let started = state.started;
        let running = state.running.clone();
        drop(state);
        self.join_ended(started + 1, &running);
        running.into_iter().map(|(_, name)| name).collect()
    }

    /// Joins the threads with ids below `before` that are not in `running`.
    fn join_ended(&self, before: u64, running: &[(u64, String)]) {
        let mut handles = self.handles.lock();
        let (ended, left): (Vec<_>, Vec<_>) = handles
            .drain(..)
            .partition(|(id, _)| *id < before && !running.iter().any(|(other, _)| other == id));
        *handles = left;
        drop(handles);
        for (_, handle) in ended {
            // The thread only has to return. Its panic is in the list already.
            let _ = handle.join();
        }
    }

    /// Returns the names of the threads that run, in the order in which they were started.
    #[must_use]
    pub fn running(&self) -> Vec<String> {
        self.registry.state.lock().running.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Returns the name and message of each thread that a panic ended, in the order in which they ended.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        self.registry.state.lock().panics.clone()
    }
}

impl fmt::Debug for ThreadGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadGroup").field("running", &self.running()).finish_non_exhaustive()
    }
}
