//! Measures how long a camera takes to recover: from the end of a fault to the first good picture, for each fault and
//! source.
//!
//! ```text
//! cargo bench -p passerby-benches --bench recovery [--features ffmpeg] -- [--times N] [--json FILE]
//! ```
//! Every source runs under `Reconnect` with its default settings, except for the limit for frozen pictures: it is 3 s
//! here and 30 s by default. `noticed` is the time from a fault's beginning to the message that the connection is gone;
//! a dash means that the connection outlived the fault. `back` is the time from the fault's end to the first good
//! picture. If only a new connection can end a fault, the fault ends when it is noticed. The table has the medians of N
//! (3), and the slowest. The sources are measured side by side.
//!
//! Faults that a peer cannot produce are left out: GStreamer's server sends no garbage, does not freeze and keeps its
//! clock; a file neither hangs nor stalls.

#![allow(clippy::print_stdout, reason = "a bench talks to its user")]

mod file;
#[path = "../../crates/capture/tests/common/gstreamer.rs"]
mod gstreamer;
mod mjpeg;
mod peer;
mod row;
mod rtsp;
mod scripted;
mod watch;

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, panic, thread};

use lexopt::prelude::*;
use passerby::types::BoxError;
use row::{Row, Rows};
use serde_json::Value;

fn main() -> Result<(), BoxError> {
    let mut times = 3_usize;
    let mut file = None::<PathBuf>;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("times") => times = parser.value()?.parse::<usize>()?.max(1),
            Long("json") => file = Some(parser.value()?.into()),
            Long("help") => {
                println!(
                    "usage: cargo bench -p passerby-benches --bench recovery [--features ffmpeg] -- [--times N] [--json FILE]"
                );
                return Ok(());
            }
            // An argument that Cargo passes to every bench.
            Long("bench") => {}
            _ => return Err(arg.unexpected().into()),
        }
    }
    // The sources of this bench panic on purpose, so the messages would only disturb.
    let default_hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if thread::current().name() != Some("capture-feed") {
            default_hook(panic);
        }
    }));
    let sources: [fn(usize) -> Rows; 5] = [rtsp::ours, rtsp::ffmpeg, mjpeg::rows, file::rows, scripted::rows];
    let found: Vec<Rows> = thread::scope(|scope| {
        let threads = sources.map(|rows| scope.spawn(move || rows(times)));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a measurement panicked".into())))
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
