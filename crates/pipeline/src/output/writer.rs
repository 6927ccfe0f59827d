//! Hands observations to a sink in batches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CameraId, Clock, ErrorClass, Observation, ObservedFace, Recycler, Sink, SinkError, Timestamp,
};
use passerby_workers::catch_panic;

/// When a [`Writer`] writes, and how much it keeps for a busy sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct WriterSettings {
    /// The writer writes a batch when it has this many rows. A row is one face of one frame. A frame without faces counts
    /// as one row.
    pub batch_rows: usize,
    /// The writer writes a batch when its oldest observation has waited this long.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub flush_interval: Duration,
    /// The most rows that wait for a busy sink. Beyond that the writer gives up the oldest.
    ///
    /// In a [`Pipeline`](crate::Pipeline) the same number of observations can also wait for the writer's thread during a
    /// call of the sink. Beyond that a live camera's new observations are lost, and a lossless camera waits.
    pub max_pending_rows: usize,
    /// How long a [`Pipeline`](crate::Pipeline) that ends calls a busy sink again before it gives up the rows that wait.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub retry_timeout: Duration,
}

impl Default for WriterSettings {
    /// Returns 200 rows, 500 ms, at most 20,000 rows in memory (about ten megabytes), and 5 s for a busy sink at the end.
    fn default() -> Self {
        Self {
            batch_rows: 200,
            flush_interval: Duration::from_millis(500),
            max_pending_rows: 20_000,
            retry_timeout: Duration::from_secs(5),
        }
    }
}

/// The counts of the observations that a [`Writer`] was given. At every moment `offered = written + lost + waiting`, and
/// none waits after [`Writer::finish`].
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// Observations that were given to the writer.
    pub offered: u64,
    /// Observations that the sink accepted.
    pub written: u64,
    /// Observations that are gone: the sink refused them, or it was busy until there was no more room.
    pub lost: u64,
}

/// The results of a [`Writer`].
#[derive(Clone, Debug, Default)]
pub struct WriteReport {
    /// The counts of each camera's observations. A camera without observations is not in the map.
    pub cameras: BTreeMap<CameraId, WriteCounts>,
    /// Batches that the sink accepted.
    pub batches: u64,
    /// Calls of the sink that failed.
    pub failures: u64,
    /// The error that ended the sink early, or `None` if it works.
    pub error: Option<Arc<SinkError>>,
    /// The error of the last call that failed, also if a later call succeeded. `None` if no call failed.
    pub last_failure: Option<Arc<SinkError>>,
}

impl WriteReport {
    /// Returns the counts over all cameras.
    #[must_use]
    pub fn total(&self) -> WriteCounts {
        self.cameras.values().fold(WriteCounts::default(), |sum, c| WriteCounts {
            offered: sum.offered + c.offered,
            written: sum.written + c.written,
            lost: sum.lost + c.lost,
        })
    }

    /// Copies another report, which must have the same cameras or more. Reuses the memory of this one.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        for (camera, counts) in &other.cameras {
            *self.of(*camera) = *counts;
        }
        self.batches = other.batches;
        self.failures = other.failures;
        self.error.clone_from(&other.error);
        self.last_failure.clone_from(&other.last_failure);
    }

    /// Returns the counts of a camera, and adds them if the camera is new.
    pub(crate) fn of(&mut self, camera: CameraId) -> &mut WriteCounts {
        self.cameras.entry(camera).or_default()
    }
}

/// Hands observations to a sink in batches, and keeps them while the sink is busy.
///
/// The class of a sink's error decides:
///
/// - `Skip`: the writer drops the batch and counts it as lost.
/// - `Reset`: the sink is busy. The writer keeps the observations and tries again with the next batch.
/// - `Fatal`: the writer never calls the sink again, and counts all further observations as lost. A panic counts as this.
///
/// ```
/// use std::sync::Arc;
///
/// use passerby_pipeline::{Writer, WriterSettings};
/// use passerby_testkit::RecordingSink;
/// use passerby_testkit::suite::observation;
/// use passerby_types::SystemClock;
///
/// let mut sink = RecordingSink::default();
/// let mut writer = Writer::new(&mut sink, WriterSettings::default(), Arc::new(SystemClock::new()));
/// for seq in 0..150 {
///     writer.offer(observation(0, seq)); // Two rows each, so the first batch has 100 observations.
/// }
/// let report = writer.finish();
/// assert_eq!((report.batches, report.total().written, report.total().lost), (2, 150, 0));
/// ```
pub struct Writer<'a> {
    sink: &'a mut dyn Sink,
    settings: WriterSettings,
    clock: Arc<dyn Clock>,
    waiting: Vec<Observation>,
    rows: usize,
    oldest: Timestamp,
    /// The number of rows at which the writer writes next.
    retry_at: usize,
    done: WriteReport,
    /// Takes the faces' lists of observations that were written or lost.
    lists: Arc<Recycler<Vec<ObservedFace>>>,
}

