//! The handle of a running pipeline.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use passerby_types::{CameraId, FrameSource};
use passerby_workers::WhenFull;

use crate::camera::state::CameraState;
use crate::coded::streams::CodedStreams;
use crate::engine::PipelineEngine;
use crate::error::PipelineError;
use crate::figures::metrics::{Metrics, MetricsSnapshot};
use crate::figures::report::CameraReport;
use crate::governor::monitor;
use crate::output::events::EventReceiver;
use crate::output::frame_tap::FrameTap;
use crate::output::outputs::PipelineOutputs;
use crate::output::subscription::{FrameSubscription, Subscription};
use crate::output::writer::WriteReport;
use crate::output::writer_queue::WriterQueue;

/// How long [`Handle::finish`] waits for the pipeline's end after all sources have ended, and for a sink that takes no
/// observation.
const FINISH_TIMEOUT: Duration = Duration::from_secs(60);
/// The timeout of the stop if the handle is dropped, or the sink took no observation for [`FINISH_TIMEOUT`].
const DROP_TIMEOUT: Duration = Duration::from_secs(2);
/// The percentage of a stop's time after which cameras that still have frames inside are abandoned. The rest is for the
/// pools, the writer and the threads, each until its own percentage.
const CAMERAS_PERCENT: u32 = 70;
const POOLS_PERCENT: u32 = 80;
const SINK_PERCENT: u32 = 90;
const WRITER_PERCENT: u32 = 95;

/// The results of a pipeline that has ended.
#[derive(Debug)]
pub struct PipelineReport {
    /// One report for each camera, in the order in which they were added. All frames are settled: none is in flight.
    pub reports: Vec<CameraReport>,
    /// The counts of the sink.
    pub written: WriteReport,
    /// The names of the threads that did not return in time, because they are inside a call of a stage, a source or a
    /// sink. Empty if all threads ended.
    pub abandoned: Vec<String>,
    /// The last figures.
    pub figures: MetricsSnapshot,
}

/// A running pipeline: observe it, change it, stop it. Dropping the handle stops the pipeline like [`Handle::stop`] with a
/// timeout of two seconds.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use passerby_pipeline::{Pipeline, PipelineSettings, Stages};
/// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
/// use passerby_types::{CameraId, SystemClock};
///
/// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
/// let handle = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new())).start()?;
/// handle.add(CameraId(3), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 5]))?;
/// assert!(handle.wait(CameraId(3), Duration::from_secs(60)), "a file ends by itself");
/// let report = handle.stop(Duration::from_secs(60));
/// assert_eq!(report.reports[0].ledger.analysed, 5);
/// # Ok::<(), passerby_pipeline::PipelineError>(())
/// ```
pub struct Handle {
    pub(crate) engine: Arc<PipelineEngine>,
    stopped: bool,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("cameras", &self.cameras()).finish_non_exhaustive()
    }
}

impl Handle {
    pub(crate) fn new(engine: Arc<PipelineEngine>) -> Self {
        Self { engine, stopped: false }
    }

    /// Returns a subscription to all observations from now on. To get those of the first frames as well, use
    /// [`Pipeline::subscribe`](crate::Pipeline::subscribe).
    ///
    /// If `capacity` observations wait in it, `when_full` decides. With [`WhenFull::Block`] a subscriber that does not
    /// receive holds up all cameras.
    #[must_use]
    pub fn subscribe(&self, name: &str, capacity: usize, when_full: WhenFull) -> Subscription {
        self.outputs().subscribe(name, capacity, when_full)
    }

    /// Returns a subscription to all frames with their observations from now on. To get the first ones as well, use
    /// [`Pipeline::subscribe_frames`](crate::Pipeline::subscribe_frames), which describes it.
    #[must_use]
    pub fn subscribe_frames(&self, name: &str, capacity: usize, when_full: WhenFull) -> FrameSubscription {
        self.engine.context.fanout.listeners.frame_subscribers.subscribe(name, capacity, when_full)
    }

