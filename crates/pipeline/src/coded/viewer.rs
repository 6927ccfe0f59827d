//! The queue of one viewer.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use passerby_workers::RecvOutcome;

use super::frame::CodedFrame;

/// The most frames that wait, beside the group that the viewer began with: some two seconds.
const MAX_WAITING_FRAMES: usize = 64;
/// The most bytes that wait, beside the group that the viewer began with. A single frame may be larger.
const MAX_WAITING_BYTES: usize = 8 << 20;

/// The counts of one viewer. `offered` is the sum of `received`, `skipped` and `waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodedStreamStats {
    /// The frames of the camera since the viewer came, and those of the group that it began with.
    pub offered: u64,
    /// The frames that the viewer took.
    pub received: u64,
    /// The frames that the viewer did not get: before its first key frame, and because it was slow.
    pub skipped: u64,
    /// The frames that wait for the viewer.
    pub waiting: u64,
    /// How often the viewer was so slow that frames had to go. It then continued with a key frame.
    pub jumps: u64,
}

/// The bounded queue of one viewer. The camera never waits for it.
#[derive(Default)]
pub(crate) struct Viewer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<CodedFrame>,
    bytes: usize,
    /// The frames in the queue that the viewer began with. They do not count as waiting.
    first_frames: usize,
    first_bytes: usize,
    /// The presentation time of the key frame that the viewer began with or jumped to. `None` if it waits for one.
    begun: Option<Duration>,
    counts: CodedStreamStats,
    waker: Option<Waker>,
    ended: bool,
}

impl Viewer {
    /// Creates the queue of a viewer that begins with these frames.
    pub(crate) fn new(group: &[CodedFrame]) -> Self {
        let mut state = State::default();
        for frame in group {
            state.counts.offered += 1;
            state.accept(frame);
        }
        state.first_frames = state.queue.len();
        state.first_bytes = state.bytes;
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Appends the next frame in decoding order. If too many wait, the viewer jumps to the newest key frame.
    pub(crate) fn push(&self, frame: &CodedFrame) {
        let mut state = self.state.lock();
        state.counts.offered += 1;
        if !state.accept(frame) {
            return;
        }
        if state.is_full() {
            state.jump();
        }
        self.wake(&mut state);
    }

    /// Ends the stream. The viewer still gets the frames in its queue.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        self.wake(&mut state);
    }

