//! What is counted and timed while the pipeline runs.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::{Mutex, MutexGuard};
use passerby_types::{CameraId, DropReason, FrameKind, StageError, Timestamp};

use crate::figures::report::{CameraReport, StageTime};

/// The stages by the names under which they are timed, in the order in which a frame meets them.
pub(crate) const STAGES: [&str; 8] =
    ["capture", "detect", "track", "embed", "identify", "classify", "fuse", "store"];

/// How long something took: percentiles of all values so far, within one hundredth of the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// How many values. 0: the rest is zero too.
    pub count: u64,
    /// The median.
    pub p50: Duration,
    /// 95 of 100 took no longer.
    pub p95: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

/// Durations up to a minute, in classes of one hundredth of their length. What is longer counts as a minute.
pub(crate) struct Durations(Histogram<u32>);

impl fmt::Debug for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.quantiles().fmt(f)
    }
}

impl Default for Durations {
    fn default() -> Self {
        let minute = 60_000_000;
        // The bounds are constants that the histogram allows; a histogram that grows stands in for the case it did not.
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

/// One camera's counts, behind a lock that its threads and the stages share.
#[derive(Debug)]
pub(crate) struct CameraMeter {
    pub(crate) camera: CameraId,
    meter: Mutex<Meter>,
}

impl CameraMeter {
    /// Creates a meter for the camera that `report` names.
    pub(crate) fn new(report: CameraReport) -> Self {
        Self { camera: report.camera, meter: Mutex::new(Meter { report, ..Meter::default() }) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock()
    }
}

/// One camera's counts. The ledger in it adds up at every moment, since it only changes under the camera's lock.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) report: CameraReport,
    /// From capture until the observation left, of all frames.
    pub(crate) age: Durations,
    /// The same since the governor looked last.
    pub(crate) recent: Recent,
    /// Coasted frames that the detector was to run on, and no worker came to.
    pub(crate) yielded: u64,
    /// FaceJobs that were given up for more urgent ones.
    pub(crate) evicted: u64,
    /// True where time was up: what comes later is not counted any more.
    closed: bool,
}

/// What the governor wants to know of a camera: what happened since it looked last.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    pub(crate) captured: u64,
    /// Frames that found no place, or made room for newer ones before a detection worker came to them, dropped or not.
    pub(crate) overrun: u64,
    pub(crate) age: Durations,
}

impl Meter {
    pub(crate) fn capture(&mut self) {
        if !self.closed {
            self.report.capture();
            self.recent.captured += 1;
        }
    }

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

    pub(crate) fn lose(&mut self, reason: DropReason) {
        if !self.closed {
            self.report.ledger.drop_frame(reason);
            self.recent.overrun += u64::from(reason == DropReason::QueueFull);
        }
    }

    /// Counts a failed call of the stage.
    pub(crate) fn fail(&mut self, stage: &'static str, error: &StageError) {
        if !self.closed {
            self.report.fail(stage, error);
        }
    }

    /// Counts an instance of the stage that was given up for a new one.
    pub(crate) fn rebuild(&mut self, stage: &'static str) {
        if !self.closed {
            self.report.rebuild(stage);
        }
    }

    /// The first of the errors that end the camera.
    pub(crate) fn end(&mut self, error: StageError) {
        self.report.error.get_or_insert_with(|| error.into());
    }

    /// What is still inside was stopped.
    pub(crate) fn close(&mut self) {
        while self.report.ledger.in_flight > 0 {
            self.report.ledger.drop_frame(DropReason::Stopped);
        }
        self.closed = true;
    }
}

/// What went wrong in one stage, over all cameras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StageFaults {
    /// Failed calls.
    pub(crate) failures: u64,
    /// Instances that were given up for a new one.
    pub(crate) rebuilds: u64,
}

/// The time spent in one stage, over all cameras.
#[derive(Debug, Default)]
pub(crate) struct StageMeter {
    pub(crate) time: StageTime,
    pub(crate) latency: Durations,
    faults: StageFaults,
    /// The time of an item, since the governor looked last.
    recent: Durations,
}

/// The time spent in every stage, over all cameras.
#[derive(Debug, Default)]
pub(crate) struct StageMeters([Mutex<StageMeter>; STAGES.len()]);

impl StageMeters {
    /// Adds a call of a stage that handled so many items.
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

    /// Counts an instance of the stage that was given up for a new one.
    pub(crate) fn rebuild(&self, stage: &str) {
        if let Some(mut meter) = self.of(stage) {
            meter.faults.rebuilds += 1;
        }
    }

    fn of(&self, stage: &str) -> Option<MutexGuard<'_, StageMeter>> {
        let place = STAGES.iter().position(|name| *name == stage)?;
        Some(self.0[place].lock())
    }

    /// How long the calls of one stage took so far.
    pub(crate) fn latency(&self, stage: &str) -> Quantiles {
        self.of(stage).map(|meter| meter.latency.quantiles()).unwrap_or_default()
    }

    /// What an item took in one stage in the middle since this was asked last: one call of minutes changes nothing.
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
    fn percentiles_are_within_a_hundredth_and_add_up_over_cameras() {
        let (mut low, mut high) = (Durations::default(), Durations::default());
        assert_eq!(low.quantiles(), Quantiles::default());
        (1..=500).for_each(|i| low.add(Duration::from_millis(i)));
        (501..=1000).for_each(|i| high.add(Duration::from_millis(i)));
        high.add(Duration::from_secs(3600));
        low.merge(&high);
        let q = low.quantiles();
        let near = |a: Duration, ms: f64| (a.as_secs_f64() * 1e3 / ms - 1.0).abs() < 0.01;
        assert_eq!(q.count, 1001);
        assert!(near(q.p50, 501.0) && near(q.p95, 951.0) && near(q.p99, 991.0), "{q:?}");
        assert!(near(q.max, 60_000.0), "what is longer than a minute counts as one: {q:?}");
    }
}