    /// Returns a receiver of all events from now on. To get the first ones as well, use
    /// [`Pipeline::events`](crate::Pipeline::events). A receiver that is not read holds up nothing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use passerby_pipeline::{Pipeline, PipelineEvent, PipelineSettings, Stages};
    /// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
    /// use passerby_types::{CameraId, SystemClock};
    ///
    /// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    /// let handle = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new())).start()?;
    /// let events = handle.events();
    /// handle.add(CameraId(3), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 5]))?;
    /// let report = handle.finish();
    ///
    /// let lines: Vec<String> = events.filter(|event| event.camera().is_some()).map(|event| event.to_string()).collect();
    /// assert_eq!(lines, ["camera 3: connected: script", "camera 3: ended"]);
    /// # Ok::<(), passerby_pipeline::PipelineError>(())
    /// ```
    #[must_use]
    pub fn events(&self) -> EventReceiver {
        self.outputs().events()
    }

    /// Returns a tap on the newest frame of each camera together with its observation. A slow viewer skips frames; to get all
    /// of them, use [`Handle::subscribe_frames`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use passerby_pipeline::{Pipeline, PipelineSettings, Stages, WhenFull};
    /// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
    /// use passerby_types::{CameraId, SystemClock};
    ///
    /// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    /// let handle = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new())).start()?;
    /// let frames = handle.frames();
    /// handle.add(CameraId(0), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 5]))?;
    /// assert!(handle.wait(CameraId(0), Duration::from_secs(60)));
    ///
    /// let newest = frames.take(CameraId(0)).expect("a frame came");
    /// assert_eq!((newest.frame.image.width(), newest.observation.meta.seq), (64, 4));
    /// assert!(frames.take(CameraId(0)).is_none(), "no other frame has come since");
    /// # Ok::<(), passerby_pipeline::PipelineError>(())
    /// ```
    #[must_use]
    pub fn frames(&self) -> FrameTap {
        self.outputs().frames()
    }

