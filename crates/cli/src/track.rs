//! Follows the detections of a MOTChallenge file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{Args, ValueEnum};
use passerby::track::{Iou, IouSettings, Sort, SortSettings};
use passerby::types::{BBox, BoxError, Face, FrameMeta, TrackState, TrackUpdate, Tracker};

use crate::options::number;
use crate::outcome::Outcome;

/// The largest frame number that is accepted: 111 hours at 25 frames a second. A larger number is more likely an error
/// in the file, and each frame up to the last takes time.
const LAST_FRAME: u64 = 10_000_000;

/// Follows the detections of a MOTChallenge file.
///
/// Reads detections as MOTChallenge writes them (frame,id,x,y,w,h,score,...; frames count from 1, in any order; a frame
/// without a line has no detections) and writes the tracks that were found in each frame:
/// frame,id,x,y,w,h,score,-1,-1,-1.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby track det.txt tracks.txt
  passerby track --tracker iou --iou 0.4 det.txt tracks.txt")]
pub(crate) struct TrackArgs {
    /// The tracker
    #[arg(long, value_name = "NAME", value_enum, default_value_t = TrackerKind::Sort)]
    tracker: TrackerKind,
    /// The lowest overlap of a track and its detection, 0 to 1 [default: the tracker's own]
    #[arg(long, value_name = "X", value_parser = number(0.0_f32..=1.0), allow_negative_numbers = true)]
    iou: Option<f32>,
    /// The number of frames that a track may go without a detection
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_age: Option<u32>,
    /// The number of detections after which a track is confirmed
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    min_hits: Option<u32>,
    /// The detections
    #[arg(value_name = "DET.txt")]
    det: PathBuf,
    /// The file for the tracks
    #[arg(value_name = "OUT.txt")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TrackerKind {
    /// Greedy assignment by overlap
    Iou,
    /// A Kalman filter for each track, and the best assignment of all
    Sort,
}

/// Reads the detections and writes the tracks.
///
/// # Errors
/// A file cannot be read or written, or a line is wrong.
pub(crate) fn run(options: &TrackArgs) -> Result<Outcome, BoxError> {
    let at = |path: &Path, e: io::Error| format!("{}: {e}", path.display());
    let text = fs::read_to_string(&options.det).map_err(|e| at(&options.det, e))?;
    let frames = parse(&text).map_err(|(line, what)| format!("{}:{line}: {what}", options.det.display()))?;
    let (mut tracker, min_hits) = tracker(options);
    fs::write(&options.out, follow(&mut *tracker, min_hits, &frames)).map_err(|e| at(&options.out, e))?;
    Ok(Outcome::Done)
}

/// Returns the chosen tracker and its `min_hits`.
fn tracker(options: &TrackArgs) -> (Box<dyn Tracker>, u64) {
    if options.tracker == TrackerKind::Iou {
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
        let meta = FrameMeta::new(0, frame - 1);
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
