//! Measures the whole pipeline, end to end: its throughput, its delay, and its cost.
//!
//! ```text
//! cargo bench -p passerby-benches --bench pipeline -- [--cameras N] [--live FPS] [--seconds S] [--detector-side N] [--cadence N|auto]
//!                                 [--workers N] [--persons N] [--precision float|int8] [--device NAME] [--decoder rusty|openh264]
//!                                 [--soak S] [--rtsp VIDEO] [--restart S] [--flow] [--json FILE] [INPUT...]
//! ```
//! An input is anything that `passerby::capture::open` accepts; `ffmpeg:VIDEO` decodes by ffmpeg. Without `--live`
//! every video is read over and over, as fast as possible, and nothing is dropped. With `--live` each is a camera of
//! that many frames a second. The inputs are dealt out to the cameras in turn; without any input the bench plays the
//! bundled clip. `--soak S` prints a line with the memory every S seconds. `--rtsp VIDEO` measures the endurance of
//! network cameras: a GStreamer server on this machine plays the video in real time, and every camera connects to it.
//! `--restart S` kills the server every S seconds and starts it again a second later. `--flow` runs the single-threaded
//! reference instead, as fast as possible: the pipeline's frames a second, divided by the reference's times the number
//! of cores, show the cost of the threads.
//!
//! `--persons N` fills the gallery with N random persons first. The start-up, which ends when the networks are loaded and the
//! cameras are open, is counted apart: `start_cpu_s`, `start_rss_mib`. `threads_ms` is the CPU time of each kind of thread for
//! each frame after it, and `frame_ms` that of all threads together.
//!
//! `--device NAME` runs all networks on that device by ONNX Runtime (built with `--features ort`), or fails.
//!
//! It prints one JSON object with the same fields as the Python system's (`scripts/compare_baseline.sh`). The memory is
//! this process's alone, without the processes that `ffmpeg:` starts.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to its user")]

mod crowd;
#[path = "../../crates/cli/src/options/detector_size.rs"]
mod detector_size;
#[path = "../../crates/capture/tests/common/gstreamer.rs"]
mod gstreamer;
mod process;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gstreamer::Camera;
use lexopt::prelude::*;
use passerby::capture::{Decoder, Input, LivePlayback, OpenSettings, ReconnectEvent};
use passerby::detect::{CenterFace, CenterFaceSettings};
use passerby::inference::{Device, Engine, Precision};
use passerby::pipeline::{
    Flow, FlowSettings, GovernorLimits, MetricsSnapshot, Pipeline, PipelineSettings, Stages,
};
use passerby::store::{Sqlite, SqliteSettings};
use passerby::types::{
    BoxError, CameraId, Clock, FrameSource, Picture, SourceError, SourceInfo, SystemClock,
};
use serde_json::{Value, json};

/// How long the pipeline may take to end.
const CLOSING: Duration = Duration::from_secs(5);
/// How long a killed server stays away.
const AWAY: Duration = Duration::from_secs(1);

/// The detectors that can be measured.
#[derive(Clone, Copy)]
enum DetectorName {
    YuNet,
    CenterFace,
}

struct Args {
    cameras: u32,
    live: Option<f64>,
    seconds: f64,
    detector: DetectorName,
    long_side: u32,
    /// The detector runs on every N-th frame. `None` lets the governor decide.
    cadence: Option<u64>,
    workers: usize,
    /// The persons whom the gallery knows at the start.
    persons: usize,
    precision: Precision,
    device: Option<Device>,
    decoder: Decoder,
    soak: Option<f64>,
    rtsp: Option<String>,
    restart: Option<f64>,
    flow: bool,
    json: Option<PathBuf>,
    inputs: Vec<Input>,
}