/// Returns the number of rows of an observation.
fn rows(observation: &Observation) -> usize {
    observation.faces.len().max(1)
}

impl<'a> Writer<'a> {
    /// Creates a writer for the sink. It uses `clock` only to measure how long observations wait.
    pub fn new(sink: &'a mut dyn Sink, settings: WriterSettings, clock: Arc<dyn Clock>) -> Self {
        Self::recycling(sink, settings, clock, Arc::new(Recycler::new(0)))
    }

    /// Creates a writer that gives the faces' lists of written and lost observations to `lists`.
    pub(crate) fn recycling(
        sink: &'a mut dyn Sink,
        settings: WriterSettings,
        clock: Arc<dyn Clock>,
        lists: Arc<Recycler<Vec<ObservedFace>>>,
    ) -> Self {
        let oldest = clock.now();
        let retry_at = settings.batch_rows;
        Self {
            sink,
            settings,
            clock,
            waiting: Vec::new(),
            rows: 0,
            oldest,
            retry_at,
            done: WriteReport::default(),
            lists,
        }
    }

    /// Adds an observation, and writes the batch if it is full or old. If the sink has ended, counts the observation as lost.
    pub fn offer(&mut self, observation: Observation) {
        let dead = self.done.error.is_some();
        let counts = self.done.of(observation.meta.camera);
        counts.offered += 1;
        if dead {
            counts.lost += 1;
            self.lists.give_back_list(observation.faces);
            return;
        }
        if self.waiting.is_empty() {
            self.oldest = self.clock.now();
        }
        self.rows += rows(&observation);
        self.waiting.push(observation);
        self.poll();
    }

    /// Writes the batch if it is full or old. The caller should call this after [`Writer::due`] if there are no new
    /// observations.
    pub fn poll(&mut self) {
        let old =
            !self.waiting.is_empty() && self.clock.now().since(self.oldest) >= self.settings.flush_interval;
        if self.rows >= self.retry_at || old {
            self.write();
        }
    }

