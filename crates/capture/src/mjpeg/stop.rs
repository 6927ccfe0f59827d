//! Ends a thread that waits for a camera.

use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by the thread that receives and those that may end it.
#[derive(Debug, Default)]
pub(super) struct Stop {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    over: bool,
    /// What is being read from: shutting it down ends the read.
    socket: Option<TcpStream>,
}

impl Stop {
    /// From now on every read and every sleep ends at once.
    pub(super) fn cancel(&self) {
        let mut state = self.lock();
        state.over = true;
        if let Some(socket) = state.socket.take() {
            // An error means that the camera has closed it already.
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    pub(super) fn is_raised(&self) -> bool {
        self.lock().over
    }

    /// Reads are from this socket now. False: they are not wanted any more.
    pub(super) fn watch(&self, socket: &TcpStream) -> std::io::Result<bool> {
        let socket = socket.try_clone()?;
        let mut state = self.lock();
        state.socket = Some(socket);
        Ok(!state.over)
    }

    /// Sleeps so long, or until it is raised.
    pub(super) fn sleep(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut state = self.lock();
        while !state.over {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
