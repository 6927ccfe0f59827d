//! Hands observations to a sink in batches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CameraId, Clock, ErrorClass, Observation, ObservedFace, Recycler, Sink, SinkError, Timestamp,
};

use passerby_workers::catch_panic;

/// When a [`Writer`] writes, and how much it keeps for a sink that does not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterSettings {
    /// A batch is written when it holds this many rows. A row is one face of one frame; a frame without faces
    /// counts as one.
    pub batch_rows: usize,
    /// A batch is written when its oldest observation has waited this long.
    pub flush_interval: Duration,
    /// At most this many rows wait for a sink that does not take them; the oldest are given up beyond that. In a
    /// [`Pipeline`](crate::Pipeline) as many observations wait before the writer's thread, while the sink is in a call;
    /// beyond that the newest are.
    pub max_pending_rows: usize,
}

impl Default for WriterSettings {
    /// 200 rows or 500 ms, as the original system; 20,000 rows kept, some ten megabytes.
    fn default() -> Self {
        Self { batch_rows: 200, flush_interval: Duration::from_millis(500), max_pending_rows: 20_000 }
    }
}

/// What became of observations given to a [`Writer`]: `offered = written + lost + waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// Observations taken from the pipeline.
    pub offered: u64,
    /// Observations the sink took.
    pub written: u64,
    /// Observations given up: the sink refused them, or they waited until there was no more room.
    pub lost: u64,
}

/// What a [`Writer`] did.
#[derive(Clone, Debug, Default)]
pub struct WriteReport {
    /// The observations of each camera, counted.
    pub cameras: BTreeMap<CameraId, WriteCounts>,
    /// Batches the sink took.
    pub batches: u64,
    /// Calls that failed.
    pub failures: u64,
    /// What ended the sink, where something did.
    pub error: Option<Arc<SinkError>>,
}

impl WriteReport {
    /// The observations of all cameras.
    #[must_use]
    pub fn total(&self) -> WriteCounts {
        self.cameras.values().fold(WriteCounts::default(), |sum, c| WriteCounts {
            offered: sum.offered + c.offered,
            written: sum.written + c.written,
            lost: sum.lost + c.lost,
        })
    }

    /// Takes over what another says, which has the same cameras or more.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        for (camera, counts) in &other.cameras {
            *self.of(*camera) = *counts;
        }
        (self.batches, self.failures) = (other.batches, other.failures);
        self.error.clone_from(&other.error);
    }

    pub(crate) fn of(&mut self, camera: CameraId) -> &mut WriteCounts {
        self.cameras.entry(camera).or_default()
    }
}

/// Hands observations to a sink in batches, and keeps them while the sink cannot take them.
pub struct Writer<'a> {
    sink: &'a mut dyn Sink,
    settings: WriterSettings,
    clock: Arc<dyn Clock>,
    waiting: Vec<Observation>,
    rows: usize,
    oldest: Timestamp,
    retry_at: usize,
    done: WriteReport,
    /// Where the lists of observations go that are written or lost.
    lists: Arc<Recycler<Vec<ObservedFace>>>,
}

/// The rows of an observation.
fn rows(observation: &Observation) -> usize {
    observation.faces.len().max(1)
}

impl<'a> Writer<'a> {
    /// A writer for this sink.
    pub fn new(sink: &'a mut dyn Sink, settings: WriterSettings, clock: Arc<dyn Clock>) -> Self {
        Self::recycling(sink, settings, clock, Arc::new(Recycler::new(0)))
    }

    /// As [`Writer::new`], but the lists of observations that are done with go there.
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

    /// Takes an observation, and writes the batch where it is full or old.
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

    /// Writes the batch where it is full or old. Call it now and then while nothing is offered.
    pub fn poll(&mut self) {
        let old =
            !self.waiting.is_empty() && self.clock.now().since(self.oldest) >= self.settings.flush_interval;
        if self.rows >= self.retry_at || old {
            self.write();
        }
    }

