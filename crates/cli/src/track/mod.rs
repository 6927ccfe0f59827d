//! Follows the detections of a MOTChallenge file.

mod detections;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use passerby::track::{Iou, IouSettings, Sort, SortSettings};
use passerby::types::{BoxError, Face, FrameMeta, TrackState, TrackUpdate, Tracker};

use crate::options::{TrackerArgs, number};
use crate::outcome::Outcome;
use crate::output::{FileClaims, at, write_mot_row};
use crate::terminal;
use detections::parse;

/// The decimals of a score in the output.
const SCORE_DECIMALS: usize = 2;

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
    /// The lowest score with which a detection starts a track, for --tracker sort [default: 0.6]
    ///
    /// Detections with a lower score can only continue a track. For detections whose scores are no probabilities, give the
    /// score from which they can be trusted.
    #[arg(long, value_name = "X", value_parser = number(-1e9_f32..=1e9), allow_negative_numbers = true)]
    min_score: Option<f32>,
    #[command(flatten)]
    tracking: TrackerArgs,
    /// The detections
    #[arg(value_name = "DET.txt")]
    det: PathBuf,
    /// The file for the tracks
    #[arg(value_name = "OUT.txt")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TrackerKind {
    /// Greedy assignment by overlap; has --iou, --max-age and --min-hits alone
    Iou,
    /// A Kalman filter for each track, and the best assignment of all
    Sort,
}

/// Reads the detections and writes the tracks.
///
/// # Errors
/// A file cannot be read or written, a line is wrong, the file is too large, or both files are the same.
pub(crate) fn run(options: &TrackArgs) -> Result<Outcome, BoxError> {
    let mut claims = FileClaims::of_inputs([options.det.as_path()]);
    claims.claim("OUT.txt", &options.out)?;
    let det = File::open(&options.det).map_err(|e| at(&options.det, &e))?;
    let frames = parse(BufReader::new(det)).map_err(|(line, what)| {
        let det = options.det.display();
        format!("{det}:{line}: {what}")
    })?;
    let (mut tracker, min_hits, min_score) = tracker(options);
    fs::write(&options.out, follow(&mut *tracker, min_hits, &frames)).map_err(|e| at(&options.out, &e))?;
    if let Some(warning) = min_score.and_then(|score| weak_detections(&frames, score)) {
        terminal::warning(format_args!("{}: {warning}", options.det.display()));
    }
    Ok(Outcome::Done)
}

/// Returns a warning if detections have a lower score than `min_score`, so that they start no track.
fn weak_detections(frames: &BTreeMap<u64, Vec<Face>>, min_score: f32) -> Option<String> {
    let all: usize = frames.values().map(Vec::len).sum();
    let weak = frames.values().flatten().filter(|face| face.score < min_score).count();
    let weakest = frames.values().flatten().map(|face| face.score).reduce(f32::min)?;
    (weak > 0).then(|| {
        format!(
            "{weak} of {all} detections have a score below {min_score}, down to {weakest}: they continue tracks and start none \
             (--min-score sets the limit)"
        )
    })
}

/// Returns the chosen tracker, its `min_hits`, and the lowest score that starts a track, if the tracker has one.
fn tracker(options: &TrackArgs) -> (Box<dyn Tracker>, u64, Option<f32>) {
    let tracking = &options.tracking;
    if options.tracker == TrackerKind::Iou {
        let mut settings = IouSettings::default();
        settings.min_iou = tracking.iou.unwrap_or(settings.min_iou);
        settings.max_age = tracking.max_age.unwrap_or(settings.max_age);
        settings.min_hits = tracking.min_hits.unwrap_or(settings.min_hits);
        let min_hits = settings.min_hits.into();
        (Box::new(Iou::with_settings(settings)), min_hits, None)
    } else {
        let mut settings = SortSettings::default();
        tracking.apply(&mut settings);
        settings.strong_score = options.min_score.unwrap_or(settings.strong_score);
        let min_hits = settings.min_hits.into();
        let min_score = settings.strong_score;
        (Box::new(Sort::with_settings(settings)), min_hits, Some(min_score))
    }
}

/// Returns the tracks as MOTChallenge lines. No track can be confirmed in the first `min_hits` frames, so tentative
/// tracks count there too, as in SORT's reference implementation.
fn follow(tracker: &mut dyn Tracker, min_hits: u64, frames: &BTreeMap<u64, Vec<Face>>) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut update = TrackUpdate::default();
    let last = frames.last_key_value().map_or(0, |(frame, _)| *frame);
    for frame in 1..=last {
        let meta = FrameMeta::new(0, frame - 1);
        let faces = frames.get(&frame).map_or(&[][..], Vec::as_slice);
        tracker.update(&meta, Some(faces), &mut update);
        for tracked in &update.tracks {
            let believed = tracked.state == TrackState::Confirmed || frame <= min_hits;
            if let Some(face) = tracked.face.filter(|_| believed) {
                let number = (frame, tracked.track.0);
                write_mot_row(&mut lines, number, &tracked.bbox, face.score, SCORE_DECIMALS);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_detections_are_counted() {
        let frames = |scores: [&str; 2]| {
            let rows: String = scores.iter().map(|score| format!("1,-1,10,20,30,40,{score}\n")).collect();
            parse(rows.as_bytes()).unwrap()
        };
        assert_eq!(weak_detections(&frames(["0.6", "0.9"]), 0.6), None);
        let warning = weak_detections(&frames(["0.59", "0.3"]), 0.6).unwrap();
        assert!(warning.starts_with("2 of 2 detections have a score below 0.6, down to 0.3"), "{warning}");
    }
}
