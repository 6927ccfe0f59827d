//! Named threads that are waited for with an end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::catch_panic::quietly;
use crate::sync::{Condvar, Deadline, Mutex, thread};

/// Threads that can be waited for with a timeout, which those of the standard library cannot.
///
/// A panic in a thread ends that thread alone and is remembered. Dropping this waits for nobody: threads that still
/// run are left to themselves.
#[derive(Default)]
pub struct Threads {
    roll: Arc<Roll>,
    handles: Mutex<Vec<(u64, thread::JoinHandle<()>)>>,
}

/// Who runs.
struct Roll {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    started: u64,
    running: Vec<(u64, String)>,
    panics: Vec<String>,
}

impl Default for Roll {
    fn default() -> Self {
        Self { state: Mutex::new(State::default()), ended: Condvar::new() }
    }
}

impl Roll {
    fn strike(&self, id: u64) {
        self.state.lock().running.retain(|(other, _)| *other != id);
        self.ended.notify_all();
    }
}

impl Threads {
    /// No threads.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a thread. Linux shows the first 15 bytes of its name. Names may repeat.
    ///
    /// # Errors
    /// What the system says where it has no more threads to give: `work` is dropped.
    pub fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        // A zero byte ends a name early; the standard library would rather panic.
        let name = name.replace('\0', "");
        let mut state = self.roll.state.lock();
        state.started += 1;
        let id = state.started;
        // An ended thread keeps its stack until it is joined.
        let running = state.running.clone();
        state.running.push((id, name.clone()));
        drop(state);
        self.reap(id, &running);

        let roll = Arc::clone(&self.roll);
        let shown = name.clone();
        let started = thread::Builder::new().name(name).spawn(move || {
            if let Err(panic) = quietly("thread", work) {
                roll.state.lock().panics.push(format!("{shown}: {panic}"));
            }
            roll.strike(id);
        });
        match started {
            Ok(handle) => {
                self.handles.lock().push((id, handle));
                Ok(())
            }
            Err(e) => {
                self.roll.strike(id);
                Err(e)
            }
        }
    }

    /// Waits until every thread has ended or the time is up. Returns the names of those that still run, in the order
    /// they were started; empty where none does. They are left to themselves, and a later call waits for them again.
    pub fn join(&self, timeout: Duration) -> Vec<String> {
        let deadline = Deadline::after(timeout);
        let mut state = self.roll.state.lock();
        while !state.running.is_empty() && deadline.wait(&self.roll.ended, &mut state) {}
        let (started, running) = (state.started, state.running.clone());
        drop(state);
        self.reap(started + 1, &running);
        running.into_iter().map(|(_, name)| name).collect()
    }

    /// Joins the threads that were started before this one, all but these.
    fn reap(&self, before: u64, running: &[(u64, String)]) {
        let mut handles = self.handles.lock();
        let (ended, left): (Vec<_>, Vec<_>) = handles
            .drain(..)
            .partition(|(id, _)| *id < before && !running.iter().any(|(other, _)| other == id));
        *handles = left;
        drop(handles);
        for (_, handle) in ended {
            // It has nothing left to do but to return, and its panic was told already.
            let _ = handle.join();
        }
    }

    /// The names of the threads that run, in the order they were started.
    #[must_use]
    pub fn running(&self) -> Vec<String> {
        self.roll.state.lock().running.iter().map(|(_, name)| name.clone()).collect()
    }

    /// The threads that a panic ended, each with its message, in the order they ended.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        self.roll.state.lock().panics.clone()
    }
}
