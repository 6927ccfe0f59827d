//! Shows what an input gives, without any analysis.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use passerby::capture::{Input, OpenSettings};
use passerby::types::{BoxError, ErrorClass};

use crate::advice::with_advice;
use crate::options::number;
use crate::outcome::Outcome;
use crate::stop::Stop;
use crate::terminal::{self, counted};

/// Shows the coding, picture size, rate, delay and losses of a camera or a file
///
/// Reads each input for five seconds and prints a line, without any analysis. A camera is not connected again if it fails.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby probe rtsp://NAME:PASSWORD@door.local/live
  passerby probe 'rtsp://door.local/live#transport=udp'
  passerby probe webcam:0
  passerby probe door.mp4")]
pub(crate) struct ProbeArgs {
    /// Reads each input for N seconds at most
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = number(0.1..=1e6))]
    seconds: f64,
    /// A camera, a video, a picture, or a scene
    #[arg(value_name = "URI", required = true)]
    inputs: Vec<OsString>,
}

/// Probes each input.
///
/// # Errors
/// Ctrl-C cannot be caught, or standard output cannot be written.
pub(crate) fn run(args: &ProbeArgs) -> Result<Outcome, BoxError> {
    let stop = Stop::new(None)?;
    let mut ok = true;
    for input in args.inputs.iter().take_while(|_| !stop.is_requested()) {
        match probe(input, Duration::from_secs_f64(args.seconds), &stop) {
            Ok(line) => terminal::print(&line)?,
            Err(e) => {
                terminal::message(with_advice(&*e));
                ok = false;
            }
        }
    }
    Ok(if ok { stop.outcome() } else { Outcome::Failed })
}

/// Reads the input for `time` and returns a line with picture size, rate and delay.
fn probe(input: &OsString, time: Duration, stop: &Stop) -> Result<String, BoxError> {
    let start = Instant::now();
    let settings = OpenSettings { reconnect: None, ..OpenSettings::default() };
    let mut source = Input::parse(input)?.open(&settings)?;
    let info = source.info().clone();
    let mut latencies = Vec::new();
    let mut first = None;
    let mut lost = 0;
    let mut size = String::new();
    while start.elapsed() < time && !stop.is_requested() {
        match source.next_picture() {
            Ok(Some(picture)) => {
                first.get_or_insert_with(|| start.elapsed());
                let image = &picture.image;
                size = format!("{:?} {}x{}", image.layout(), image.width(), image.height());
                latencies.push(picture.age);
            }
            Ok(None) => break,
            Err(e) if e.class() == ErrorClass::Skip => {
                lost += e.lost().0;
                if e.lost().0 == 0 {
                    terminal::warning(e);
                }
            }
            Err(e) => return Err(e.into()),
        }
    }
    let name = &info.name;
    let Some(first) = first else { return Err(format!("{name}: no picture in {time:?}").into()) };
    let rate = latencies.len().saturating_sub(1) as f64 / start.elapsed().saturating_sub(first).as_secs_f64();
    latencies.sort_unstable();
    let latency = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    let count = latencies.len();
    let format = info.format.map(|format| format!("{format}, ")).unwrap_or_default();
    let mut line = format!("{name}: {format}{size}, ");
    if info.live {
        let _ = write!(line, "{rate:.1} pictures/s, the first after {first:.0?}");
        let _ = write!(line, "; latency p50 {:.1?}, p95 {:.1?}", latency(0.5), latency(0.95));
    } else {
        // A file is read as fast as possible, so only its own rate means something.
        let own = info.frame_rate.map(|rate| format!(", {rate:.1} pictures/s")).unwrap_or_default();
        let total = info.frames.map(|frames| counted(frames, "picture")).unwrap_or_else(|| "a file".into());
        let _ = write!(line, "{total}{own}, {count} read at {rate:.0}/s, the first after {first:.0?}");
    }
    let _ = writeln!(line, "; {lost} lost");
    Ok(line)
}
