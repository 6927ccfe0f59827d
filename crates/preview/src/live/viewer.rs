//! The bounded queue of one viewer of events.

use std::collections::{BTreeSet, VecDeque};

use axum::body::Bytes;
use parking_lot::Mutex;
use passerby_types::CameraId;
use tokio::sync::Notify;

/// The most events that wait for a viewer.
const MAX_WAITING: usize = 256;
/// The most bytes that wait for a viewer.
const MAX_BYTES: usize = 1 << 20;

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventKind {
    Observation,
    Figures,
    Camera,
    Pipeline,
    Person,
    Zone,
}

impl EventKind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Observation, Self::Figures, Self::Camera, Self::Pipeline, Self::Person, Self::Zone];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Observation => "observation",
            Self::Figures => "figures",
            Self::Camera => "camera",
            Self::Pipeline => "pipeline",
            Self::Person => "person",
            Self::Zone => "zone",
        }
    }
}

/// The events that a viewer asked for.
#[derive(Clone, Debug)]
pub(crate) struct EventChoice {
    pub(crate) kinds: BTreeSet<EventKind>,
    /// The cameras whose observations and zone events come, or `None` for all.
    pub(crate) cameras: Option<BTreeSet<CameraId>>,
}

impl EventChoice {
    pub(crate) fn has(&self, kind: EventKind, camera: Option<CameraId>) -> bool {
        let is_of_camera = matches!(kind, EventKind::Observation | EventKind::Zone);
        self.kinds.contains(&kind)
            && match (&self.cameras, camera) {
                (Some(cameras), Some(camera)) if is_of_camera => cameras.contains(&camera),
                _ => true,
            }
    }
}

/// A viewer of events. If too many wait, the oldest go and are counted.
pub(crate) struct EventViewer {
    pub(crate) choice: EventChoice,
    state: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Bytes>,
    bytes: usize,
    lost: u64,
    has_ended: bool,
}

impl EventViewer {
    pub(crate) fn new(choice: EventChoice) -> Self {
        Self { choice, state: Mutex::default(), changed: Notify::new() }
    }

    /// Adds an event. Never waits.
    pub(crate) fn push(&self, event: &Bytes) {
        let mut state = self.state.lock();
        state.bytes += event.len();
        state.events.push_back(event.clone());
        while state.events.len() > MAX_WAITING || (state.bytes > MAX_BYTES && state.events.len() > 1) {
            let oldest = state.events.pop_front();
            state.bytes -= oldest.map_or(0, |oldest| oldest.len());
            state.lost += 1;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Ends the stream after the events that wait.
    pub(crate) fn end(&self) {
        self.state.lock().has_ended = true;
        self.changed.notify_one();
    }

    /// Returns the next event as text of the stream, or `None` at the end. Lost events are said first.
    pub(crate) async fn next(&self) -> Option<Bytes> {
        loop {
            let changed = self.changed.notified();
            if let Some(next) = self.take() {
                return next;
            }
            changed.await;
        }
    }

    /// Returns `None` if the viewer must wait.
    fn take(&self) -> Option<Option<Bytes>> {
        let mut state = self.state.lock();
        if state.lost > 0 {
            let lost = std::mem::take(&mut state.lost);
            return Some(Some(format!("event: lost\ndata: {{\"n\":{lost}}}\n\n").into()));
        }
        match state.events.pop_front() {
            Some(event) => {
                state.bytes -= event.len();
                Some(Some(event))
            }
            None => state.has_ended.then_some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer() -> EventViewer {
        EventViewer::new(EventChoice { kinds: EventKind::ALL.into(), cameras: None })
    }

    #[test]
    fn a_slow_viewer_loses_the_oldest_and_gets_their_number() {
        let viewer = viewer();
        (0..1000).for_each(|i| viewer.push(&Bytes::from(format!("{i}"))));
        viewer.end();
        assert_eq!(viewer.take().unwrap().unwrap(), "event: lost\ndata: {\"n\":744}\n\n");
        for i in 744..1000 {
            assert_eq!(viewer.take().unwrap().unwrap(), format!("{i}"));
        }
        assert_eq!(viewer.take(), Some(None));
    }

    #[test]
    fn large_events_are_bounded_by_their_bytes() {
        let viewer = viewer();
        let large = Bytes::from(vec![b'x'; MAX_BYTES / 2]);
        (0..5).for_each(|_| viewer.push(&large));
        assert_eq!(viewer.take().unwrap().unwrap(), "event: lost\ndata: {\"n\":3}\n\n");
        assert!(viewer.take().is_some() && viewer.take().is_some() && viewer.take().is_none());
    }

    #[test]
    fn a_choice_of_cameras_holds_for_observations_and_zones_alone() {
        let cameras = Some([CameraId(1)].into());
        let choice = EventChoice { kinds: [EventKind::Observation, EventKind::Camera].into(), cameras };
        assert!(choice.has(EventKind::Observation, Some(CameraId(1))));
        assert!(!choice.has(EventKind::Observation, Some(CameraId(0))));
        assert!(choice.has(EventKind::Camera, Some(CameraId(0))));
        assert!(!choice.has(EventKind::Figures, None));
    }
}