    fn wake(&self, state: &mut State) {
        self.changed.notify_all();
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Returns the oldest frame, and waits for it up to `timeout`.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> RecvOutcome<CodedFrame> {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.state.lock();
        loop {
            if let Some(frame) = state.take() {
                return RecvOutcome::Item(frame);
            }
            if state.ended {
                return RecvOutcome::Closed;
            }
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() && state.queue.is_empty() {
                        return if state.ended { RecvOutcome::Closed } else { RecvOutcome::Empty };
                    }
                }
            }
        }
    }

    /// Returns the oldest frame, or has `context` woken when there is one.
    pub(crate) fn poll_recv(&self, context: &Context<'_>) -> Poll<Option<CodedFrame>> {
        let mut state = self.state.lock();
        if let Some(frame) = state.take() {
            return Poll::Ready(Some(frame));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn stats(&self) -> CodedStreamStats {
        let state = self.state.lock();
        CodedStreamStats { waiting: state.queue.len() as u64, ..state.counts }
    }
}

impl State {
    /// Appends a frame if the viewer can decode it. Otherwise counts it as skipped and returns false.
    fn accept(&mut self, frame: &CodedFrame) -> bool {
        if frame.coded.key {
            self.begun.get_or_insert(frame.pts);
        }
        // Pictures that are shown before the key frame may refer to frames before it.
        if self.begun.is_none_or(|begun| frame.pts < begun) {
            self.counts.skipped += 1;
            return false;
        }
        self.bytes += frame.coded.data.len();
        self.queue.push_back(frame.clone());
        true
    }

    fn is_full(&self) -> bool {
        let frames = self.queue.len() - self.first_frames;
        frames > MAX_WAITING_FRAMES || self.bytes - self.first_bytes > MAX_WAITING_BYTES && frames > 1
    }

    /// Drops the frames before the newest key frame in the queue. If there is no other, drops everything and waits for one.
    fn jump(&mut self) {
        self.counts.jumps += 1;
        let newest = self.queue.iter().rposition(|frame| frame.coded.key).filter(|&at| at > 0);
        let dropped = newest.unwrap_or(self.queue.len());
        self.begun = newest.and_then(|at| self.queue.get(at)).map(|frame| frame.pts);
        for _ in 0..dropped {
            self.pop();
        }
        self.counts.skipped += dropped as u64;
    }

    fn take(&mut self) -> Option<CodedFrame> {
        let frame = self.pop()?;
        self.counts.received += 1;
        Some(frame)
    }

    fn pop(&mut self) -> Option<CodedFrame> {
        let frame = self.queue.pop_front()?;
        let len = frame.coded.data.len();
        self.bytes -= len;
        if self.first_frames > 0 {
            self.first_frames -= 1;
            self.first_bytes -= len;
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::coded::hub::tests::{frame, take_all};

    #[test]
    fn a_viewer_begins_with_a_key_frame() {
        let viewer = Viewer::new(&[]);
        for (number, key) in [false, false, true, false].into_iter().enumerate() {
            viewer.push(&frame(number as u64, key, 1));
        }
        assert_eq!(take_all(&viewer), [2, 3]);
        let counts = CodedStreamStats { offered: 4, received: 2, skipped: 2, waiting: 0, jumps: 0 };
        assert_eq!(viewer.stats(), counts);
    }

    #[test]
    fn a_late_viewer_begins_with_the_group() {
        let group: Vec<_> = (0..200).map(|number| frame(number, number == 0, 1)).collect();
        let viewer = Viewer::new(&group);
        (200..200 + MAX_WAITING_FRAMES as u64).for_each(|number| viewer.push(&frame(number, false, 1)));
        assert_eq!(take_all(&viewer).len(), 200 + MAX_WAITING_FRAMES, "the group does not count as waiting");
        assert_eq!(viewer.stats().jumps, 0);
    }

    #[test]
    fn frames_that_are_shown_before_the_first_key_frame_are_left_out() {
        let viewer = Viewer::new(&[]);
        let mut leading = frame(11, false, 1);
        leading.pts = frame(9, false, 1).pts;
        [frame(10, true, 1), leading, frame(12, false, 1)].iter().for_each(|frame| viewer.push(frame));
        assert_eq!(take_all(&viewer), [10, 12]);
    }

    #[test]
    fn a_slow_viewer_jumps_to_the_newest_key_frame() {
        let viewer = Viewer::new(&[]);
        let frames = MAX_WAITING_FRAMES as u64;
        (0..=frames).for_each(|number| viewer.push(&frame(number, number % 50 == 0, 1)));
        assert_eq!(take_all(&viewer), (50..=frames).collect::<Vec<_>>());
        let received = frames - 50 + 1;
        let counts = CodedStreamStats { offered: frames + 1, received, skipped: 50, waiting: 0, jumps: 1 };
        assert_eq!(viewer.stats(), counts);
    }

    #[test]
    fn without_a_newer_key_frame_a_slow_viewer_waits_for_one() {
        let viewer = Viewer::new(&[]);
        let frames = MAX_WAITING_FRAMES as u64;
        (0..frames + 10).for_each(|number| viewer.push(&frame(number, number == 0, 1)));
        assert_eq!(take_all(&viewer), Vec::<u64>::new());
        viewer.push(&frame(200, true, 1));
        assert_eq!(take_all(&viewer), [200]);
        let counts = CodedStreamStats {
            offered: frames + 11,
            received: 1,
            skipped: frames + 10,
            waiting: 0,
            jumps: 1,
        };
        assert_eq!(viewer.stats(), counts);
    }

    #[test]
    fn large_frames_are_bounded_by_their_bytes() {
        let viewer = Viewer::new(&[]);
        viewer.push(&frame(0, true, 2 * MAX_WAITING_BYTES));
        assert_eq!(viewer.stats().waiting, 1, "a single frame may be larger");
        viewer.push(&frame(1, true, MAX_WAITING_BYTES));
        assert_eq!((take_all(&viewer), viewer.stats().skipped), (vec![1], 1));
    }

    #[test]
    fn an_ended_viewer_still_gets_its_frames() {
        let viewer = Viewer::new(&[frame(0, true, 1)]);
        viewer.end();
        assert_eq!(take_all(&viewer), [0]);
        assert!(matches!(viewer.recv_timeout(Duration::MAX), RecvOutcome::Closed));
    }

    #[test]
    fn a_waiting_task_is_woken() {
        #[derive(Default)]
        struct Wakes(AtomicUsize);
        impl Wake for Wakes {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let wakes = Arc::new(Wakes::default());
        let waker = Arc::clone(&wakes).into();
        let context = Context::from_waker(&waker);
        let viewer = Viewer::new(&[]);
        assert!(viewer.poll_recv(&context).is_pending());
        viewer.push(&frame(0, false, 1));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 0, "nothing that it can decode");
        viewer.push(&frame(1, true, 1));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(matches!(viewer.poll_recv(&context), Poll::Ready(Some(_))));
        assert!(viewer.poll_recv(&context).is_pending());
        viewer.end();
        assert!(matches!(viewer.poll_recv(&context), Poll::Ready(None)));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    }
}
