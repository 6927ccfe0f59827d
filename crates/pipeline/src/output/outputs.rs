//! The outputs of a running pipeline, for a part of the program that only looks on.

use std::fmt;
use std::sync::Arc;

use passerby_workers::WhenFull;

use crate::coded::streams::CodedStreams;
use crate::engine::PipelineEngine;
use crate::figures::metrics::Metrics;
use crate::output::events::EventReceiver;
use crate::output::frame_tap::FrameTap;
use crate::output::subscription::Subscription;

/// Opens the outputs of a pipeline and cannot change the pipeline. A clone opens the same outputs.
/// [`Handle::outputs`](crate::Handle::outputs) returns it. It can be used after the pipeline has ended; nothing comes then.
#[derive(Clone)]
pub struct PipelineOutputs {
    pub(crate) engine: Arc<PipelineEngine>,
}

impl fmt::Debug for PipelineOutputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PipelineOutputs")
    }
}

impl PipelineOutputs {
    /// Returns a subscription, as [`Handle::subscribe`](crate::Handle::subscribe).
    #[must_use]
    pub fn subscribe(&self, name: &str, capacity: usize, when_full: WhenFull) -> Subscription {
        self.engine.context.fanout.listeners.subscribers.subscribe(name, capacity, when_full)
    }

    /// Returns a receiver of all events from now on, as [`Handle::events`](crate::Handle::events).
    #[must_use]
    pub fn events(&self) -> EventReceiver {
        self.engine.context.fanout.listeners.events.subscribe()
    }

    /// Returns a tap on the newest frames, as [`Handle::frames`](crate::Handle::frames).
    #[must_use]
    pub fn frames(&self) -> FrameTap {
        self.engine.context.fanout.listeners.taps.open()
    }

    /// Returns the opener of the cameras' coded streams, as [`Handle::coded_streams`](crate::Handle::coded_streams).
    #[must_use]
    pub fn coded_streams(&self) -> CodedStreams {
        CodedStreams { engine: Arc::clone(&self.engine) }
    }

    /// Returns the reader of the figures, as [`Handle::metrics`](crate::Handle::metrics).
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics { engine: Arc::clone(&self.engine) }
    }
}