    /// Returns the time until [`Writer::poll`] writes the batch, or `None` if no observation waits.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let waited = self.clock.now().since(self.oldest);
        (!self.waiting.is_empty()).then(|| self.settings.flush_interval.saturating_sub(waited))
    }

    /// Writes the batch now, even if it is small. Returns true if no observation waits any more: the sink accepted or refused
    /// the batch, or has ended. Returns false if the sink is busy; the caller may try again later.
    pub fn settle(&mut self) -> bool {
        self.write();
        self.waiting.is_empty() || self.done.error.is_some()
    }

    /// Writes the last batch, flushes the sink, and counts the observations of a busy sink as lost. Returns the results.
    pub fn finish(mut self) -> WriteReport {
        self.write();
        if self.done.error.is_none() {
            match catch_panic(|| self.sink.flush()) {
                Ok(Ok(())) => {}
                Ok(Err(e)) => self.end_with(e),
                Err(panic) => self.end_with(SinkError::new(ErrorClass::Fatal, "sink", panic)),
            }
        }
        self.give_up(self.waiting.len());
        self.done
    }

    /// Returns the results until now.
    #[must_use]
    pub fn report(&self) -> &WriteReport {
        &self.done
    }

    fn write(&mut self) {
        if self.waiting.is_empty() || self.done.error.is_some() {
            return;
        }
        // A sink that panicked is in an unknown state, so the writer never calls it again.
        let result = catch_panic(|| self.sink.write(&self.waiting))
            .unwrap_or_else(|panic| Err(SinkError::new(ErrorClass::Fatal, "sink", panic)));
        match result {
            Ok(()) => {
                for observation in self.waiting.drain(..) {
                    self.done.of(observation.meta.camera).written += 1;
                    self.lists.give_back_list(observation.faces);
                }
                self.done.batches += 1;
                self.begin();
            }
            Err(e) => match e.class() {
                ErrorClass::Reset => {
                    self.fail(e);
                    self.keep();
                }
                ErrorClass::Skip => {
                    self.give_up(self.waiting.len());
                    self.begin();
                    self.fail(e);
                }
                ErrorClass::Fatal => {
                    self.give_up(self.waiting.len());
                    self.begin();
                    self.end_with(e);
                }
            },
        }
    }

    /// Starts a new batch.
    fn begin(&mut self) {
        self.rows = 0;
        self.retry_at = self.settings.batch_rows;
    }

    /// Keeps the observations until another batch has come, and gives up the oldest of them if they exceed the room.
    fn keep(&mut self) {
        self.oldest = self.clock.now();
        let mut given_up = 0;
        while self.rows > self.settings.max_pending_rows && given_up < self.waiting.len() {
            self.rows -= rows(&self.waiting[given_up]);
            given_up += 1;
        }
        self.give_up(given_up);
        self.retry_at = self.rows + self.settings.batch_rows;
    }

    /// Drops the oldest `n` observations and counts them as lost.
    fn give_up(&mut self, n: usize) {
        for observation in self.waiting.drain(..n) {
            self.done.of(observation.meta.camera).lost += 1;
            self.lists.give_back_list(observation.faces);
        }
    }

    fn fail(&mut self, error: SinkError) {
        self.done.failures += 1;
        self.done.last_failure = Some(Arc::new(error));
    }

    /// Remembers the error after which the sink is not called again.
    fn end_with(&mut self, error: SinkError) {
        self.fail(error);
        self.done.error.clone_from(&self.done.last_failure);
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::{SimulatedClock, suite::observation};

    use super::*;

    /// A sink that fails with the given classes, one for each call, and then accepts everything.
    #[derive(Default)]
    struct Script {
        answers: Vec<ErrorClass>,
        sizes: Vec<usize>,
        panics: bool,
    }

    impl Sink for Script {
        fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
            assert!(!self.panics, "scripted");
            if self.answers.is_empty() {
                self.sizes.push(batch.len());
                return Ok(());
            }
            Err(SinkError::new(self.answers.remove(0), "script", "scripted"))
        }
        fn flush(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
    }

    fn run(sink: &mut Script, settings: WriterSettings, n: u64, step: Duration) -> (WriteReport, bool) {
        let clock = SimulatedClock::new();
        let mut writer = Writer::new(sink, settings, Arc::new(clock.clone()));
        for seq in 0..n {
            writer.offer(observation(0, seq));
            clock.advance(step);
        }
        let done = writer.finish();
        let counts = done.total();
        assert_eq!((counts.offered, n), (counts.written + counts.lost, counts.offered), "{counts:?}");
        let fatal = done.error.is_some();
        (done, fatal)
    }

    #[test]
    fn a_batch_is_200_rows_or_500_milliseconds() {
        // Each observation is two rows.
        let mut sink = Script::default();
        let (counts, _) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((sink.sizes.as_slice(), counts.total().written), (&[100, 100, 50][..], 250));

        // They come every 100 ms, so the first has waited for 500 ms when the sixth comes.
        let mut sink = Script::default();
        run(&mut sink, WriterSettings::default(), 15, Duration::from_millis(100));
        assert_eq!(sink.sizes, [6, 6, 3]);
    }

    #[test]
    fn a_busy_sink_gets_everything_later_in_one_batch() {
        let mut sink = Script { answers: vec![ErrorClass::Reset; 2], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 350, Duration::ZERO);
        assert_eq!((counts.total().written, counts.total().lost, counts.failures, fatal), (350, 0, 2, false));
        assert_eq!(sink.sizes, [300, 50]);
    }

    #[test]
    fn a_sink_that_stays_busy_loses_the_oldest_observations() {
        let settings = WriterSettings { max_pending_rows: 400, ..WriterSettings::default() };
        let mut sink = Script { answers: vec![ErrorClass::Reset; 9], ..Script::default() };
        let (counts, _) = run(&mut sink, settings, 1000, Duration::ZERO);
        // Nine tries at 100, 200, ... 900 observations, after each of which 200 are kept. The tenth takes 300.
        assert_eq!((counts.total().written, counts.total().lost, counts.failures), (300, 700, 9));
    }

    #[test]
    fn the_error_of_a_call_that_failed_is_kept() {
        for class in [ErrorClass::Reset, ErrorClass::Skip] {
            let mut sink = Script { answers: vec![class], ..Script::default() };
            let (done, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
            assert_eq!(done.last_failure.map(|e| e.to_string()), Some("script: scripted".into()));
            assert!(!fatal);
        }
    }

    #[test]
    fn a_refused_batch_is_lost() {
        let mut sink = Script { answers: vec![ErrorClass::Skip], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.total().written, counts.total().lost, fatal), (150, 100, false));
    }

    #[test]
    fn a_fatal_error_loses_the_rest() {
        let mut sink = Script { answers: vec![ErrorClass::Fatal], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.total().written, counts.total().lost, counts.failures, fatal), (0, 250, 1, true));
    }

    #[test]
    fn a_panic_loses_the_rest() {
        let mut sink = Script { panics: true, ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.total().lost, fatal), (250, true));
    }
}
