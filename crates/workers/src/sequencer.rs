//! Takes cameras by turns, frame by frame, so that what they tell the gallery comes in one order whatever the threads do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use passerby_types::CameraId;

/// Lets lossless cameras in by rising (frame, camera). A camera that joins while others run starts at their frame; one
/// that was waited for in vain is not waited for again before it comes.
#[derive(Default)]
pub struct Sequencer {
    state: Mutex<BTreeMap<CameraId, Place>>,
    changed: Condvar,
}

#[derive(Clone, Copy)]
struct Place {
    first: u64,
    at: u64,
    /// It was waited for in vain.
    away: bool,
}

impl Place {
    fn move_to(&mut self, seq: u64) {
        (self.at, self.away) = (self.first.saturating_add(seq), false);
    }
}

impl Sequencer {
    /// The camera takes part from now on.
    pub fn join(&self, camera: CameraId) {
        let mut state = self.state.lock();
        let first = state.values().filter(|p| !p.away).map(|p| p.at).min().unwrap_or(0);
        state.insert(camera, Place { first, at: first, away: false });
    }

    /// Waits until no other camera that takes part has an earlier frame to come, at most so long; then it is this
    /// one's turn all the same, and the answer is false. The time counts from when the pipeline was last
    /// `resumed`, and not while it is paused (`None`). A camera that does not take part, or no more, has its turn at
    /// once.
    pub fn wait(
        &self,
        camera: CameraId,
        seq: u64,
        patience: Duration,
        resumed: impl Fn() -> Option<Instant>,
    ) -> bool {
        let mut state = self.state.lock();
        let Some(place) = state.get_mut(&camera) else { return true };
        place.move_to(seq);
        let mine = (place.at, camera);
        self.changed.notify_all();
        let mut end = Instant::now().checked_add(patience);
        let earlier = |(id, place): (&CameraId, &Place)| (place.at, *id) < mine && !place.away;
        while state.contains_key(&camera) && state.iter().any(earlier) {
            match end {
                Some(time) => {
                    if self.changed.wait_until(&mut state, time).timed_out() {
                        let later = resumed().unwrap_or_else(Instant::now).checked_add(patience);
                        if later.is_none_or(|later| later > time) {
                            end = later;
                            continue;
                        }
                        let late = state.iter_mut().filter(|(id, place)| (place.at, **id) < mine);
                        late.for_each(|(_, place)| place.away = true);
                        self.changed.notify_all();
                        return false;
                    }
                }
                None => self.changed.wait(&mut state),
            }
        }
        true
    }

    /// The camera is done with this frame.
    pub fn pass(&self, camera: CameraId, seq: u64) {
        if let Some(place) = self.state.lock().get_mut(&camera) {
            place.move_to(seq.saturating_add(1));
            self.changed.notify_all();
        }
    }

    /// The camera takes no part any more.
    pub fn leave(&self, camera: CameraId) {
        self.state.lock().remove(&camera);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn threads_come_by_rising_frame_and_camera_whoever_is_faster() {
        let (turns, start) = (Arc::new(Sequencer::default()), Some(Instant::now()));
        let order = Arc::new(Mutex::new(Vec::new()));
        // Camera 1 loses frame 3, camera 2 ends early.
        let frames = [vec![0, 1, 2, 3, 4, 5], vec![0, 1, 2, 4, 5], vec![0, 1]];
        (0..3).for_each(|c| turns.join(CameraId(c)));
        let threads: Vec<_> = (0..3)
            .map(|c| {
                let (turns, order, frames) = (Arc::clone(&turns), Arc::clone(&order), frames[c].clone());
                let camera = CameraId(u32::try_from(c).unwrap());
                let take = move || {
                    for seq in frames {
                        assert!(turns.wait(camera, seq, Duration::MAX, || start));
                        order.lock().push((seq, camera.0));
                        turns.pass(camera, seq);
                    }
                    turns.leave(camera);
                };
                thread::Builder::new().spawn(take).unwrap()
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        let order = Arc::into_inner(order).unwrap().into_inner();
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(order.len(), 13);
    }

    #[test]
    fn a_camera_that_never_comes_is_not_waited_for_for_ever() {
        let (turns, start) = (Sequencer::default(), Some(Instant::now()));
        turns.join(CameraId(0));
        turns.join(CameraId(1));
        assert!(!turns.wait(CameraId(1), 0, Duration::from_millis(1), || start));
        assert!(turns.wait(CameraId(1), 1, Duration::MAX, || start), "nor a second time");
        assert!(turns.wait(CameraId(0), 0, Duration::MAX, || start));
        assert!(turns.wait(CameraId(7), 0, Duration::MAX, || start), "takes no part");
        assert!(
            !turns.wait(CameraId(1), 2, Duration::from_millis(1), || start),
            "it came, and is waited for again"
        );
        turns.pass(CameraId(0), 9);
        turns.join(CameraId(2));
        assert!(
            turns.wait(CameraId(1), 2, Duration::MAX, || start),
            "one that joins late starts at the others' frame"
        );
    }
}