fn main() -> Result<(), BoxError> {
    let mut args = parse()?;
    if args.rtsp.is_some() && !gstreamer::is_installed() {
        println!("SKIPPED pipeline --rtsp: no RTSP server of GStreamer");
        return Ok(());
    }
    let mut server = args.rtsp.as_deref().map(|video| Camera::start(&[video]));
    if let Some(server) = &server {
        args.inputs = vec![Input::parse(server.url())?];
    }
    let result = if args.flow { flow(&args)? } else { run(&args, server.as_mut())? };
    println!("{result}");
    if let Some(path) = &args.json {
        fs::write(path, format!("{result}\n")).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn parse() -> Result<Args, BoxError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut args = Args {
        cameras: 4,
        live: None,
        seconds: 20.0,
        detector: DetectorName::YuNet,
        long_side: 480,
        cadence: Some(1),
        workers: cores,
        persons: 0,
        precision: Precision::Int8,
        device: None,
        decoder: Decoder::Rusty,
        soak: None,
        rtsp: None,
        restart: None,
        flow: false,
        json: None,
        inputs: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("cameras") => args.cameras = parser.value()?.parse()?,
            Long("live") => args.live = Some(parser.value()?.parse()?),
            Long("seconds") => args.seconds = parser.value()?.parse()?,
            Long("detector-side") => {
                args.long_side = detector_size::parse_side(&parser.value()?.string()?)?;
            }
            Long("detector-size") => {
                args.long_side = detector_size::parse_size(&parser.value()?.string()?)?;
            }
            Long("detector") => {
                args.detector = match parser.value()?.string()?.as_str() {
                    "yunet" => DetectorName::YuNet,
                    "centerface" => DetectorName::CenterFace,
                    other => return Err(format!("--detector {other}: expected yunet or centerface").into()),
                }
            }
            Long("cadence") => {
                let cadence = parser.value()?.string()?;
                args.cadence = if cadence == "auto" { None } else { Some(cadence.parse()?) };
            }
            Long("workers") => args.workers = parser.value()?.parse()?,
            Long("persons") => args.persons = parser.value()?.parse()?,
            Long("precision") => {
                args.precision = match parser.value()?.string()?.as_str() {
                    "float" => Precision::Float,
                    "int8" => Precision::Int8,
                    other => return Err(format!("--precision {other}: expected float or int8").into()),
                }
            }
            Long("device") => args.device = Some(parser.value()?.string()?.parse()?),
            Long("decoder") => {
                args.decoder = match parser.value()?.string()?.as_str() {
                    "rusty" => Decoder::Rusty,
                    "openh264" => Decoder::OpenH264,
                    other => return Err(format!("--decoder {other}: expected rusty or openh264").into()),
                }
            }
            Long("soak") => args.soak = Some(parser.value()?.parse()?),
            Long("rtsp") => args.rtsp = Some(parser.value()?.string()?),
            Long("restart") => args.restart = Some(parser.value()?.parse()?),
            Long("flow") => args.flow = true,
            Long("json") => args.json = Some(parser.value()?.into()),
            // An argument that Cargo passes to every bench.
            Long("bench") => {}
            Value(input) => args.inputs.extend(Input::expand(input)?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    if args.inputs.is_empty() {
        args.inputs.push(Input::parse(concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/passersby.mp4"))?);
    }
    Ok(args)
}

/// Returns the default stages with the requested settings.
fn stages(args: &Args) -> Result<Stages, BoxError> {
    let mut settings = passerby::Settings::default();
    settings.detector.long_side = Some(args.long_side);
    settings.embedder = args.precision;
    settings.engine = args.device.map_or(Engine::Auto, Engine::Require);
    let gallery = crowd::gallery(args.persons)?;
    let stages = passerby::stages_with(&settings, move || gallery.clone())?;
    if matches!(args.detector, DetectorName::YuNet) {
        return Ok(stages);
    }
    let settings = CenterFaceSettings {
        long_side: args.long_side,
        precision: args.precision,
        ..CenterFaceSettings::default()
    };
    let model = CenterFace::bundled_model()?.with_engine(args.device.map_or(Engine::Auto, Engine::Require));
    Ok(stages.with_detector(move || CenterFace::with_settings(model.clone(), settings.clone())))
}

/// Returns a function that opens the input each time it is called, and prints the events of a camera's connection.
fn opener(
    args: &Args,
    input: &Input,
) -> impl FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send + use<> {
    let listener = |camera: &str, event: &ReconnectEvent<'_>| match event {
        ReconnectEvent::Recovered { outage } => eprintln!("{camera}: pictures after {outage:.2?} without"),
        ReconnectEvent::Failed { error, failures, retry_in } => {
            eprintln!("{error} ({failures}), again in {retry_in:.2?}");
        }
        _ => {}
    };
    let settings =
        OpenSettings { decoder: args.decoder, on_reconnect: Arc::new(listener), ..OpenSettings::default() };
    let input = input.clone();
    move || input.open(&settings)
}

/// Measures the same on one thread.
fn flow(args: &Args) -> Result<Value, BoxError> {
    let settings = FlowSettings { cadence: args.cadence.unwrap_or(1), ..FlowSettings::default() };
    let mut flow = Flow::new(stages(args)?, settings, Arc::new(SystemClock::new()))?;
    let folder = tempfile::tempdir()?;
    let mut sink = Sqlite::open(folder.path().join("bench.sqlite"), SqliteSettings::default())?;
    let mut sources = Vec::new();
    for input in args.inputs.iter().cycle().take(args.cameras as usize) {
        sources.push(Again::new(opener(args, input))?);
    }
    let cameras =
        sources.iter_mut().zip(0..).map(|(s, id)| (CameraId(id), s as &mut dyn FrameSource)).collect();
    let start = Instant::now();
    let reports = flow.run_together(cameras, Some(&mut sink), &mut |_| {
        let over = start.elapsed().as_secs_f64() >= args.seconds;
        if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let took = start.elapsed().as_secs_f64();
    let used = process::cpu_seconds();
    let frames: u64 = reports.iter().map(|r| r.ledger.analysed + r.ledger.coasted).sum();
    Ok(json!({
        "flow": true,
        "channels": args.cameras,
        "seconds": took,
        "long": args.long_side,
        "fps": frames as f64 / took,
        "cpu_s": used,
        "rss_mib": process::status("VmHWM:") / 1024,
    }))
}

fn run(args: &Args, mut server: Option<&mut Camera>) -> Result<Value, BoxError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let limits = GovernorLimits { workers: 1..=args.workers.max(1), ..GovernorLimits::default() };
    let pipeline = PipelineSettings {
        flow: FlowSettings { cadence: args.cadence.unwrap_or(1), ..FlowSettings::default() },
        detect_workers: args.workers,
        governor: args.cadence.is_none().then_some(limits),
        ..PipelineSettings::default()
    };
    let folder = tempfile::tempdir()?;
    let database = Sqlite::open(folder.path().join("bench.sqlite"), SqliteSettings::default())?;
    let mut pipeline = Pipeline::new(stages(args)?, pipeline, Arc::clone(&clock)).sink(database);
    for (number, input) in (0..args.cameras).zip(args.inputs.iter().cycle()) {
        let mut open = opener(args, input);
        pipeline = match args.live {
            _ if input.is_live() => pipeline.camera(CameraId(number), open()?),
            Some(rate) => {
                pipeline.camera(CameraId(number), LivePlayback::looped(open, Some(rate), Arc::clone(&clock))?)
            }
            None => pipeline.camera(CameraId(number), Again::new(open)?),
        };
    }

    // The networks are loaded and no frame has begun: the Python system's time starts at the same point.
    let handle = pipeline.start_paused()?;
    let start_up = StartUp::new();
    let start = Instant::now();
    handle.resume();
    let every = |period: Option<f64>| period.map_or(f64::INFINITY, |s| s.max(0.1));
    let mut report = every(args.soak);
    let mut restart = every(args.restart);
    loop {
        let next = report.min(restart).min(args.seconds);
        let left = next - start.elapsed().as_secs_f64();
        std::thread::sleep(Duration::from_secs_f64(left.max(0.0)));
        if next >= args.seconds {
            break;
        }
        if next >= restart {
            restart += every(args.restart);
            if let Some(server) = &mut server {
                server.kill();
                std::thread::sleep(AWAY);
                server.restart();
                eprintln!("{:.2} s: the server is back", start.elapsed().as_secs_f64());
            }
        }
        if next >= report {
            report += every(args.soak);
            let ledger = handle.metrics().snapshot().ledger();
            eprintln!(
                "{:.0} s: {} MiB, {} threads, {} captured, {} dropped",
                start.elapsed().as_secs_f64(),
                process::status("VmRSS:") / 1024,
                process::status("Threads:"),
                ledger.captured,
                ledger.dropped_total()
            );
        }
    }
    let figures = handle.metrics().snapshot();
    let took = start.elapsed().as_secs_f64();
    let run = start_up.run_until_now();
    let finished = handle.stop(CLOSING);
    // Linux reports the usage of a process only after it has ended.
    let used = process::cpu_seconds();
    for report in &finished.reports {
        report.notes.iter().for_each(|note| eprintln!("pipeline: {note}"));
        if let Some(e) = &report.error {
            return Err(format!("{}: {e}", report.camera).into());
        }
    }
    let mut result = summary(args, &figures, took, used, &finished.abandoned);
    run.add_to(&mut result, &figures);
    Ok(result)
}

/// The CPU time and the memory when the networks were loaded and no frame had begun.
struct StartUp {
    cpu_seconds: f64,
    rss_mib: u64,
    threads: BTreeMap<String, f64>,
}

/// The CPU time of the frames alone.
struct FrameCosts {
    start_up: StartUp,
    cpu_seconds: f64,
    /// The CPU milliseconds of each kind of thread.
    threads: BTreeMap<String, f64>,
}

impl StartUp {
    fn new() -> Self {
        Self {
            cpu_seconds: process::cpu_seconds(),
            rss_mib: process::status("VmRSS:") / 1024,
            threads: process::thread_cpu_millis(),
        }
    }

    fn run_until_now(self) -> FrameCosts {
        let mut threads = process::thread_cpu_millis();
        for (name, millis) in &mut threads {
            *millis -= self.threads.get(name).copied().unwrap_or(0.0);
        }
        FrameCosts { cpu_seconds: process::cpu_seconds() - self.cpu_seconds, threads, start_up: self }
    }
}

impl FrameCosts {
    /// Adds the costs of a frame to the results.
    fn add_to(&self, result: &mut Value, figures: &MetricsSnapshot) {
        let ledger = figures.ledger();
        let frames = (ledger.analysed + ledger.coasted).max(1) as f64;
        let each = |millis: f64| (millis / frames * 1e3).round() / 1e3;
        result["start_cpu_s"] = json!((self.start_up.cpu_seconds * 1e2).round() / 1e2);
        result["start_rss_mib"] = json!(self.start_up.rss_mib);
        result["frame_ms"] = json!(each(self.cpu_seconds * 1e3));
        let threads = self.threads.iter().map(|(name, millis)| (name.as_str(), each(*millis)));
        result["threads_ms"] = json!(threads.collect::<BTreeMap<_, _>>());
    }
}

/// Returns the figures under the names of the Python system, and more.
fn summary(args: &Args, figures: &MetricsSnapshot, took: f64, used: f64, abandoned: &[String]) -> Value {
    let round = |x: f64, digits: i32| (x * 10f64.powi(digits)).round() / 10f64.powi(digits);
    let ledger = figures.ledger();
    let done = |l: &passerby::types::Ledger| l.analysed + l.coasted;
    let dropped: BTreeMap<&str, u64> = ledger.dropped.iter().map(|(reason, n)| (reason.name(), *n)).collect();
    let ms = |d: Duration| round(d.as_secs_f64() * 1e3, 1);
    let stages: BTreeMap<&str, Value> = figures
        .stages
        .iter()
        .map(|s| {
            let mean = s.time.busy.as_secs_f64() * 1e3 / s.time.items.max(1) as f64;
            (s.stage, json!({"items": s.time.items, "ms_each": round(mean, 3), "p95_ms": ms(s.latency.p95)}))
        })
        .collect();
    json!({
        "channels": args.cameras,
        "seconds": round(took, 2),
        "live": args.live.unwrap_or(0.0),
        "rtsp": args.rtsp,
        "interruptions": figures.cameras.iter().map(|c| c.interruptions).sum::<u64>(),
        "long": args.long_side,
        "precision": if args.precision == Precision::Int8 && args.device.is_none() { "int8" } else { "float" },
        "device": args.device.map(|device| device.to_string()),
        "workers": args.workers,
        // If the reader of a played file cannot decode in time, the file falls behind. A camera would lose these
        // frames.
        "due": args.live.map(|rate| (rate * took).round() as u64 * u64::from(args.cameras)),
        "captured": ledger.captured,
        "analysed": ledger.analysed,
        "coasted": ledger.coasted,
        "yielded": figures.cameras.iter().map(|c| c.yielded).sum::<u64>(),
        "dropped": ledger.dropped_total(),
        "dropped_by_reason": dropped,
        "in_flight": ledger.in_flight,
        "faces": figures.cameras.iter().map(|c| c.faces).sum::<u64>(),
        "fps": round(done(&ledger) as f64 / took, 2),
        "fps_channel": figures.cameras.iter().map(|c| round(done(&c.ledger) as f64 / took, 2)).collect::<Vec<_>>(),
        "age_ms": {"p50": ms(figures.age.p50), "p95": ms(figures.age.p95), "p99": ms(figures.age.p99)},
        "cadence": figures.cameras.iter().map(|c| c.cadence).collect::<Vec<_>>(),
        "cpu_s": round(used, 1),
        "rss_mib": process::status("VmHWM:") / 1024,
        "rss_end_mib": process::status("VmRSS:") / 1024,
        "rows_lost": figures.written.total().lost,
        "stages": stages,
        "abandoned_threads": abandoned,
    })
}

/// A file that starts again at each end, as fast as it is read.
struct Again {
    open: Box<dyn FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send>,
    source: Box<dyn FrameSource>,
    info: SourceInfo,
}

impl Again {
    fn new(
        mut open: impl FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send + 'static,
    ) -> Result<Self, SourceError> {
        let source = open()?;
        let info = source.info().clone();
        Ok(Self { open: Box::new(open), source, info })
    }
}

impl FrameSource for Again {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if let Some(picture) = self.source.next_picture()? {
            return Ok(Some(picture));
        }
        self.source = (self.open)()?;
        self.source.next_picture()
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}
