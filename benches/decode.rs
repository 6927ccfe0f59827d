//! Measures the cost of a video frame for each decoder, next to ffmpeg alone; and of a JPEG picture.
//!
//!     cargo bench -p passerby-benches --bench decode --features openh264,ffmpeg,libav -- [--rounds N] [--json FILE] [VIDEO]
//!
//! Each decoder reads the whole video. The decoders take turns round by round, so that other load on the machine
//! affects all alike. The clock time runs from opening to the end. The CPU time is that of all threads and child
//! processes together (Linux), which is the figure that matters if many cameras share the cores: a separate process
//! looks fast because it uses another core. The ratios are to `ffmpeg -threads 1 -f null -`. Without VIDEO the bench
//! reads `data/clips/mosaic720.mp4` of the shared folder (`PASSERBY_SHARED`, else `../shared`) if it exists, else the
//! bundled clip. A decoder that is missing here is reported as SKIPPED.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints a table")]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use lexopt::prelude::*;
use passerby::capture::{Decoder, Images, Video, VideoSettings};
use passerby::types::{BoxError, FrameSource};
use serde::Serialize;

/// The number of times that the JPEG picture is read in a turn, which takes a few tenths of a second.
const PICTURES: u64 = 100;

/// A way to decode. A turn returns the number of pictures that it decoded.
struct Way<'a> {
    name: &'static str,
    /// True if this way decodes the video, as the reference does.
    video: bool,
    turn: Box<dyn Fn() -> Result<u64, BoxError> + 'a>,
}

impl<'a> Way<'a> {
    fn video(name: &'static str, turn: impl Fn() -> Result<u64, BoxError> + 'a) -> Self {
        Self { name, video: true, turn: Box::new(turn) }
    }
}

/// Medians, and ratios if this way decodes the video and ffmpeg is present. A ratio above 1 is better than ffmpeg for
/// frames a second, and worse for CPU time.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    frames: u64,
    fps: f64,
    cpu_ms: f64,
    fps_over_ffmpeg: Option<f64>,
    cpu_over_ffmpeg: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    video: String,
    rounds: usize,
    ways: Vec<Row>,
}

/// The way that the others are compared with.
const FFMPEG: &str = "ffmpeg -threads 1 -f null";

fn main() -> Result<(), BoxError> {
    let mut rounds = 5;
    let mut json = None;
    let mut video = None;
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("rounds") => rounds = args.value()?.parse::<usize>()?.max(1),
            Long("json") => json = Some(PathBuf::from(args.value()?)),
            Long("help") => {
                println!(
                    "usage: cargo bench -p passerby-benches --bench decode -- [--rounds N] [--json FILE] [VIDEO]"
                );
                return Ok(());
            }
            // An argument that Cargo passes.
            Long("bench") => {}
            Value(path) => video = Some(PathBuf::from(path)),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let video = video.unwrap_or_else(usual_video);
    if !video.is_file() {
        println!("SKIPPED decode: no video at {}", video.display());
        return Ok(());
    }
    let jpeg = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/capture/tests/data/pattern.jpg");
    let mut ways = ways(&video);
    ways.push(Way { name: "a JPEG picture, 640x480", video: false, turn: Box::new(|| pictures(&jpeg)) });
    let report = Report { video: video.display().to_string(), rounds, ways: measure(&ways, rounds)? };
    print(&report);
    if let Some(file) = json {
        fs::write(file, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}

/// Returns the clip that the published figures are of, or else the bundled clip.
fn usual_video() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    passerby_testkit::shared("decode's usual video, so the bundled clip")
        .map(|shared| shared.join("data/clips/mosaic720.mp4"))
        .filter(|clip| clip.is_file())
        .unwrap_or_else(|| here.join("../assets/passersby.mp4"))
}

/// Returns every way that is present on this machine.
fn ways(video: &Path) -> Vec<Way<'_>> {
    let decode = |decoder| move || count(Video::open_with(video, settings(decoder))?);
    let all = vec![
        Way::video("Video, Decoder::Rusty", decode(Decoder::Rusty)),
        Way::video("Video, Decoder::OpenH264", decode(Decoder::OpenH264)),
        Way::video("Video, Decoder::Libav", decode(Decoder::Libav)),
        #[cfg(feature = "libav")]
        Way::video("Libav, 1 thread", move || by_libraries(video, 1)),
        #[cfg(feature = "libav")]
        Way::video("Libav, 2 threads", move || by_libraries(video, 2)),
        #[cfg(feature = "ffmpeg")]
        Way::video("Ffmpeg, 1 thread", move || by_source(video, 1)),
        #[cfg(feature = "ffmpeg")]
        Way::video("Ffmpeg, its own threads", move || by_source(video, 0)),
        Way::video(FFMPEG, move || by_program(video, &["-threads", "1"])),
        Way::video("ffmpeg -f null", move || by_program(video, &[])),
    ];
    if cfg!(not(feature = "ffmpeg")) {
        println!("SKIPPED Ffmpeg: built without the feature `ffmpeg`");
    }
    if cfg!(not(feature = "libav")) {
        println!("SKIPPED Libav: built without the feature `libav`");
    }
    // Runs each way once before measuring: a way that cannot run reports it here, and the file is then in memory.
    all.into_iter()
        .filter(|way| (way.turn)().inspect_err(|e| println!("SKIPPED {}: {e}", way.name)).is_ok())
        .collect()
}

