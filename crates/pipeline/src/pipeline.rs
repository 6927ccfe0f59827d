//! A pipeline of many cameras on many threads.
//!
//! ```text
//!         one thread a camera        shared pool         one thread a camera
//! source ──> reader ──> queue ──┐                   ┌──> reorder ──> tracker ──> view selector ──┐ face jobs
//! source ──> reader ──> queue ──┼──> detect, ... ───┼──> reorder ──> tracker ──> view selector ──┤ by priority
//! source ──> reader ──> queue ──┘    fair           └──> ...                                     │
//!               │ frames between two detections go straight to reorder ──────┘                   │
//!               v                                                                                v
//!            ledger               subscribers, taps <── observation <── identify, fuse <── embed, classify
//!                                 writer thread     <──┘
//! ```
//!
//! A frame passes these files from left to right: `camera/reader.rs`, `detection.rs`, `camera/worker.rs` with
//! `camera/observer.rs`, `face_jobs.rs`, `identities.rs`, `output/fanout.rs`, `output/writer_thread.rs`.
//! `governor/monitor.rs` watches all of it. The threads of one camera share a `CameraState`. Each frame inside holds an
//! `InFlightGuard`, which settles its entry in the ledger even if a stage fails.

use std::fmt;
use std::sync::Arc;

use passerby_types::{CameraId, Clock, FrameSource, Sink};
use passerby_workers::{WhenFull, can_catch_panics};

use crate::context::Context;
use crate::engine::PipelineEngine;
use crate::error::PipelineError;
use crate::governor::monitor;
use crate::handle::{Handle, PipelineReport};
use crate::output::events::EventReceiver;
use crate::output::fanout::Listeners;
use crate::output::frame_tap::FrameTap;
use crate::output::subscription::{FrameSubscription, Subscription};
use crate::output::writer_queue::WriterQueue;
use crate::settings::PipelineSettings;
use crate::stages::Stages;

/// A pipeline that takes many cameras through shared stages. Build it, then [`run`](Pipeline::run) it to the end of its
/// sources, or [`start`](Pipeline::start) it and keep the [`Handle`].
///
/// A stage, a source or a sink that panics costs at most a frame or its own camera, in a program whose profile has
/// `panic = "unwind"`, which is the default of cargo. With `panic = "abort"` every panic ends the program; the start then
/// warns of that in the log.
///
/// A live camera ([`SourceInfo::live`](passerby_types::SourceInfo::live)) never waits: the pipeline drops and counts the
/// frames that it cannot take in time. It drops no frame of a lossless camera, for example a file. Then the observations
/// are exactly those of [`Flow::run_together`](crate::Flow::run_together), whatever the number of workers: each observation
/// waits for its face jobs while later frames are being detected, and the cameras update the gallery in turns.
///
/// ```
/// use std::sync::Arc;
///
/// use passerby_pipeline::{Pipeline, PipelineSettings, Stages, WhenFull};
/// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
/// use passerby_types::{CameraId, SystemClock};
///
/// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
/// let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
///     .camera(CameraId(0), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 3]));
/// let observations = pipeline.subscribe("printer", 16, WhenFull::Block);
/// let report = std::thread::scope(|scope| {
///     let run = scope.spawn(|| pipeline.run());
///     for observation in observations {
///         println!("frame {}: {} faces", observation.meta.seq, observation.faces.len());
///     }
///     run.join().expect("the pipeline does not panic")
/// })?;
/// assert_eq!(report.reports[0].ledger.analysed, 3);
/// # Ok::<(), passerby_pipeline::PipelineError>(())
/// ```
pub struct Pipeline {
    stages: Stages,
    settings: PipelineSettings,
    clock: Arc<dyn Clock>,
    cameras: Vec<(CameraId, Box<dyn FrameSource>)>,
    sink: Option<Box<dyn Sink>>,
    listeners: Listeners,
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
    /// Creates a pipeline without cameras.
    #[must_use]
    pub fn new(stages: Stages, settings: PipelineSettings, clock: Arc<dyn Clock>) -> Self {
        let listeners = Listeners::new(&clock);
        Self { stages, settings, clock, cameras: Vec::new(), sink: None, listeners }
    }

    /// Adds a camera. Its number must not be used twice.
    #[must_use]
    pub fn camera(mut self, camera: CameraId, source: impl FrameSource + 'static) -> Self {
        self.cameras.push((camera, Box::new(source)));
        self
    }

