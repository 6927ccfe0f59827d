//! The counts and times of cameras and stages while they run.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::{Mutex, MutexGuard};
use passerby_types::{
    CameraId, DropReason, ErrorClass, FrameKind, FrameMeta, SourceError, StageError, Timestamp, visible,
};

use crate::figures::recorder::{Arrival, CameraRecorder};
use crate::figures::report::StageTime;
use crate::output::events::{EventSenders, PipelineEvent};

/// The names of the stages in all figures, in the order in which a frame passes them.
pub(crate) const STAGES: [&str; 9] =
    ["capture", "detect", "track", "embed", "identify", "classify", "fuse", "zones", "store"];

/// The percentiles of all durations that were measured, exact to one hundredth of the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// The number of durations. If it is 0, the percentiles are zero.
    pub count: u64,
    /// The median.
    pub p50: Duration,
    /// The 95th percentile.
    pub p95: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The maximum.
    pub max: Duration,
}

/// A histogram of durations up to a minute, exact to one hundredth of the value. A longer duration counts as a minute.
pub(crate) struct Durations(Histogram<u32>);

impl fmt::Debug for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.quantiles().fmt(f)
    }
}

impl Default for Durations {
    fn default() -> Self {
        let minute = 60_000_000;
        // The histogram allows these constant bounds. If it did not, a histogram that grows would do.
        Self(Histogram::new_with_bounds(1, minute, 2).unwrap_or_else(|_| {
            let mut histogram =
                Histogram::<u32>::new(2).unwrap_or_else(|_| unreachable!("two digits are allowed"));
            histogram.auto(true);
            histogram
        }))
    }
}

impl Durations {
    pub(crate) fn add(&mut self, duration: Duration) {
        self.0.saturating_record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        // All have the same bounds, so every value fits.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        let at = |q| Duration::from_micros(self.0.value_at_quantile(q));
        match self.0.len() {
            0 => Quantiles::default(),
            count => Quantiles { count, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) },
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }
}

/// The counts and times of one camera, behind a lock that its threads and the stages share.
#[derive(Debug)]
pub(crate) struct CameraMeter {
    pub(crate) camera: CameraId,
    meter: Mutex<Meter>,
}

impl CameraMeter {
    /// Creates a meter that only counts.
    pub(crate) fn new(camera: CameraId, name: &str) -> Self {
        Self::with_events(camera, name, None)
    }

    /// Creates a meter that also logs the camera's troubles and sends events of them.
    pub(crate) fn with_events(camera: CameraId, name: &str, events: Option<Arc<EventSenders>>) -> Self {
        let meter = Meter {
            report: CameraRecorder::new(camera, &visible(name)),
            age: Durations::default(),
            recent: RecentCounts::default(),
            yielded: 0,
            reduced: 0,
            evicted: 0,
            events,
            closed: false,
        };
        Self { camera, meter: Mutex::new(meter) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock()
    }
}

/// The counts and times of one camera. The ledger adds up at every moment, because it changes only under the camera's
/// lock.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) report: CameraRecorder,
    /// The age of all observations: from the frame's capture until the observation left.
    pub(crate) age: Durations,
    /// The counts since the governor's last decision.
    pub(crate) recent: RecentCounts,
    /// Coasted frames that were due for detection, but for which no worker was free in time.
    pub(crate) yielded: u64,
    /// Analysed frames at which the detector looked with less detail.
    pub(crate) reduced: u64,
    /// Face jobs that were given up for more urgent ones.
    pub(crate) evicted: u64,
    /// `None` if nothing is logged.
    events: Option<Arc<EventSenders>>,
    /// True after the stop's timeout. Nothing is counted any more.
    closed: bool,
}

/// The counts of a camera since the governor's last decision.
#[derive(Debug, Default)]
pub(crate) struct RecentCounts {
    pub(crate) captured: u64,
    /// Frames that found the queue full, or were displaced from it before a detection worker took them. They were dropped
    /// or left to the tracker.
    pub(crate) overrun: u64,
    pub(crate) age: Durations,
}