fn settings(decoder: Decoder) -> VideoSettings {
    VideoSettings { decoder, ..VideoSettings::default() }
}

/// Reads a source to its end and returns the number of its pictures.
fn count(mut source: impl FrameSource) -> Result<u64, BoxError> {
    let mut pictures = 0;
    while let Some(picture) = source.next_picture()? {
        black_box(&picture);
        pictures += 1;
    }
    Ok(pictures)
}

#[cfg(feature = "ffmpeg")]
fn by_source(video: &Path, threads: usize) -> Result<u64, BoxError> {
    use passerby::capture::{Ffmpeg, FfmpegSettings};
    count(Ffmpeg::open(video, FfmpegSettings { threads, ..FfmpegSettings::default() })?)
}

#[cfg(feature = "libav")]
fn by_libraries(video: &Path, threads: usize) -> Result<u64, BoxError> {
    use passerby::capture::{Libav, LibavSettings};
    count(Libav::open_with(video, LibavSettings { threads, ..LibavSettings::default() })?)
}

/// Runs ffmpeg alone, which decodes and discards.
fn by_program(video: &Path, threads: &[&str]) -> Result<u64, BoxError> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-nostats", "-progress", "pipe:1"]).args(threads);
    command.arg("-i").arg(video).args(["-map", "0:v:0", "-f", "null", "-"]);
    let done = command.stdin(Stdio::null()).output()?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(said.lines().last().unwrap_or("ffmpeg failed").to_owned().into());
    }
    // The program prints its progress several times, the last time at the end.
    let told = String::from_utf8_lossy(&done.stdout);
    let frames = told.lines().rev().find_map(|line| line.strip_prefix("frame="));
    Ok(frames.ok_or("ffmpeg printed no frame count")?.trim().parse()?)
}

fn pictures(jpeg: &Path) -> Result<u64, BoxError> {
    (0..PICTURES).map(|_| count(Images::open(jpeg)?)).sum()
}

/// Returns the medians of all ways, which take turns. Each round starts with another way.
fn measure(ways: &[Way<'_>], rounds: usize) -> Result<Vec<Row>, BoxError> {
    // Clock seconds and CPU seconds of one frame.
    let mut times = vec![(Vec::new(), Vec::new()); ways.len()];
    let mut frames = vec![0; ways.len()];
    for round in 0..rounds {
        for turn in 0..ways.len() {
            let at = (round + turn) % ways.len();
            let start = Instant::now();
            let used = cpu();
            frames[at] = (ways[at].turn)()?;
            times[at].0.push(start.elapsed().as_secs_f64() / frames[at] as f64);
            times[at].1.push((cpu() - used) / frames[at] as f64);
        }
    }
    let medians: Vec<(f64, f64)> =
        times.iter_mut().map(|(wall, used)| (median(wall), median(used))).collect();
    let ffmpeg = ways.iter().position(|way| way.name == FFMPEG).map(|at| medians[at]);
    let rows = ways.iter().zip(frames).zip(&medians).map(|((way, frames), &(wall, used))| {
        let other = ffmpeg.filter(|_| way.video);
        Row {
            name: way.name,
            frames,
            fps: 1.0 / wall,
            cpu_ms: used * 1e3,
            fps_over_ffmpeg: other.map(|(other, _)| other / wall),
            cpu_over_ffmpeg: other.map(|(_, other)| used / other),
        }
    });
    Ok(rows.collect())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn print(report: &Report) {
    println!("{}, medians of {} rounds by turns", report.video, report.rounds);
    println!(
        "{:<26}{:>8}{:>11}{:>14}{:>15}{:>12}",
        "", "frames", "frames/s", "CPU ms/frame", "frames/s ratio", "CPU ratio"
    );
    for row in &report.ways {
        let maybe = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.2}"));
        println!(
            "{:<26}{:>8}{:>11.1}{:>14.2}{:>15}{:>12}",
            row.name,
            row.frames,
            row.fps,
            row.cpu_ms,
            maybe(row.fps_over_ffmpeg),
            maybe(row.cpu_over_ffmpeg)
        );
    }
}

/// Returns the CPU time of this process and of the children that it waited for, in seconds (Linux's proc(5): `stat`, in
/// hundredths), or 0 if the system does not report it.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    (11..15).filter_map(|i| fields.get(i)?.parse::<f64>().ok()).sum::<f64>() / 100.0
}
