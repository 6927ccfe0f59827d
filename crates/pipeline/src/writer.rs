//! Hands observations to a sink in batches.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Clock, ErrorClass, Observation, Sink, SinkError, Timestamp};

use crate::guard::quietly;

/// When a [`Writer`] writes, and how much it keeps for a sink that does not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterSettings {
    /// A batch is written when it holds this many rows. A row is one face of one frame; a frame without faces
    /// counts as one.
    pub rows: usize,
    /// A batch is written when its oldest observation has waited this long.
    pub wait: Duration,
    /// At most this many rows wait for a sink that does not take them; the oldest are given up beyond that.
    pub spill: usize,
}

impl Default for WriterSettings {
    /// 200 rows or 500 ms, as the original system; 20,000 rows kept, some ten megabytes.
    fn default() -> Self {
        Self { rows: 200, wait: Duration::from_millis(500), spill: 20_000 }
    }
}

/// What became of the observations a [`Writer`] was given: `offered = written + lost + waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// Observations taken from the pipeline.
    pub offered: u64,
    /// Observations the sink took.
    pub written: u64,
    /// Observations given up: the sink refused them, or they waited until there was no more room.
    pub lost: u64,
    /// Batches the sink took.
    pub batches: u64,
    /// Calls that failed.
    pub failures: u64,
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
    counts: WriteCounts,
    fatal: Option<SinkError>,
}

/// The rows of an observation.
fn rows(observation: &Observation) -> usize {
    observation.faces.len().max(1)
}

impl<'a> Writer<'a> {
    /// A writer for this sink.
    pub fn new(sink: &'a mut dyn Sink, settings: WriterSettings, clock: Arc<dyn Clock>) -> Self {
        let oldest = clock.now();
        let retry_at = settings.rows;
        Self {
            sink,
            settings,
            clock,
            waiting: Vec::new(),
            rows: 0,
            oldest,
            retry_at,
            counts: WriteCounts::default(),
            fatal: None,
        }
    }

    /// Takes an observation, and writes the batch where it is full or old.
    pub fn offer(&mut self, observation: Observation) {
        self.counts.offered += 1;
        if self.fatal.is_some() {
            self.counts.lost += 1;
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
        let old = !self.waiting.is_empty() && self.clock.now().since(self.oldest) >= self.settings.wait;
        if self.rows >= self.retry_at || old {
            self.write();
        }
    }

    /// Writes what waits, asks the sink to make it durable, and gives up what it still does not take.
    ///
    /// Returns the counts and the error that ended the sink, where one did.
    pub fn finish(mut self) -> (WriteCounts, Option<SinkError>) {
        self.write();
        if self.fatal.is_none() {
            match quietly("store", || self.sink.flush()) {
                Ok(Ok(())) => {}
                Ok(Err(e)) => self.fail(Some(e)),
                Err(panic) => self.fail(Some(SinkError::new(ErrorClass::Fatal, "sink", panic))),
            }
        }
        self.counts.lost += self.waiting.len() as u64;
        (self.counts, self.fatal)
    }

    /// What became of the observations so far.
    #[must_use]
    pub fn counts(&self) -> WriteCounts {
        self.counts
    }

    fn write(&mut self) {
        if self.waiting.is_empty() || self.fatal.is_some() {
            return;
        }
        // A sink that panicked is in an unknown state: it is not asked again.
        let result = quietly("store", || self.sink.write(&self.waiting))
            .unwrap_or_else(|panic| Err(SinkError::new(ErrorClass::Fatal, "sink", panic)));
        match result {
            Ok(()) => {
                self.counts.written += self.waiting.len() as u64;
                self.counts.batches += 1;
                self.clear();
            }
            Err(e) => match e.class() {
                ErrorClass::Reset => {
                    self.fail(None);
                    self.keep();
                }
                class => {
                    self.counts.lost += self.waiting.len() as u64;
                    self.clear();
                    self.fail((class == ErrorClass::Fatal).then_some(e));
                }
            },
        }
    }

    fn clear(&mut self) {
        self.waiting.clear();
        self.rows = 0;
        self.retry_at = self.settings.rows;
    }

    /// Waits for another batch before the next try, and gives up the oldest where there is no more room.
    fn keep(&mut self) {
        self.oldest = self.clock.now();
        let mut given_up = 0;
        while self.rows > self.settings.spill && given_up < self.waiting.len() {
            self.rows -= rows(&self.waiting[given_up]);
            given_up += 1;
        }
        self.waiting.drain(..given_up);
        self.counts.lost += given_up as u64;
        self.retry_at = self.rows + self.settings.rows;
    }

    fn fail(&mut self, fatal: Option<SinkError>) {
        self.counts.failures += 1;
        self.fatal = fatal.or(self.fatal.take());
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

    fn run(sink: &mut Script, settings: WriterSettings, n: u64, step: Duration) -> (WriteCounts, bool) {
        let clock = SimulatedClock::new();
        let mut writer = Writer::new(sink, settings, Arc::new(clock.clone()));
        for seq in 0..n {
            writer.offer(observation(0, seq));
            clock.advance(step);
        }
        let (counts, fatal) = writer.finish();
        assert_eq!(counts.offered, counts.written + counts.lost, "all accounted for at the end: {counts:?}");
        (counts, fatal.is_some())
    }

    #[test]
    fn a_batch_is_200_rows_or_500_milliseconds() {
        // Each observation is two rows.
        let mut sink = Script::default();
        let (counts, _) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((sink.sizes.as_slice(), counts.written), (&[100, 100, 50][..], 250));

        // 100 ms apart: the sixth finds that the first has waited 500 ms.
        let mut sink = Script::default();
        run(&mut sink, WriterSettings::default(), 15, Duration::from_millis(100));
        assert_eq!(sink.sizes, [6, 6, 3]);
    }

    #[test]
    fn a_busy_sink_gets_everything_later_and_in_one_piece() {
        let mut sink = Script { answers: vec![ErrorClass::Reset; 2], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 350, Duration::ZERO);
        assert_eq!((counts.written, counts.lost, counts.failures, fatal), (350, 0, 2, false));
        assert_eq!(sink.sizes, [300, 50]);
    }

    #[test]
    fn a_sink_that_stays_busy_costs_the_oldest_and_no_more_memory() {
        let settings = WriterSettings { spill: 400, ..WriterSettings::default() };
        let mut sink = Script { answers: vec![ErrorClass::Reset; 9], ..Script::default() };
        let (counts, _) = run(&mut sink, settings, 1000, Duration::ZERO);
        // Nine tries at 100, 200, … 900 observations; 200 kept each time; 300 taken by the tenth.
        assert_eq!((counts.written, counts.lost, counts.failures), (300, 700, 9));
    }

    #[test]
    fn a_refused_batch_is_lost_and_a_dead_sink_loses_the_rest_and_says_so() {
        let mut sink = Script { answers: vec![ErrorClass::Skip], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.written, counts.lost, fatal), (150, 100, false));

        let mut sink = Script { answers: vec![ErrorClass::Fatal], ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.written, counts.lost, counts.failures, fatal), (0, 250, 1, true));

        let mut sink = Script { panics: true, ..Script::default() };
        let (counts, fatal) = run(&mut sink, WriterSettings::default(), 250, Duration::ZERO);
        assert_eq!((counts.lost, fatal), (250, true));
    }
}
