//! How long a camera takes to come back: from the end of a fault to the first good picture, for each fault and source.
//!
//! ```text
//! cargo bench --bench recovery [--features ffmpeg] -- [--times N] [--json FILE]
//! ```
//! Every source is under `Reconnect` with its default settings, but for the limit for frozen pictures, which is 3 s here and
//! 30 s by default. `noticed` is the time from a fault's beginning to the word that the connection is gone; a dash stands
//! for a connection that outlived the fault. `back` is the time from the fault's end to the first good picture. A fault that
//! nothing but a new connection ends has its end where it is noticed. Medians of N (3), and the slowest. The sources are
//! measured side by side.
//!
//! What a peer cannot be told to do is left out: GStreamer's server sends no garbage, does not freeze and keeps its clock;
//! a file neither hangs nor stalls.

#![allow(clippy::print_stdout, reason = "a bench talks to its user")]

mod file;
#[path = "../../crates/capture/tests/common/gstreamer.rs"]
mod gstreamer;
mod mjpeg;
mod peer;
mod rtsp;
mod scripted;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, panic, thread};

use lexopt::prelude::*;
use passerby::types::BoxError;
use serde_json::{Value, json};
use watch::Timing;

/// A file of the capture crate's tests.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/capture/tests/data").join(name)
}

/// A fault of a source, and what came of it each time.
struct Row {
    source: &'static str,
    fault: &'static str,
    timings: Vec<Timing>,
}

impl Row {
    /// The median time until it was noticed, where it was.
    fn noticed(&self) -> Option<Duration> {
        let mut times: Vec<_> = self.timings.iter().filter_map(|timing| timing.noticed).collect();
        times.sort();
        times.get(times.len() / 2).copied()
    }

    /// The median and the longest time until it was back.
    fn back(&self) -> (Duration, Duration) {
        let mut times: Vec<_> = self.timings.iter().map(|timing| timing.back).collect();
        times.sort();
        let at = |i: usize| times.get(i).copied().unwrap_or_default();
        (at(times.len() / 2), at(times.len().saturating_sub(1)))
    }

    fn json(&self) -> Value {
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

type Rows = Result<Vec<Row>, BoxError>;

fn main() -> Result<(), BoxError> {
    let (mut times, mut file) = (3_usize, None::<PathBuf>);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("times") => times = parser.value()?.parse::<usize>()?.max(1),
            Long("json") => file = Some(parser.value()?.into()),
            Long("help") => {
                println!(
                    "usage: cargo bench --bench recovery [--features ffmpeg] -- [--times N] [--json FILE]"
                );
                return Ok(());
            }
            // What cargo hands to every bench.
            Long("bench") => {}
            _ => return Err(arg.unexpected().into()),
        }
    }
    // A source that panics as it was told is no news.
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if thread::current().name() != Some("capture-feed") {
            tell(panic);
        }
    }));
    let sources: [fn(usize) -> Rows; 5] = [rtsp::ours, rtsp::ffmpeg, mjpeg::rows, file::rows, scripted::rows];
    let found: Vec<Rows> = thread::scope(|scope| {
        let threads = sources.map(|rows| scope.spawn(move || rows(times)));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("it panicked".into())))
            .collect()
    });
    let mut rows = Vec::new();
    for found in found {
        rows.extend(found?);
    }

    println!("{:<28} {:<44} {:>8} {:>8} {:>8}", "source", "fault", "noticed", "back", "slowest");
    let text = |time: Duration| match time.as_secs_f64() {
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.2} s"),
    };
    for row in &rows {
        let (median, slowest) = row.back();
        let noticed = row.noticed().map_or("-".into(), text);
        println!(
            "{:<28} {:<44} {noticed:>8} {:>8} {:>8}",
            row.source,
            row.fault,
            text(median),
            text(slowest)
        );
    }
    if let Some(path) = file {
        let all: Vec<Value> = rows.iter().map(Row::json).collect();
        fs::write(&path, format!("{}\n", Value::from(all)))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}
