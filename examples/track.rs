//! Follows the detections of a MOTChallenge file: reads `det.txt`, writes tracks.
//!
//! ```text
//! cargo run --release --example track -- --tracker sort DET.txt OUT.txt
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;
use std::{fs, io};

use lexopt::ValueExt;
use passerby::track::{Iou, IouSettings, Sort, SortSettings};
use passerby::types::{BBox, CameraId, Face, FrameMeta, Timestamp, TrackState, TrackUpdate, Tracker};

const USAGE: &str = "\
Usage: track [OPTIONS] DET.txt OUT.txt

Reads detections as MOTChallenge writes them (frame,id,x,y,w,h,score,...; frames count from 1, in any order; a frame
without a line has no detections) and writes the tracks that were found in each frame:
frame,id,x,y,w,h,score,-1,-1,-1.

  --tracker iou|sort  the tracker (default: sort)
  --iou X             the lowest overlap of a track and its detection, 0 to 1 (default: the tracker's own)
  --max-age N         the number of frames that a track may go without a detection
  --min-hits N        the number of detections after which a track is confirmed
  --help              prints this text";

/// The largest frame number that is accepted: 111 hours at 25 frames a second. A larger number is more likely an error
/// in the file, and each frame up to the last takes time.
const LAST_FRAME: u64 = 10_000_000;

#[derive(Default)]
struct Options {
    greedy: bool,
    iou: Option<f32>,
    max_age: Option<u32>,
    min_hits: Option<u32>,
    det: PathBuf,
    out: PathBuf,
}

fn main() -> ExitCode {
    match options().and_then(|o| o.map_or(Ok(()), |o| run(&o))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            #[allow(clippy::print_stderr, reason = "a command says what is wrong")]
            {
                eprintln!("track: {message}");
            }
            ExitCode::from(2)
        }
    }
}

/// Returns the command line, or `None` if the user asked for help, which is then printed.
fn options() -> Result<Option<Options>, String> {
    use lexopt::Arg::{Long, Short, Value};
    let usage = |e: lexopt::Error| format!("{e} (see --help)");
    let mut options = Options::default();
    let mut paths = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Long("tracker") => {
                options.greedy = match parser.value().map_err(usage)?.to_string_lossy().as_ref() {
                    "iou" => true,
                    "sort" => false,
                    other => return Err(format!("no tracker {other:?}: iou or sort (see --help)")),
                }
            }
            Long("iou") => {
                let iou: f32 = parser.value().and_then(|v| v.parse()).map_err(usage)?;
                if !(0.0..=1.0).contains(&iou) {
                    return Err(format!("--iou {iou}: must be 0 to 1"));
                }
                options.iou = Some(iou);
            }
            Long("max-age") => {
                options.max_age = Some(parser.value().and_then(|v| v.parse()).map_err(usage)?);
            }
            Long("min-hits") => {
                options.min_hits = Some(parser.value().and_then(|v| v.parse()).map_err(usage)?);
            }
            Long("help") | Short('h') => {
                #[allow(clippy::print_stdout, reason = "help was asked for")]
                {
                    println!("{USAGE}");
                }
                return Ok(None);
            }
            Value(path) => paths.push(PathBuf::from(path)),
            _ => return Err(usage(arg.unexpected())),
        }
    }
    let [det, out] = <[PathBuf; 2]>::try_from(paths)
        .map_err(|p| format!("two files are needed, DET.txt and OUT.txt, not {} (see --help)", p.len()))?;
    options.det = det;
    options.out = out;
    Ok(Some(options))
}

fn run(options: &Options) -> Result<(), String> {
    let at = |path: &Path, e: io::Error| format!("{}: {e}", path.display());
    let text = fs::read_to_string(&options.det).map_err(|e| at(&options.det, e))?;
    let frames = parse(&text).map_err(|(line, what)| format!("{}:{line}: {what}", options.det.display()))?;
    let (mut tracker, min_hits) = tracker(options);
    fs::write(&options.out, follow(&mut *tracker, min_hits, &frames)).map_err(|e| at(&options.out, e))
}

