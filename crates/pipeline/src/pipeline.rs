//! The way of a frame on many threads, for many cameras at once.
//!
//! ```text
//!            one thread a camera          shared pool           one thread a camera
//! source ──> reader ──> queue of 2 ──┐                       ┌──> reorder ──> tracker ──> attention ──┐ looks by
//! source ──> reader ──> queue of 2 ──┼──> detect, detect ────┼──> reorder ──> tracker ──> attention ──┤ priority
//! source ──> reader ──> queue of 2 ──┘    oldest first       └──> …                                   │
//!               │ frames between two detections go straight to reorder ─────────────┘                 │
//!               ▼                                                                                      ▼
//!            ledger                       subscribers <── observation <── identify, fuse <── embed, embed
//!                                         writer thread <──┘                                 classify, classify
//! ```
//!
//! A frame's way through the code, from left to right: `reader.rs`, `lanes.rs`, `detection.rs`, `reorder.rs`,
//! `follow.rs` (with `camera.rs`), `looks.rs`, `people.rs`, `outlets.rs`, `record.rs`. `monitor.rs` looks at all of it
//! from outside. What one camera's threads share is a `CameraState`; a frame inside holds a `InFlightGuard`, which settles its
//! place in the ledger even where a stage fails.

use std::fmt;
use std::sync::Arc;

use passerby_types::{CameraId, Clock, FrameSource, Sink};

use crate::context::Context;
use crate::engine::PipelineEngine;
use crate::error::PipelineError;
use crate::governor::monitor;
use crate::handle::{Handle, PipelineReport};
use crate::settings::PipelineSettings;
use crate::stages::Stages;

/// Many cameras through shared stages. Build it, then [`run`](Pipeline::run) it to the end of its sources or
/// [`start`](Pipeline::start) it and keep the [`Handle`].
///
/// Live cameras ([`SourceInfo::live`](passerby_types::SourceInfo::live)) never wait: what is not taken in time is
/// dropped and counted. From lossless ones nothing is dropped, and what comes out is exactly what a
/// [`Flow::run_together`](crate::Flow::run_together) gives, whatever the number of workers: a frame's observation waits
/// for the looks taken at it, while later frames are being detected on, and cameras tell the gallery of their frames by
/// turns.
pub struct Pipeline {
    stages: Stages,
    settings: PipelineSettings,
    clock: Arc<dyn Clock>,
    cameras: Vec<(CameraId, Box<dyn FrameSource>)>,
    sink: Option<Box<dyn Sink>>,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cameras: Vec<_> = self.cameras.iter().map(|(id, source)| (id, &source.info().name)).collect();
        f.debug_struct("Pipeline")
            .field("settings", &self.settings)
            .field("cameras", &cameras)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// A pipeline without cameras.
    #[must_use]
    pub fn new(stages: Stages, settings: PipelineSettings, clock: Arc<dyn Clock>) -> Self {
        Self { stages, settings, clock, cameras: Vec::new(), sink: None }
    }

    /// With this camera.
    #[must_use]
    pub fn camera(mut self, camera: CameraId, source: impl FrameSource + 'static) -> Self {
        self.cameras.push((camera, Box::new(source)));
        self
    }

    /// With this sink for the observations of all cameras. The last one given counts.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Runs until every source has ended, and everything is written. Never comes back with a source that never ends.
    ///
    /// # Errors
    /// As for [`Pipeline::start`].
    pub fn run(self) -> Result<PipelineReport, PipelineError> {
        Ok(self.start()?.finish())
    }

    /// Makes the stages and starts every thread.
    ///
    /// # Errors
    /// What a factory says, that the system has no more threads, or that two cameras have one number. What was started
    /// is stopped.
    pub fn start(self) -> Result<Handle, PipelineError> {
        let handle = self.start_paused()?;
        handle.pause(false);
        Ok(handle)
    }

    /// As [`Pipeline::start`], but no camera is read before [`Handle::pause`]`(false)`: time to subscribe to the first
    /// frame as well.
    ///
    /// # Errors
    /// As for [`Pipeline::start`].
    pub fn start_paused(self) -> Result<Handle, PipelineError> {
        let Self { stages, settings, clock, cameras, sink } = self;
        let capacity = sink.is_some().then_some(settings.flow.writer.max_pending_rows.max(1));
        let context = Arc::new(Context::new(&stages, settings, clock, capacity)?);
        let handle = Handle::new(PipelineEngine::start(stages, context)?);
        // All take part before the first one reads, so that they start at the same turn.
        let mut opened = Vec::with_capacity(cameras.len());
        for (id, source) in cameras {
            opened.push((handle.engine.open(id, &*source)?, source));
        }
        for (worker, source) in opened {
            handle.engine.run(worker, source)?;
        }
        if let Some(sink) = sink {
            handle.engine.write_to(sink)?;
        }
        let engine = Arc::clone(&handle.engine);
        handle.engine.thread(&handle.engine.threads.monitor, "monitor", move || monitor::watch(&engine))?;
        Ok(handle)
    }
}
