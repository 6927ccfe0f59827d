//! Events of a pipeline while it runs: cameras that come and go, failures, and losses.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use passerby_types::{CameraId, Clock, ErrorClass};
use passerby_workers::{CountedReceiver, CountedSender, WhenFull, counted_channel};

use crate::governor::load::GovernorDecision;

/// The most events that wait for a receiver.
const EVENT_CAPACITY: usize = 256;

/// An event of a running pipeline. [`Pipeline::events`](crate::Pipeline::events) and
/// [`Handle::events`](crate::Handle::events) return a receiver.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PipelineEvent {
    /// A camera gave its first picture. If its source failed before, there was a [`PipelineEvent::CameraLost`], and this
    /// event ends that outage.
    CameraConnected {
        /// The camera.
        camera: CameraId,
        /// The name of its source.
        name: String,
    },
    /// A camera's source lost its connection, stalled or froze. The pipeline keeps asking it for pictures. Further errors
    /// before the next picture are no events.
    CameraLost {
        /// The camera.
        camera: CameraId,
        /// The text of the source's error.
        error: String,
        /// The class of the source's error.
        class: ErrorClass,
    },
    /// A camera that had given pictures before gave one again after [`PipelineEvent::CameraLost`].
    CameraRecovered {
        /// The camera.
        camera: CameraId,
        /// The time from the first error until this picture.
        outage: Duration,
    },
    /// A camera ended, and all its frames are settled.
    CameraEnded {
        /// The camera.
        camera: CameraId,
        /// The text of the error that ended it, or `None` if its source ended or it was removed.
        error: Option<String>,
    },
    /// A stage failed.
    StageFailed {
        /// The camera of the frame that it failed on.
        camera: CameraId,
        /// The stage, for example `detect`, under the name that `failures` and `rebuilds` of the camera's figures use.
        stage: &'static str,
        /// The text of the error.
        error: String,
        /// The class of the error. [`ErrorClass::Reset`]: the pipeline replaces the instance.
        class: ErrorClass,
    },
    /// A call of a stage, a source or a sink has been running for longer than
    /// [`stuck_after`](crate::PipelineSettings::stuck_after). There is one event for each such call.
    CallStuck {
        /// The camera, or `None` if the call is the sink's.
        camera: Option<CameraId>,
        /// The stage, for example `detect`, as in [`StuckCall`](crate::StuckCall).
        stage: &'static str,
        /// The time that the call has been running.
        elapsed: Duration,
    },
    /// Observations of a camera did not reach the sink and are gone.
    RowsLost {
        /// The camera.
        camera: CameraId,
        /// The number of observations that were lost since the last such event of this camera.
        observations: u64,
    },
    /// The governor changed the number of detection workers or the cadence of a camera.
    GovernorChanged {
        /// The new decision.
        decision: GovernorDecision,
    },
}

impl PipelineEvent {
    /// Returns the camera that the event is about, or `None` if it is about the whole pipeline or the sink.
    #[must_use]
    pub fn camera(&self) -> Option<CameraId> {
        match self {
            Self::CameraConnected { camera, .. }
            | Self::CameraLost { camera, .. }
            | Self::CameraRecovered { camera, .. }
            | Self::CameraEnded { camera, .. }
            | Self::StageFailed { camera, .. }
            | Self::RowsLost { camera, .. } => Some(*camera),
            Self::CallStuck { camera, .. } => *camera,
            Self::GovernorChanged { .. } => None,
        }
    }
}

/// Writes one line, for example `camera 3: lost: rtsp://gate: connection reset`.
impl fmt::Display for PipelineEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CameraConnected { camera, name } => write!(f, "{camera}: connected: {name}"),
            Self::CameraLost { camera, error, .. } => write!(f, "{camera}: lost: {error}"),
            Self::CameraRecovered { camera, outage } => write!(f, "{camera}: recovered after {outage:.1?}"),
            Self::CameraEnded { camera, error: Some(error) } => write!(f, "{camera}: ended: {error}"),
            Self::CameraEnded { camera, error: None } => write!(f, "{camera}: ended"),
            Self::StageFailed { camera, error, .. } => write!(f, "{camera}: failed: {error}"),
            Self::CallStuck { camera: Some(camera), stage, elapsed } => {
                write!(f, "{camera}: {stage}: a call has not returned for {elapsed:.1?}")
            }
            Self::CallStuck { camera: None, stage, elapsed } => {
                write!(f, "{stage}: a call has not returned for {elapsed:.1?}")
            }
            Self::RowsLost { camera, observations } => {
                write!(f, "{camera}: {observations} observations lost")
            }
            Self::GovernorChanged { decision } => write!(
                f,
                "governor: {} workers, cadence {} ({})",
                decision.workers, decision.cadence, decision.reason
            ),
        }
    }
}

/// The events of a pipeline, in the order in which they happened for each camera.
///
/// At most 256 events wait; beyond that the oldest are dropped, and [`stats`](CountedReceiver::stats) counts them. It ends
/// when the pipeline has ended and all events are received. Like a [`Subscription`](crate::Subscription) it is an iterator,
/// and its [`receiver`](CountedReceiver::receiver) works in a `crossbeam_channel::select!`.
pub type EventReceiver = CountedReceiver<PipelineEvent>;

/// The sending halves of all event receivers. Dropping it ends them.
pub(crate) struct EventSenders {
    clock: Arc<dyn Clock>,
    senders: Mutex<Vec<CountedSender<PipelineEvent>>>,
    /// True if there was ever a receiver. Without one, no event is built.
    any: AtomicBool,
}

impl EventSenders {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, senders: Mutex::default(), any: AtomicBool::new(false) }
    }

    pub(crate) fn subscribe(&self) -> EventReceiver {
        let clock = Arc::clone(&self.clock);
        let (sender, receiver) = counted_channel("events", EVENT_CAPACITY, WhenFull::DropOldest, clock);
        self.senders.lock().push(sender);
        self.any.store(true, Ordering::Release);
        receiver
    }

    /// Builds an event and sends it to all receivers. Never waits. Without a receiver it builds nothing.
    pub(crate) fn send(&self, event: impl FnOnce() -> PipelineEvent) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut senders = self.senders.lock();
        senders.retain(|sender| !sender.is_closed());
        if let Some((last, others)) = senders.split_last() {
            let event = event();
            for sender in others {
                // The channel counts the event that it drops.
                drop(sender.send(event.clone()));
            }
            drop(last.send(event));
        }
    }

    /// Ends all receivers.
    pub(crate) fn close(&self) {
        self.senders.lock().clear();
    }
}

impl fmt::Debug for EventSenders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventSenders({})", self.senders.lock().len())
    }
}