impl Meter {
    /// Counts a frame that the source gave at `now`, and reports the first one of the camera or after an outage.
    pub(crate) fn capture(&mut self, now: Timestamp) {
        if self.closed {
            return;
        }
        let arrival = self.report.capture(now);
        self.recent.captured += 1;
        let Some(events) = &self.events else { return };
        let camera = self.report.camera;
        match arrival {
            Arrival::First => {
                let name = &self.report.name;
                tracing::info!(camera = camera.0, name, "camera connected");
                events.send(|| PipelineEvent::CameraConnected { camera, name: name.clone() });
            }
            Arrival::Recovered(outage) => {
                tracing::warn!(camera = camera.0, ?outage, "camera recovered");
                events.send(|| PipelineEvent::CameraRecovered { camera, outage });
            }
            Arrival::Next => {}
        }
    }

    /// Counts the frames that the source lost, or an interruption, and reports the first interruption of an outage. Breaks
    /// if the error ends the camera.
    pub(crate) fn source_failed(&mut self, error: SourceError, now: Timestamp) -> ControlFlow<()> {
        let class = error.class();
        let is_new = class == ErrorClass::Reset && !self.report.is_away();
        if let Some(events) = self.events.as_ref().filter(|_| is_new) {
            let camera = self.report.camera;
            tracing::warn!(camera = camera.0, %error, "camera lost");
            events.send(|| PipelineEvent::CameraLost { camera, error: error.to_string(), class });
        }
        self.report.lose(error, now)
    }

    /// Counts an observation that left the pipeline.
    pub(crate) fn observe(&mut self, kind: FrameKind, age: Duration, yielded: bool) {
        if self.closed {
            return;
        }
        match kind {
            FrameKind::Analysed => self.report.ledger.analyse(),
            FrameKind::Coasted => self.report.ledger.coast(),
        }
        self.yielded += u64::from(yielded);
        self.age.add(age);
        self.recent.age.add(age);
    }

    /// Counts the faces that the detector found, and those that it left out because of its limit. If there are
    /// too many in many frames, it logs the 1st, 2nd, 4th, 8th of these frames, and so on.
    pub(crate) fn detect(&mut self, meta: &FrameMeta, faces: usize, left_out: u64) {
        if self.closed {
            return;
        }
        self.reduced += u64::from(meta.detail < 1.0);
        let counts = &mut self.report.faces;
        counts.found += faces as u64;
        if left_out == 0 {
            return;
        }
        counts.left_out += left_out;
        counts.crowded_frames += 1;
        let frames = counts.crowded_frames;
        if self.events.is_some() && frames.is_power_of_two() {
            tracing::warn!(camera = meta.camera.0, seq = meta.seq, faces, left_out, frames, "too many faces");
        }
    }

    /// Counts a frame that was dropped.
    pub(crate) fn lose(&mut self, reason: DropReason) {
        if !self.closed {
            self.report.ledger.drop_frame(reason);
            self.recent.overrun += u64::from(reason == DropReason::QueueFull);
        }
    }

    /// Counts a failed call of the stage.
    pub(crate) fn fail(&mut self, stage: &'static str, error: &StageError) {
        if self.closed {
            return;
        }
        self.report.fail(stage, error);
        let Some(events) = &self.events else { return };
        let camera = self.report.camera;
        // A stage that fails on every frame logs its 1st, 2nd, 4th, 8th failure, and so on. The events have all of them.
        let failures = self.report.failures.get(stage).copied().unwrap_or(0);
        if failures.is_power_of_two() {
            tracing::warn!(camera = camera.0, stage, failures, %error, "stage failed");
        }
        let class = error.class();
        events.send(|| PipelineEvent::StageFailed { camera, stage, error: error.to_string(), class });
    }

    /// Counts an instance of the stage that was replaced.
    pub(crate) fn rebuild(&mut self, stage: &'static str) {
        if !self.closed {
            self.report.rebuild(stage);
        }
    }

    /// Notes the error that ends the camera. The first one counts.
    pub(crate) fn end(&mut self, error: StageError) {
        self.report.error.get_or_insert_with(|| error.into());
    }

    /// Reports that the camera has ended.
    pub(crate) fn log_end(&self) {
        let Some(events) = &self.events else { return };
        let camera = self.report.camera;
        let error = self.report.error.as_ref();
        match error {
            Some(error) => tracing::warn!(camera = camera.0, %error, "camera ended"),
            None => tracing::info!(camera = camera.0, "camera ended"),
        }
        events.send(|| PipelineEvent::CameraEnded { camera, error: error.map(ToString::to_string) });
    }

