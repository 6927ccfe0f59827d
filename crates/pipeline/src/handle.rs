//! A running pipeline: look at it, change it, stop it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use passerby_types::{CameraId, FrameSource};

use crate::engine::PipelineEngine;
use crate::error::PipelineError;
use crate::figures::metrics::{Metrics, MetricsSnapshot};
use crate::figures::report::CameraReport;
use crate::output::fanout::Subscription;
use crate::output::writer::WriteReport;
use passerby_workers::WhenFull;

/// How long a pipeline whose sources have ended gets to come to its end.
const CLOSING: Duration = Duration::from_secs(60);
/// How long one whose handle is dropped without a stop, or whose sink has been waited for in vain.
const DROPPED: Duration = Duration::from_secs(2);
/// The percentage of a stop's time after which a camera that still has frames inside is given up, so that the writer gets
/// its part.
const DRAIN: u32 = 70;

/// What became of a pipeline.
#[derive(Debug)]
pub struct PipelineReport {
    /// One for each camera, in the order in which they were added. All frames are settled: nothing is in flight.
    pub reports: Vec<CameraReport>,
    /// What the sink took.
    pub written: WriteReport,
    /// The threads that did not come back in time, which are left behind: inside a stage, a source or a sink. Empty
    /// where all ended.
    pub abandoned: Vec<String>,
    /// The last figures.
    pub figures: MetricsSnapshot,
}

/// A running pipeline. Dropping it stops it as [`Handle::stop`] with two seconds.
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

    /// Gets every observation from now on. Where `capacity` of them wait, `when_full` says what happens; a subscriber
    /// with `Block` that does not take them holds the cameras up.
    #[must_use]
    pub fn subscribe(&self, name: &str, capacity: usize, when_full: WhenFull) -> Subscription {
        self.engine.context.fanout.subscribe(name, capacity, when_full)
    }

    /// The pipeline's figures, also when it has ended.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics { engine: Arc::clone(&self.engine) }
    }

    /// The cameras that have not ended.
    #[must_use]
    pub fn cameras(&self) -> Vec<CameraId> {
        self.engine.cameras.read().iter().filter(|c| !c.has_ended()).map(|c| c.id).collect()
    }

    /// Adds a camera. Its figures, some 25 kB, are kept until the pipeline ends, also when the camera has ended.
    ///
    /// # Errors
    /// [`PipelineError::CameraInUse`] where its number was used before; what the tracker's factory says; that there are no
    /// more threads.
    pub fn add(&self, camera: CameraId, source: impl FrameSource + 'static) -> Result<(), PipelineError> {
        let source: Box<dyn FrameSource> = Box::new(source);
        let worker = self.engine.open(camera, &*source)?;
        self.engine.run(worker, source)
    }

    /// Lets a camera end after the frames that are inside, and waits so long at most. True where it has ended; false
    /// where it has not yet, or there is none of this number.
    pub fn remove(&self, camera: CameraId, deadline: Duration) -> bool {
        let camera = self.camera(camera);
        camera.iter().for_each(|camera| camera.stop());
        camera.is_some_and(|camera| camera.wait(Some(deadline)))
    }

    /// Waits until a camera has ended by itself, so long at most (`None`: for ever). True where it has; false where it
    /// has not yet, or there is none of this number.
    pub fn wait(&self, camera: CameraId, timeout: Option<Duration>) -> bool {
        self.camera(camera).is_some_and(|camera| camera.wait(timeout))
    }

    /// Readers pull no pictures until told otherwise. What is inside goes on. A camera's own buffers are its own
    /// affair: a live one may lose frames meanwhile, which are not counted since they were never captured.
    pub fn pause(&self, paused: bool) {
        let gate = &self.engine.context.gate;
        if paused { gate.pause() } else { gate.resume() }
    }

    /// Waits until every source has ended and the sink has taken everything, as long as that takes; a sink that takes
    /// nothing for a minute is left behind, and what waits for it is counted as lost.
    #[must_use]
    pub fn finish(mut self) -> PipelineReport {
        let cameras = self.engine.cameras.read().clone();
        cameras.iter().for_each(|camera| {
            camera.wait(None);
        });
        self.engine.context.fanout.close_writer(None);
        let mut taken = self.engine.written().total().written;
        while !self.engine.threads.writer.join(CLOSING).is_empty() {
            let before = std::mem::replace(&mut taken, self.engine.written().total().written);
            if taken == before {
                // It has had its minute.
                return self.end(DROPPED);
            }
        }
        self.end(CLOSING)
    }

    /// Stops: no camera is read any more, what is inside goes its way, the sink gets and flushes everything, all
    /// threads are joined. What has not come to its end by the deadline is left behind: its frames count as dropped
    /// because stopped, its observations as lost, its threads are named.
    ///
    /// Comes back at the deadline at the latest, whatever a source, a stage or a sink does.
    #[must_use]
    pub fn stop(mut self, deadline: Duration) -> PipelineReport {
        self.end(deadline)
    }

    fn camera(&self, camera: CameraId) -> Option<Arc<crate::camera::state::CameraState>> {
        self.engine.cameras.read().iter().find(|state| state.id == camera).cloned()
    }

    fn end(&mut self, deadline: Duration) -> PipelineReport {
        self.stopped = true;
        let (engine, context) = (&*self.engine, &self.engine.context);
        let start = Instant::now();
        let left = |share: u32| (deadline / 100).saturating_mul(share).saturating_sub(start.elapsed());
        let cameras = engine.cameras.read().clone();

        cameras.iter().for_each(|camera| camera.stop());
        context.gate.resume();
        for camera in &cameras {
            if !camera.wait(Some(left(DRAIN))) {
                camera.abandon();
                context.sequencer.leave(camera.id);
            }
        }
        context.gate.stop();
        for camera in &cameras {
            drop(engine.detect_queue.lanes.remove(camera.id.0));
        }
        let mut abandoned = engine.stop_pools(|| left(80));
        context.fanout.close_writer(start.checked_add(deadline / 100 * 90));
        let writers = engine.threads.writer.join(left(95));
        if !writers.is_empty() {
            context.fanout.abandon_writer();
        }
        abandoned.extend(writers);
        context.fanout.close();
        abandoned.extend(engine.threads.cameras.join(left(100)));
        abandoned.extend(engine.threads.monitor.join(left(100)));
        // A frame that a reader captured while its camera was being stopped is settled like the others.
        cameras.iter().for_each(|camera| camera.abandon());

        let mut figures = self.metrics().snapshot();
        let mut written = engine.written();
        // A writer that was left behind with observations in its hands: they are as good as lost.
        for counts in written.cameras.values_mut() {
            counts.lost = counts.offered.saturating_sub(counts.written);
        }
        figures.written.clone_from(&written);
        #[cfg(feature = "metrics")]
        crate::figures::export::publish(&figures);
        let reports = cameras.iter().map(|camera| {
            let mut meter = camera.meter.lock();
            // The figures outlive the pipeline.
            let figures = meter.report.figures();
            let mut report = std::mem::replace(&mut meter.report, figures);
            drop(meter);
            report.wrote(&written);
            report
        });
        let reports = reports.collect();
        PipelineReport { reports, written, abandoned, figures }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.stopped {
            drop(self.end(DROPPED));
        }
    }
}