    /// When [`Writer::poll`] has something to do: in how long the batch is old. `None` where nothing waits.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let waited = self.clock.now().since(self.oldest);
        (!self.waiting.is_empty()).then(|| self.settings.flush_interval.saturating_sub(waited))
    }

    /// Writes what waits, now. True where nothing waits any more: the sink took or refused it, or is done for.
    pub fn settle(&mut self) -> bool {
        self.write();
        self.waiting.is_empty() || self.done.error.is_some()
    }

    /// Writes what waits, asks the sink to make it durable, and gives up what it still does not take.
    pub fn finish(mut self) -> WriteReport {
        self.write();
        if self.done.error.is_none() {
            match catch_panic(|| self.sink.flush()) {
                Ok(Ok(())) => {}
                Ok(Err(e)) => self.fail(Some(e)),
                Err(panic) => self.fail(Some(SinkError::new(ErrorClass::Fatal, "sink", panic))),
            }
        }
        self.give_up(self.waiting.len());
        self.done
    }

    /// What was done so far.
    #[must_use]
    pub fn report(&self) -> &WriteReport {
        &self.done
    }

    fn write(&mut self) {
        if self.waiting.is_empty() || self.done.error.is_some() {
            return;
        }
        // A sink that panicked is in an unknown state: it is not asked again.
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
                    self.fail(None);
                    self.keep();
                }
                class => {
                    self.give_up(self.waiting.len());
                    self.begin();
                    self.fail((class == ErrorClass::Fatal).then_some(e));
                }
            },
        }
    }

    /// A new batch.
    fn begin(&mut self) {
        self.rows = 0;
        self.retry_at = self.settings.batch_rows;
    }

    /// Waits for another batch before the next try, and gives up the oldest where there is no more room.
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

    /// Counts the oldest `n` as lost.
    fn give_up(&mut self, n: usize) {
        for observation in self.waiting.drain(..n) {
            self.done.of(observation.meta.camera).lost += 1;
            self.lists.give_back_list(observation.faces);
        }
    }

    fn fail(&mut self, fatal: Option<SinkError>) {
        self.done.failures += 1;
        self.done.error = fatal.map(Arc::new).or(self.done.error.take());
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::{SimulatedClock, suite::observation};

    use super::*;

    /// Takes batches as told: one answer a call, then always.
    #[derive(Default)]
    struct Script {
        answers: Vec<ErrorClass>,
        sizes: Vec<usize>,
        panics: bool,
    }

    impl Sink for Script {
        fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
            assert!(!self.panics, "as told");
            if self.answers.is_empty() {
                self.sizes.push(batch.len());
                return Ok(());
            }
            Err(SinkError::new(self.answers.remove(0), "script", "as told"))
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

        // 100 ms apart: the sixth finds that the first has waited 500 ms.
        let mut sink = Script::default();
        run(&mut sink, WriterSettings::default(), 15, Duration::from_millis(100));
        assert_eq!(sink.sizes, [6, 6, 3]);
    }

    #[test]
    fn a_busy_sink_gets_everything_later_and_in_one_piece() {
        let mut sink = Script { answers: vec![ErrorClass::Reset; 2], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 350, Duration::ZERO);
        assert_eq!((counts.total().written, counts.total().lost, counts.failures, fatal), (350, 0, 2, false));
        assert_eq!(sink.sizes, [300, 50]);
    }

    #[test]
    fn a_sink_that_stays_busy_costs_the_oldest_and_no_more_memory() {
        let settings = WriterSettings { max_pending_rows: 400, ..WriterSettings::default() };
        let mut sink = Script { answers: vec![ErrorClass::Reset; 9], ..Script::default() };
        let (counts, _) = run(&mut sink, settings, 1000, Duration::ZERO);
        // Nine tries at 100, 200, … 900 observations; 200 kept each time; 300 taken by the tenth.
        assert_eq!((counts.total().written, counts.total().lost, counts.failures), (300, 700, 9));
    }

    #[test]
    fn a_refused_batch_is_lost_and_a_dead_sink_loses_the_rest_and_says_so() {
        let mut sink = Script { answers: vec![ErrorClass::Skip], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.total().written, counts.total().lost, fatal), (150, 100, false));

        let mut sink = Script { answers: vec![ErrorClass::Fatal], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.total().written, counts.total().lost, counts.failures, fatal), (0, 250, 1, true));

        let mut sink = Script { panics: true, ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.total().lost, fatal), (250, true));
    }
}
