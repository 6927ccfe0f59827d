//! Sends each observation to the subscribers, the frame taps and the writer.

use std::sync::Arc;

use passerby_types::{Clock, Frame, Observation, ObservedFace, Recycler};

use crate::output::events::EventSenders;
use crate::output::frame_tap::{TappedFrame, Taps};
use crate::output::subscription::Subscribers;
use crate::output::writer::WriteReport;
use crate::output::writer_queue::WriterQueue;

/// The most idle lists of observed faces that are kept. It covers a batch of the writer.
const MAX_IDLE_LISTS: usize = 256;
/// The number of lists that are made at the start, so that the first busy moment needs no memory.
const INITIAL_LISTS: usize = 32;
/// The most copies of observations that are kept to be written over when their subscribers have dropped them.
const MAX_COPIES: usize = 256;
/// The number of faces that the first lists have room for.
const INITIAL_FACES: usize = 4;

/// Creates the store of the lists of observed faces.
pub(crate) fn observed_lists() -> Recycler<Vec<ObservedFace>> {
    let lists = Recycler::new(MAX_IDLE_LISTS);
    (0..INITIAL_LISTS).for_each(|_| lists.give_back(Vec::with_capacity(INITIAL_FACES)));
    lists
}

/// Everything outside that listens to a pipeline. It exists before the pipeline starts.
pub(crate) struct Listeners {
    pub(crate) subscribers: Subscribers<Arc<Observation>>,
    pub(crate) frame_subscribers: Subscribers<TappedFrame>,
    pub(crate) events: Arc<EventSenders>,
    pub(crate) taps: Arc<Taps>,
}

impl Listeners {
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            subscribers: Subscribers::new(Arc::clone(clock)),
            frame_subscribers: Subscribers::new(Arc::clone(clock)),
            events: Arc::new(EventSenders::new(Arc::clone(clock))),
            taps: Arc::default(),
        }
    }
}

/// Sends each observation to everything that takes observations.
pub(crate) struct Fanout {
    pub(crate) listeners: Listeners,
    /// `None` without a sink.
    pub(crate) writer: Option<WriterQueue>,
    /// The faces' lists of observations. Observations that nothing holds any more give theirs back.
    pub(crate) lists: Arc<Recycler<Vec<ObservedFace>>>,
    /// The copies that subscribers and taps share.
    copies: Recycler<Arc<Observation>>,
}

impl Fanout {
    pub(crate) fn new(listeners: Listeners, writer: Option<WriterQueue>) -> Self {
        Self { listeners, writer, lists: Arc::new(observed_lists()), copies: Recycler::new(MAX_COPIES) }
    }

    /// Returns true if a tap or a subscriber wants frames.
    pub(crate) fn wants_frames(&self) -> bool {
        self.listeners.taps.any() || !self.listeners.frame_subscribers.is_empty()
    }

    /// Returns the frame to keep until its observation is ready, or `None` if no tap and no subscriber wants it.
    pub(crate) fn tap(&self, frame: Option<&Frame>) -> Option<Frame> {
        frame.filter(|_| self.wants_frames()).cloned()
    }

    /// Sends the observation to all subscribers, to the taps and the subscribers of frames together with its `frame`, and
    /// to the writer.
    ///
    /// A lossless camera waits for a writer that is behind. A live one does not, and the observation is counted as lost.
    pub(crate) fn publish(&self, observation: Observation, frame: Option<&Frame>, lossless: bool) {
        let Listeners { subscribers, frame_subscribers, taps, .. } = &self.listeners;
        if frame.is_some() || !subscribers.is_empty() {
            let shared = self.copies.share_copy(&observation);
            if let Some(frame) = frame {
                taps.put(frame, &shared);
                frame_subscribers
                    .send(&TappedFrame { frame: frame.clone(), observation: Arc::clone(&shared) });
            }
            subscribers.send(&shared);
        }
        let unused = match &self.writer {
            Some(writer) => writer.send(observation, lossless),
            None => Some(observation),
        };
        if let Some(observation) = unused {
            self.lists.give_back_list(observation.faces);
        }
    }

    /// Adds the observations that the writer never got to the writer's own report.
    pub(crate) fn complete(&self, report: &mut WriteReport) {
        self.writer.iter().for_each(|writer| writer.complete(report));
    }

    /// Ends the subscriptions and refuses further observations.
    pub(crate) fn close(&self) {
        self.writer.iter().for_each(WriterQueue::close);
        self.listeners.subscribers.close();
        self.listeners.frame_subscribers.close();
        self.copies.clear();
    }
}
