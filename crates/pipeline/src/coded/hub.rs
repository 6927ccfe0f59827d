//! The coded pictures of one camera, and its viewers.

use std::sync::Arc;

use parking_lot::Mutex;
use passerby_types::{Codec, CodedDemand, CodedRequest};

use super::decode_order::{Arrival, DecodeOrder};
use super::frame::CodedFrame;
use super::group::NewestGroup;
use super::viewer::Viewer;

/// Sends the coded pictures of one camera to its viewers.
///
/// The source attaches coded pictures only while there is a viewer, so without one there is nothing to do.
#[derive(Default)]
pub(crate) struct CodedHub {
    pub(crate) demand: CodedDemand,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    codec: Option<Codec>,
    order: DecodeOrder,
    group: NewestGroup,
    viewers: Vec<Arc<Viewer>>,
    /// The frames that leave now. The list is kept for its memory.
    leaving: Vec<CodedFrame>,
    ended: bool,
}

impl CodedHub {
    /// Notes the codec of the camera's stream.
    pub(crate) fn set_codec(&self, codec: Option<Codec>) {
        self.state.lock().codec = codec;
    }

    /// Returns the codec of the camera's stream, or `None` if the camera has no coded pictures, or is not connected yet.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.state.lock().codec
    }

    /// Sends the next picture in display order to all viewers.
    pub(crate) fn put(&self, arrival: Arrival) {
        let mut state = self.state.lock();
        // A picture that was on its way when the last viewer left.
        if state.viewers.is_empty() {
            return;
        }
        let State { order, leaving, .. } = &mut *state;
        order.push(arrival, leaving);
        state.send();
    }

    /// Adds a viewer. It begins with the newest group. If the camera has ended, so has its stream.
    pub(crate) fn join(&self) -> (Arc<Viewer>, CodedRequest) {
        let request = self.demand.request();
        let mut state = self.state.lock();
        let viewer = Arc::new(Viewer::new(state.group.frames()));
        if state.ended {
            viewer.end();
        } else {
            state.viewers.push(Arc::clone(&viewer));
        }
        (viewer, request)
    }

    /// Removes a viewer. After the last one, nothing is kept.
    pub(crate) fn leave(&self, viewer: &Arc<Viewer>) {
        let mut state = self.state.lock();
        state.viewers.retain(|other| !Arc::ptr_eq(other, viewer));
        if state.viewers.is_empty() {
            *state = State { codec: state.codec, ended: state.ended, ..State::default() };
        }
    }

    /// Ends the streams of all viewers, because the camera has ended.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        let State { order, leaving, .. } = &mut *state;
        order.drain(leaving);
        state.send();
        state.viewers.iter().for_each(|viewer| viewer.end());
        *state = State { codec: state.codec, ended: true, ..State::default() };
    }
}

impl State {
    /// Sends the frames that leave to all viewers.
    fn send(&mut self) {
        for frame in self.leaving.drain(..) {
            self.group.push(&frame);
            self.viewers.iter().for_each(|viewer| viewer.push(&frame));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use passerby_types::CodedPicture;
    use passerby_workers::RecvOutcome;

    use super::*;

    fn picture(stream: u64, number: u64, key: bool, bytes: usize) -> Arc<CodedPicture> {
        Arc::new(CodedPicture {
            codec: Codec::H264,
            data: vec![0; bytes].into(),
            parameter_sets: Arc::default(),
            key,
            stream,
            number,
            width: 64,
            height: 48,
            rotation: 0,
        })
    }

    pub(crate) fn arrival(stream: u64, number: u64, key: bool, pts_ms: u64) -> Arrival {
        Arrival { coded: picture(stream, number, key, 1), pts: Duration::from_millis(pts_ms), seq: number }
    }

    /// Returns a frame whose times are its number in milliseconds.
    pub(crate) fn frame(number: u64, key: bool, bytes: usize) -> CodedFrame {
        let time = Duration::from_millis(number);
        CodedFrame { coded: picture(0, number, key, bytes), pts: time, dts: time, seq: number }
    }

    /// Takes all frames that wait, and returns their numbers.
    pub(crate) fn take_all(viewer: &Viewer) -> Vec<u64> {
        std::iter::from_fn(|| match viewer.recv_timeout(Duration::ZERO) {
            RecvOutcome::Item(frame) => Some(frame.coded.number),
            RecvOutcome::Empty | RecvOutcome::Closed => None,
        })
        .collect()
    }

    #[test]
    fn every_viewer_gets_every_frame_from_the_newest_key_frame_on() {
        let hub = CodedHub::default();
        let (first, _request) = hub.join();
        assert!(hub.demand.is_wanted());
        (0..5).for_each(|number| hub.put(arrival(0, number, number % 4 == 0, number)));
        let (late, _late_request) = hub.join();
        (5..7).for_each(|number| hub.put(arrival(0, number, false, number)));
        assert_eq!(take_all(&first), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(take_all(&late), [4, 5, 6]);
    }

    #[test]
    fn nothing_is_kept_after_the_last_viewer() {
        let hub = CodedHub::default();
        let (viewer, request) = hub.join();
        hub.put(arrival(0, 0, true, 0));
        hub.leave(&viewer);
        drop(request);
        assert!(!hub.demand.is_wanted());
        hub.put(arrival(0, 1, true, 1));
        let (next, _request) = hub.join();
        assert_eq!(take_all(&next), Vec::<u64>::new(), "a viewer waits for the next key frame");
        hub.put(arrival(0, 2, true, 2));
        assert_eq!(take_all(&next), [2]);
    }

    #[test]
    fn the_end_comes_after_the_frames_that_waited_for_a_lost_one() {
        let hub = CodedHub::default();
        let (viewer, _request) = hub.join();
        [0, 2].iter().for_each(|&number| hub.put(arrival(0, number, number == 0, number)));
        hub.end();
        assert_eq!(take_all(&viewer), [0, 2]);
        assert!(matches!(viewer.recv_timeout(Duration::MAX), RecvOutcome::Closed));
        let (late, _request) = hub.join();
        assert!(matches!(late.recv_timeout(Duration::MAX), RecvOutcome::Closed));
    }
}