    /// Sets the sink for the observations of all cameras. A second call replaces the sink.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Returns a subscription to all observations, from the first frame of each camera.
    ///
    /// If `capacity` observations wait in it, `when_full` decides. With [`WhenFull::Block`] a subscriber that does not
    /// receive holds up all cameras. If the pipeline is dropped before its start, the subscription ends.
    ///
    /// This example waits for observations and for events in one loop:
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use crossbeam_channel::select;
    /// use passerby_pipeline::{Pipeline, PipelineEvent, PipelineSettings, Stages, WhenFull};
    /// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
    /// use passerby_types::{CameraId, SystemClock};
    ///
    /// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    /// let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
    ///     .camera(CameraId(0), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 3]));
    /// let observations = pipeline.subscribe("loop", 16, WhenFull::Block);
    /// let events = pipeline.events();
    /// let handle = pipeline.start()?;
    ///
    /// let mut ended = false;
    /// let mut frames = 0;
    /// while !(ended && frames == 3) {
    ///     select! {
    ///         recv(observations.receiver()) -> observation => frames += usize::from(observation.is_ok()),
    ///         recv(events.receiver()) -> event => {
    ///             ended |= matches!(event, Ok(PipelineEvent::CameraEnded { .. }));
    ///         }
    ///     }
    /// }
    /// assert_eq!(handle.finish().reports[0].ledger.analysed, 3);
    /// # Ok::<(), passerby_pipeline::PipelineError>(())
    /// ```
    #[must_use]
    pub fn subscribe(&self, name: &str, capacity: usize, when_full: WhenFull) -> Subscription {
        self.listeners.subscribers.subscribe(name, capacity, when_full)
    }

    /// Returns a subscription to all frames with their observations, from the first frame of each camera. It is for programs
    /// that need every picture, for example to write an annotated video. Without one, the pipeline keeps no frame for it.
    ///
    /// At most `capacity` frames wait in it, with their pictures in memory. If it is full, `when_full` decides. With
    /// [`WhenFull::Block`] no frame is lost, and a subscriber that does not receive holds up all cameras. If the pipeline is
    /// dropped before its start, the subscription ends.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use passerby_pipeline::{Pipeline, PipelineSettings, Stages, WhenFull};
    /// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
    /// use passerby_types::{CameraId, SystemClock};
    ///
    /// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    /// let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
    ///     .camera(CameraId(0), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 3]));
    /// let frames = pipeline.subscribe_frames("pictures", 2, WhenFull::Block);
    /// let handle = pipeline.start()?;
    /// for seq in 0..3 {
    ///     let item = frames.recv().expect("three frames come");
    ///     assert_eq!((item.frame.image.width(), item.observation.meta.seq), (64, seq));
    /// }
    /// drop(handle.finish());
    /// # Ok::<(), passerby_pipeline::PipelineError>(())
    /// ```
    #[must_use]
    pub fn subscribe_frames(&self, name: &str, capacity: usize, when_full: WhenFull) -> FrameSubscription {
        self.listeners.frame_subscribers.subscribe(name, capacity, when_full)
    }

    /// Returns a receiver of all events, from the start. A receiver that is not read holds up nothing.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use passerby_pipeline::{Pipeline, PipelineEvent, PipelineSettings, Stages};
    /// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
    /// use passerby_types::{CameraId, SystemClock};
    ///
    /// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    /// let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
    ///     .camera(CameraId(0), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 3]));
    /// let events = pipeline.events();
    /// pipeline.run()?;
    /// for event in events {
    ///     println!("{event}");
    /// }
    /// # Ok::<(), passerby_pipeline::PipelineError>(())
    /// ```
    #[must_use]
    pub fn events(&self) -> EventReceiver {
        self.listeners.events.subscribe()
    }

    /// Returns a tap on the newest frame of each camera together with its observation, as [`Handle::frames`] does.
    #[must_use]
    pub fn frames(&self) -> FrameTap {
        self.listeners.taps.open()
    }

    /// Runs the pipeline until every source has ended and everything is written. Does not return if a source never ends.
    ///
    /// # Errors
    /// The same as for [`Pipeline::start`].
    pub fn run(self) -> Result<PipelineReport, PipelineError> {
        Ok(self.start()?.finish())
    }

    /// Makes the stages and starts every thread.
    ///
    /// # Errors
    /// [`PipelineError::Stage`] if a factory fails, [`PipelineError::Thread`] if the system has no more threads, and
    /// [`PipelineError::CameraInUse`] if two cameras have the same number. All threads that were started are stopped.
    pub fn start(self) -> Result<Handle, PipelineError> {
        let handle = self.start_paused()?;
        handle.resume();
        Ok(handle)
    }

    /// Starts the pipeline like [`Pipeline::start`], but paused: it asks no source for pictures before
    /// [`Handle::resume`].
    ///
    /// # Errors
    /// The same as for [`Pipeline::start`].
    pub fn start_paused(self) -> Result<Handle, PipelineError> {
        if !can_catch_panics() {
            tracing::warn!(
                "built with panic = \"abort\": a panic of any stage, source or sink ends the whole program"
            );
        }
        let Self { stages, settings, clock, cameras, sink, listeners } = self;
        let max_pending = settings.flow.writer.max_pending_rows.max(1);
        let writer = sink.is_some().then(|| WriterQueue::new(max_pending, Arc::clone(&clock)));
        let context = Arc::new(Context::new(&stages, settings, clock, listeners, writer)?);
        let handle = Handle::new(PipelineEngine::start(stages, context)?);
        // All cameras join the sequencer before the first one reads, so that they start at the same turn.
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