/// Returns the chosen tracker and its `min_hits`.
fn tracker(options: &Options) -> (Box<dyn Tracker>, u64) {
    if options.greedy {
        let mut settings = IouSettings::default();
        settings.min_iou = options.iou.unwrap_or(settings.min_iou);
        settings.max_age = options.max_age.unwrap_or(settings.max_age);
        settings.min_hits = options.min_hits.unwrap_or(settings.min_hits);
        let min_hits = settings.min_hits.into();
        (Box::new(Iou::with_settings(settings)), min_hits)
    } else {
        let mut settings = SortSettings::default();
        settings.match_threshold = options.iou.unwrap_or(settings.match_threshold);
        settings.max_age = options.max_age.unwrap_or(settings.max_age);
        settings.min_hits = options.min_hits.unwrap_or(settings.min_hits);
        let min_hits = settings.min_hits.into();
        (Box::new(Sort::with_settings(settings)), min_hits)
    }
}

/// Returns the detections by frame, or the number of the first bad line and the reason.
fn parse(text: &str) -> Result<BTreeMap<u64, Vec<Face>>, (usize, String)> {
    let mut frames: BTreeMap<u64, Vec<Face>> = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let (frame, face) = row(line).map_err(|what| (index + 1, what))?;
        frames.entry(frame).or_default().push(face);
    }
    Ok(frames)
}

/// Reads one line: frame,id,x,y,w,h,score. Further fields are ignored.
fn row(line: &str) -> Result<(u64, Face), String> {
    let mut numbers = [0.0_f64; 7];
    let mut fields = line.split(',').map(str::trim);
    for (number, name) in numbers.iter_mut().zip(["frame", "id", "x", "y", "w", "h", "score"]) {
        let field = fields.next().ok_or_else(|| format!("no {name}: frame,id,x,y,w,h,score is needed"))?;
        *number = field
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
            .ok_or_else(|| format!("{name} {field:?} is not a number"))?;
    }
    let frame = numbers[0] as u64;
    if frame as f64 != numbers[0] || !(1..=LAST_FRAME).contains(&frame) {
        return Err(format!("frame {} is not a whole number from 1 to {LAST_FRAME}", numbers[0]));
    }
    let [x, y, w, h, score] = [2, 3, 4, 5, 6].map(|i| numbers[i] as f32);
    Ok((frame, Face::new(BBox::from_xywh(x, y, w, h), score)))
}

/// Returns the tracks as MOTChallenge lines. No track can be confirmed in the first `min_hits` frames, so tentative
/// tracks count there too, as in SORT's reference implementation.
fn follow(tracker: &mut dyn Tracker, min_hits: u64, frames: &BTreeMap<u64, Vec<Face>>) -> String {
    let mut lines = String::new();
    let mut update = TrackUpdate::default();
    let last = frames.last_key_value().map_or(0, |(frame, _)| *frame);
    for frame in 1..=last {
        let meta = FrameMeta {
            camera: CameraId(0),
            seq: frame - 1,
            captured: Timestamp::default(),
            pts: None,
            wall: SystemTime::UNIX_EPOCH,
        };
        let faces = frames.get(&frame).map_or(&[][..], Vec::as_slice);
        tracker.update(&meta, Some(faces), &mut update);
        for tracked in &update.tracks {
            let believed = tracked.state == TrackState::Confirmed || frame <= min_hits;
            if let Some(face) = tracked.face.filter(|_| believed) {
                line(&mut lines, frame, tracked.track.0, &tracked.bbox, face.score);
            }
        }
    }
    lines
}

fn line(lines: &mut String, frame: u64, track: u64, bbox: &BBox, score: f32) {
    let x = bbox.x1;
    let y = bbox.y1;
    let w = bbox.width();
    let h = bbox.height();
    // Writing to a String cannot fail.
    let _ = writeln!(lines, "{frame},{track},{x:.2},{y:.2},{w:.2},{h:.2},{score:.2},-1,-1,-1");
}