    /// Returns the opener of the cameras' coded streams: their video as it came, for viewers that decode by themselves. It can be used
    /// after the pipeline has ended; all streams have ended then.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use passerby_pipeline::{Pipeline, PipelineSettings, RecvOutcome, Stages};
    /// use passerby_testkit::{OrderTracker, ScriptedDetector};
    /// use passerby_types::{CameraId, SystemClock};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/tests/data/tiny.mp4");
    /// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    /// let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()));
    /// let handle = pipeline.camera(CameraId(0), passerby_capture::open(path)?).start_paused()?;
    /// let stream = handle.coded_streams().open(CameraId(0)).expect("the camera exists");
    /// handle.resume();
    /// let mut frames = 0;
    /// while let RecvOutcome::Item(frame) = stream.recv_timeout(Duration::from_secs(60)) {
    ///     assert!(frame.coded.key || frames > 0, "a stream begins with a key frame");
    ///     frames += 1;
    /// }
    /// assert_eq!(frames, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn coded_streams(&self) -> CodedStreams {
        self.outputs().coded_streams()
    }

    /// Returns the opener of all outputs, for a part of the program that looks on while this handle controls the pipeline.
    #[must_use]
    pub fn outputs(&self) -> PipelineOutputs {
        PipelineOutputs { engine: Arc::clone(&self.engine) }
    }

    /// Returns the reader of the pipeline's figures. It can be used after the pipeline has ended.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.outputs().metrics()
    }

    /// Returns the cameras that have not ended, in the order in which they were added.
    #[must_use]
    pub fn cameras(&self) -> Vec<CameraId> {
        self.engine.cameras.read().iter().filter(|c| !c.has_ended()).map(|c| c.id).collect()
    }

    /// Adds a camera. Its figures, about 25 kB, stay in memory until the pipeline ends, even if the camera ends earlier.
    ///
    /// # Errors
    /// [`PipelineError::CameraInUse`] if the number was used before, [`PipelineError::Stage`] if the tracker's factory fails,
    /// and [`PipelineError::Thread`] if the system has no more threads. The other cameras run on.
    pub fn add(&self, camera: CameraId, source: impl FrameSource + 'static) -> Result<(), PipelineError> {
        let source: Box<dyn FrameSource> = Box::new(source);
        let worker = self.engine.open(camera, &*source)?;
        self.engine.run(worker, source)
    }

    /// Ends a camera after the frames that are inside, and waits for that at most `timeout`. Returns true if the camera has
    /// ended, and false if it has not ended yet or is unknown.
    pub fn remove(&self, camera: CameraId, timeout: Duration) -> bool {
        let camera = self.camera(camera);
        camera.iter().for_each(|camera| camera.stop());
        camera.is_some_and(|camera| camera.wait(Some(timeout)))
    }

    /// Waits at most `timeout` until a camera has ended by itself; [`Duration::MAX`] waits without a limit. Returns true if
    /// the camera has ended, and false if it has not ended yet or is unknown.
    pub fn wait(&self, camera: CameraId, timeout: Duration) -> bool {
        self.camera(camera).is_some_and(|camera| camera.wait(Some(timeout)))
    }

    /// Stops to ask the sources for pictures until [`Handle::resume`]. Frames that are inside go on. A live camera may lose
    /// pictures in the meantime, depending on its own buffers. They do not count, because they were never captured.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use passerby_pipeline::{Pipeline, PipelineSettings, Stages};
    /// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
    /// use passerby_types::{CameraId, SystemClock};
    ///
    /// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    /// let handle = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new())).start()?;
    /// handle.pause();
    /// handle.add(CameraId(0), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 5]))?;
    /// assert_eq!(handle.metrics().snapshot().ledger().captured, 0);
    /// handle.resume();
    /// assert!(handle.wait(CameraId(0), Duration::from_secs(60)));
    /// assert_eq!(handle.metrics().snapshot().ledger().captured, 5);
    /// # Ok::<(), passerby_pipeline::PipelineError>(())
    /// ```
    pub fn pause(&self) {
        self.engine.context.gate.pause();
    }

    /// Ends [`Handle::pause`]. Does nothing if the pipeline is not paused.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use passerby_pipeline::{Pipeline, PipelineSettings, Stages};
    /// use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
    /// use passerby_types::{CameraId, SystemClock};
    ///
    /// let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    /// let handle = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new())).start()?;
    /// handle.pause();
    /// handle.add(CameraId(0), ScriptedSource::new(vec![SourceStep::Picture(64, 48); 2]))?;
    /// assert!(!handle.wait(CameraId(0), Duration::ZERO), "a paused camera gives no picture");
    /// handle.resume();
    /// assert!(handle.wait(CameraId(0), Duration::from_secs(60)));
    /// # Ok::<(), passerby_pipeline::PipelineError>(())
    /// ```
    pub fn resume(&self) {
        self.engine.context.gate.resume();
    }

    /// Waits without a limit until every source has ended and the sink has taken every observation.
    ///
    /// If the sink takes no observation for a minute, the pipeline abandons it and counts the observations that wait for it
    /// as lost.
    #[must_use]
    pub fn finish(mut self) -> PipelineReport {
        let cameras = self.engine.cameras.read().clone();
        cameras.iter().for_each(|camera| {
            camera.wait(None);
        });
        self.engine.context.fanout.writer.iter().for_each(|writer| writer.close_until(None));
        let mut taken = self.engine.written().total().written;
        while !self.engine.threads.writer.join(FINISH_TIMEOUT).is_empty() {
            let before = std::mem::replace(&mut taken, self.engine.written().total().written);
            if taken == before {
                return self.end(DROP_TIMEOUT);
            }
        }
        self.end(FINISH_TIMEOUT)
    }

    /// Stops the pipeline: reads no more pictures, lets the frames that are inside finish, lets the sink take and flush
    /// every observation, and joins all threads.
    ///
    /// Returns after `timeout` at the latest, even if a source, a stage or a sink does not return. The pipeline then
    /// abandons the rest: it counts frames as dropped (`stopped`) and observations as lost, and the report names the threads.
    #[must_use]
    pub fn stop(mut self, timeout: Duration) -> PipelineReport {
        self.end(timeout)
    }

    fn camera(&self, camera: CameraId) -> Option<Arc<CameraState>> {
        self.engine.cameras.read().iter().find(|state| state.id == camera).cloned()
    }

    fn end(&mut self, timeout: Duration) -> PipelineReport {
        self.stopped = true;
        let cameras = self.engine.cameras.read().clone();
        let countdown = Countdown { start: Instant::now(), timeout };
        self.end_cameras(&cameras, &countdown);
        let abandoned = self.end_threads(&countdown);
        // Settles a frame that a reader captured while its camera was being stopped.
        cameras.iter().for_each(|camera| camera.abandon());
        self.report(&cameras, abandoned)
    }

    /// Lets the frames that are inside finish, and abandons the cameras that need too long.
    fn end_cameras(&self, cameras: &[Arc<CameraState>], countdown: &Countdown) {
        let context = &self.engine.context;
        cameras.iter().for_each(|camera| camera.stop());
        context.gate.resume();
        for camera in cameras {
            if !camera.wait(Some(countdown.left(CAMERAS_PERCENT))) {
                camera.abandon();
                context.sequencer.leave(camera.id);
            }
        }
        context.gate.stop();
        for camera in cameras {
            drop(self.engine.detect_queue.lanes.remove(camera.id.0));
        }
    }

    /// Joins the threads, those of the pools first. Returns the names of the threads that still run.
    fn end_threads(&self, countdown: &Countdown) -> Vec<String> {
        let engine = &*self.engine;
        let fanout = &engine.context.fanout;
        let mut abandoned = engine.stop_pools(|| countdown.left(POOLS_PERCENT));
        let sink_deadline = countdown.at(SINK_PERCENT);
        fanout.writer.iter().for_each(|writer| writer.close_until(sink_deadline));
        let writers = engine.threads.writer.join(countdown.left(WRITER_PERCENT));
        if !writers.is_empty() {
            fanout.writer.iter().for_each(WriterQueue::abandon);
        }
        abandoned.extend(writers);
        fanout.close();
        abandoned.extend(engine.threads.cameras.join(countdown.left(100)));
        abandoned.extend(engine.threads.monitor.join(countdown.left(100)));
        abandoned
    }

    fn report(&self, cameras: &[Arc<CameraState>], abandoned: Vec<String>) -> PipelineReport {
        let mut figures = self.metrics().snapshot();
        let mut written = self.engine.written();
        // The observations that an abandoned writer still holds are lost.
        for counts in written.cameras.values_mut() {
            counts.lost = counts.offered.saturating_sub(counts.written);
        }
        figures.written.clone_from(&written);
        monitor::report_lost_rows(&self.engine, &written);
        #[cfg(feature = "metrics")]
        crate::figures::export::publish(&figures);
        let reports = cameras.iter().map(|camera| {
            let mut report = camera.meter.lock().report.take_report();
            report.add_writes(&written);
            report
        });
        let reports = reports.collect();
        self.engine.context.fanout.listeners.events.close();
        PipelineReport { reports, written, abandoned, figures }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.stopped {
            drop(self.end(DROP_TIMEOUT));
        }
    }
}

/// The time that a stop may take.
struct Countdown {
    start: Instant,
    timeout: Duration,
}

impl Countdown {
    /// Returns the time left until `percent` of the timeout.
    fn left(&self, percent: u32) -> Duration {
        self.share(percent).saturating_sub(self.start.elapsed())
    }

    /// Returns the moment at `percent` of the timeout, or `None` if the system's clock cannot represent it.
    fn at(&self, percent: u32) -> Option<Instant> {
        self.start.checked_add(self.share(percent))
    }

    fn share(&self, percent: u32) -> Duration {
        (self.timeout / 100).saturating_mul(percent)
    }
}