    /// Counts the frames that are still inside as stopped, and counts nothing afterwards.
    pub(crate) fn close(&mut self) {
        while self.report.ledger.in_flight > 0 {
            self.report.ledger.drop_frame(DropReason::Stopped);
        }
        self.closed = true;
    }
}

/// The failures of one stage over all cameras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StageFaults {
    /// The number of failed calls.
    pub(crate) failures: u64,
    /// The number of instances that were replaced.
    pub(crate) rebuilds: u64,
}

/// The time spent in one stage, over all cameras.
#[derive(Debug, Default)]
pub(crate) struct StageMeter {
    pub(crate) time: StageTime,
    pub(crate) latency: Durations,
    faults: StageFaults,
    /// The time of an item since the governor's last decision.
    recent: Durations,
}

/// The time spent in every stage, over all cameras.
#[derive(Debug, Default)]
pub(crate) struct StageMeters([Mutex<StageMeter>; STAGES.len()]);

impl StageMeters {
    /// Adds a call of a stage for `items` items, and returns its duration.
    pub(crate) fn spend(
        &self,
        stage: &'static str,
        items: usize,
        from: Timestamp,
        to: Timestamp,
    ) -> Duration {
        let busy = to.since(from);
        if let Some(mut meter) = self.of(stage) {
            meter.time.calls += 1;
            meter.time.items += items as u64;
            meter.time.busy += busy;
            meter.latency.add(busy);
            meter.recent.add(busy / u32::try_from(items.max(1)).unwrap_or(u32::MAX));
        }
        busy
    }

    /// Counts a failed call of the stage.
    pub(crate) fn fail(&self, stage: &str) {
        if let Some(mut meter) = self.of(stage) {
            meter.faults.failures += 1;
        }
    }

    /// Counts an instance of the stage that was replaced.
    pub(crate) fn rebuild(&self, stage: &str) {
        if let Some(mut meter) = self.of(stage) {
            meter.faults.rebuilds += 1;
        }
    }

    fn of(&self, stage: &str) -> Option<MutexGuard<'_, StageMeter>> {
        let place = STAGES.iter().position(|name| *name == stage)?;
        Some(self.0[place].lock())
    }

    /// Returns the durations of the calls of one stage.
    pub(crate) fn latency(&self, stage: &str) -> Quantiles {
        self.of(stage).map(|meter| meter.latency.quantiles()).unwrap_or_default()
    }

    /// Returns the median time of an item in one stage since the last call of this. A single call of minutes does not change
    /// it.
    pub(crate) fn take_recent(&self, stage: &str) -> Duration {
        let Some(mut meter) = self.of(stage) else { return Duration::ZERO };
        let item = meter.recent.quantiles().p50;
        meter.recent.clear();
        item
    }

    /// Returns the failed calls and the rebuilds of one stage.
    #[cfg(test)]
    pub(crate) fn faults(&self, stage: &str) -> StageFaults {
        self.of(stage).map(|meter| meter.faults).unwrap_or_default()
    }

    /// Returns the name, time, latency and failures of every stage that was called, in the order of [`STAGES`].
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, StageTime, Quantiles, StageFaults)> {
        STAGES.into_iter().zip(&self.0).filter_map(|(name, meter)| {
            let meter = meter.lock();
            (meter.time.calls > 0).then(|| (name, meter.time, meter.latency.quantiles(), meter.faults))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_a_hundredth() {
        let mut low = Durations::default();
        let mut high = Durations::default();
        assert_eq!(low.quantiles(), Quantiles::default());
        (1..=500).for_each(|i| low.add(Duration::from_millis(i)));
        (501..=1000).for_each(|i| high.add(Duration::from_millis(i)));
        high.add(Duration::from_secs(3600));
        low.merge(&high);
        let q = low.quantiles();
        let near = |a: Duration, ms: f64| (a.as_secs_f64() * 1e3 / ms - 1.0).abs() < 0.01;
        assert_eq!(q.count, 1001);
        assert!(near(q.p50, 501.0) && near(q.p95, 951.0) && near(q.p99, 991.0), "{q:?}");
        assert!(near(q.max, 60_000.0), "an hour counts as a minute: {q:?}");
    }
}
