//! Ends a thread that waits for a camera.

use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A signal from other threads to the one that receives: it must end.
#[derive(Debug, Default)]
pub(super) struct StopSignal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    raised: bool,
    /// The socket of the running read. Shutting it down ends the read.
    socket: Option<TcpStream>,
}

impl StopSignal {
    /// Ends every read and every sleep, now and later.
    pub(super) fn raise(&self) {
        let mut state = self.lock();
        state.raised = true;
        if let Some(socket) = state.socket.take() {
            // If this fails, the camera has closed the connection already.
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    pub(super) fn is_raised(&self) -> bool {
        self.lock().raised
    }

    /// Sets the socket of the next reads. Returns false if the signal was raised.
    pub(super) fn watch(&self, socket: &TcpStream) -> std::io::Result<bool> {
        let socket = socket.try_clone()?;
        let mut state = self.lock();
        state.socket = Some(socket);
        Ok(!state.raised)
    }

    /// Sleeps for this time, or until the signal is raised.
    pub(super) fn sleep(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut state = self.lock();
        while !state.raised {
            let left = deadline.saturating_duration_since(Instant::now());
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
