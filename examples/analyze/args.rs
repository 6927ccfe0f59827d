//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;
use passerby::capture::Input;
use passerby::inference::{Device, Precision};
use passerby::types::BoxError;

use crate::detector_size;

pub(crate) const HELP: &str = "\
Detects, tracks, identifies and describes the faces in videos and pictures.

usage: analyze [OPTIONS] INPUT...

INPUT is a video (MP4, MOV, H.264), a picture (JPEG, PNG, GIF, BMP, WebP, TIFF), a folder of them, a pattern ('*.jpg'), or
a camera: rtsp://NAME:PASSWORD@HOST/PATH, http://HOST/video.mjpg, scene:people=5; webcam:0 and ffmpeg:ANYTHING if they are
built in. docs/inputs.md lists all inputs and their options. If one input is a camera, all inputs run at once, as with
--live, until Ctrl-C or --seconds.

  --detector-side N    scales the longer side of each picture to N pixels for the detector (default 480); the other side
                       follows the picture's shape
  --detector-size WxH  the same for pictures of 16:9, such as 320x192, 480x288 or 640x384; both sides must fit
  --threshold T        lowest detector score of a face, 0 to 1
  --precision P        number format of the detector and the embedder: float (default), or int8 for speed
  --device NAME        runs the networks on a device of ONNX Runtime (built with --features ort): cuda, cuda:1, tensorrt,
                       coreml, directml, openvino, or its own cpu; falls back to the CPU with a warning
  --every-frame        an embedding and attributes for each face of each frame, for evaluation
  --mot FILE           writes MOT rows frame,id,x,y,w,h,score,-1,-1,-1, also for faces expected between two detections;
                       with several inputs FILE is a folder of STEM.txt
  --faces FILE.jsonl   writes one line a frame: its faces with landmarks, track, person, age, gender and embedding
  --db FILE.sqlite     writes tracks, persons and observations into an SQLite database
  --json               prints the summary as JSON
  --live FPS           runs all inputs at once, and plays each file as a live camera of FPS frames a second, which drops
                       frames that are not processed in time; without it files run one after another as fast as
                       possible, and no frame is dropped
  --seconds N          ends after N seconds; with --live shorter inputs start again until then
  --cadence auto|N     detects on every N-th frame and tracks faces in between; the default is 1 for files, and for
                       cameras auto: as often as the machine allows
  --workers N          number of detection threads (default: the number of cores, at most 8); with --live the largest
                       number
  --help               prints this text

Ctrl-C ends the run as --seconds does: every frame that was read is analysed and written. A second Ctrl-C ends it at once.
Exit codes: 0 success, 2 if something failed (with a message), 130 after Ctrl-C.
";

/// The largest number of detection workers if the user does not set one.
const MAX_DEFAULT_WORKERS: usize = 8;

/// The parsed command line.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) inputs: Vec<OsString>,
    pub(crate) long_side: Option<u32>,
    pub(crate) threshold: Option<f32>,
    pub(crate) precision: Precision,
    pub(crate) device: Option<Device>,
    pub(crate) every_frame: bool,
    pub(crate) mot: Option<PathBuf>,
    pub(crate) faces: Option<PathBuf>,
    pub(crate) db: Option<PathBuf>,
    pub(crate) json: bool,
    /// True if all inputs run at once, as live cameras.
    pub(crate) live: bool,
    /// Frames a second at which files are played as live cameras. `None` means their own rate.
    pub(crate) rate: Option<f64>,
    pub(crate) time: Option<Duration>,
    /// The detector runs on every N-th frame. `None` lets the governor decide.
    pub(crate) cadence: Option<u64>,
    pub(crate) workers: Option<usize>,
}

impl Args {
    /// Returns the number of detection workers.
    pub(crate) fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.unwrap_or_else(|| cores().min(MAX_DEFAULT_WORKERS))
    }
}

/// Reads the command line. Returns `None` if the user asked for help.
pub(crate) fn parse() -> Result<Option<Args>, BoxError> {
    let mut args = Args::default();
    let mut cadence = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("detector-side") => {
                args.long_side = Some(detector_size::parse_side(&parser.value()?.string()?)?);
            }
            Long("detector-size") => {
                args.long_side = Some(detector_size::parse_size(&parser.value()?.string()?)?);
            }
            Long("threshold") => {
                args.threshold = Some(number("--threshold", &parser.value()?.string()?, &(0.0..=1.0))?);
            }
            Long("precision") => args.precision = precision(&parser.value()?.string()?)?,
            Long("device") => args.device = Some(parser.value()?.string()?.parse()?),
            Long("every-frame") => args.every_frame = true,
            Long("mot") => args.mot = Some(parser.value()?.into()),
            Long("faces") => args.faces = Some(parser.value()?.into()),
            Long("db") => args.db = Some(parser.value()?.into()),
            Long("json") => args.json = true,
            Long("live") => {
                args.rate = Some(number("--live", &parser.value()?.string()?, &(0.1..=1000.0))?);
            }
            Long("seconds") => {
                let seconds = number("--seconds", &parser.value()?.string()?, &(0.0..=1e8))?;
                args.time = Some(Duration::from_secs_f64(seconds));
            }
            Long("cadence") => cadence = Some(parser.value()?.string()?),
            Long("workers") => {
                args.workers = Some(number("--workers", &parser.value()?.string()?, &(1..=256))?);
            }
            Long("help") | Short('h') => {
                return Ok(None);
            }
            Value(input) => args.inputs.push(input),
            _ => return Err(arg.unexpected().into()),
        }
    }
    if args.inputs.is_empty() {
        return Err("no input given (--help lists the options)".into());
    }
    let named: Vec<Input> = args.inputs.iter().filter_map(|input| Input::parse(input).ok()).collect();
    args.live = args.rate.is_some() || named.iter().any(Input::is_live);
    args.cadence = match cadence.as_deref() {
        None => (!args.live).then_some(1),
        Some("auto") if args.live => None,
        Some("auto") => return Err("--cadence auto: only a live camera (--live) can be late".into()),
        Some(text) => Some(number("--cadence", text, &(1..=100))?),
    };
    refuse_shared_paths(&args, &named)?;
    Ok(Some(args))
}

/// Refuses outputs that would overwrite an input or each other.
fn refuse_shared_paths(args: &Args, inputs: &[Input]) -> Result<(), BoxError> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut taken: Vec<PathBuf> = inputs.iter().filter_map(Input::as_path).map(real).collect();
    for output in [&args.mot, &args.faces, &args.db].into_iter().flatten() {
        let path = real(output);
        if taken.contains(&path) {
            return Err(format!("{}: is an input or another output too", output.display()).into());
        }
        taken.push(path);
    }
    Ok(())
}

/// Reads the number format of the networks.
fn precision(text: &str) -> Result<Precision, BoxError> {
    match text {
        "float" => Ok(Precision::Float),
        "int8" => Ok(Precision::Int8),
        _ => Err(format!("--precision {text}: expected float or int8").into()),
    }
}

/// Reads a number, which must be within `range`.
fn number<T: FromStr + PartialOrd + Display>(
    option: &str,
    text: &str,
    range: &RangeInclusive<T>,
) -> Result<T, BoxError> {
    let found = text.parse().ok().filter(|n| range.contains(n));
    let least = range.start();
    let most = range.end();
    found.ok_or_else(|| format!("{option} {text}: expected a number from {least} to {most}").into())
}
