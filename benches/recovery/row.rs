//! The rows of the table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use passerby::types::BoxError;
use serde_json::{Value, json};

use crate::watch::Timing;

/// The rows of one source.
pub(crate) type Rows = Result<Vec<Row>, BoxError>;

/// Returns the path of a file of the capture crate's tests.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/capture/tests/data").join(name)
}

/// A fault of a source, with its measurements.
pub(crate) struct Row {
    pub(crate) source: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) timings: Vec<Timing>,
}

impl Row {
    /// Returns the median time until the fault was noticed, or `None` if it never was.
    pub(crate) fn noticed(&self) -> Option<Duration> {
        let mut times: Vec<_> = self.timings.iter().filter_map(|timing| timing.noticed).collect();
        times.sort();
        times.get(times.len() / 2).copied()
    }

    /// Returns the median and the longest time until the first good picture.
    pub(crate) fn back(&self) -> (Duration, Duration) {
        let mut times: Vec<_> = self.timings.iter().map(|timing| timing.back).collect();
        times.sort();
        let at = |i: usize| times.get(i).copied().unwrap_or_default();
        (at(times.len() / 2), at(times.len().saturating_sub(1)))
    }

    /// Returns the row as JSON, with times in milliseconds.
    pub(crate) fn json(&self) -> Value {
        let ms = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
        let (median, slowest) = self.back();
        json!({
            "source": self.source,
            "fault": self.fault,
            "times": self.timings.len(),
            "noticed_ms": self.noticed().map(ms),
            "back_ms": {"median": ms(median), "slowest": ms(slowest)},
        })
    }
}
