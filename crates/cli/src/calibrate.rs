//! Finds the ranges that the bundled detector and embedder need to multiply bytes (`Precision::Int8`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgMatches, Args, FromArgMatches};
use passerby::detect::{YuNet, YuNetSettings};
use passerby::inference::Calibration;
use passerby::pixels::{Letterbox, LetterboxScratch, Normalize, letterbox};
use passerby::reid::{INPUT_SIDE, MobileFaceNet};
use passerby::types::{
    BoxError, ChipPool, Clock, ColorSpace, Detector, FaceChip, Frame, FrameMeta, FrameSource, Image,
    PixelLayout, SourceError, SystemClock,
};

use crate::outcome::Outcome;
use crate::output::{FileClaims, input_files};
use crate::terminal;

/// The long sides at which the detector sees each picture.
const LONG_SIDES: [u32; 3] = [320, 480, 640];

/// Finds the ranges that the detector and the embedder need for int8.
///
/// Reads pictures and videos of people, and writes two files. The embedder's crate includes the second. The first is for
/// measurements: the bundled detector computes in float. The detector sees the pictures at
/// long sides of 320, 480 and 640. The embedder sees each face as it is in the picture, and again after the picture was
/// reduced to each of these sides.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  passerby calibrate --from 'portraits of this repository' \\
      yunet.ranges crates/reid/models/mobilefacenet.ranges portraits/ --every 30 door.mp4")]
struct CalibrateOptions {
    /// The source of the pictures, which becomes part of both files
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    from: String,
    /// Takes each N-th picture of the inputs after it [default: 1]
    #[arg(long, value_name = "N")]
    every: Vec<u64>,
    /// The file for the detector's ranges
    #[arg(value_name = "DETECTOR.ranges")]
    detector: PathBuf,
    /// The file for the embedder's ranges
    #[arg(value_name = "EMBEDDER.ranges")]
    embedder: PathBuf,
    /// Videos, pictures, and folders and patterns of pictures
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<OsString>,
}

/// The options of `calibrate`, with the interval of each input.
#[derive(Debug)]
pub(crate) struct CalibrateArgs {
    options: CalibrateOptions,
    /// The interval between two pictures of each input.
    intervals: Vec<u64>,
}

impl FromArgMatches for CalibrateArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let options = CalibrateOptions::from_arg_matches(matches)?;
        let places =
            |id: &str| matches.indices_of(id).map(Iterator::collect::<Vec<usize>>).unwrap_or_default();
        let given: Vec<(usize, u64)> =
            places("every").into_iter().zip(options.every.iter().copied()).collect();
        let interval =
            |place: usize| given.iter().rfind(|(every, _)| *every < place).map_or(1, |(_, n)| (*n).max(1));
        let intervals = places("inputs").into_iter().map(interval).collect();
        Ok(Self { options, intervals })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for CalibrateArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        CalibrateOptions::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        CalibrateOptions::augment_args_for_update(command)
    }
}

/// Reads the inputs and writes the ranges.
///
/// # Errors
/// An input cannot be read or has no picture, a network fails, or a file cannot be written or is an input.
pub(crate) fn run(args: CalibrateArgs) -> Result<Outcome, BoxError> {
    let CalibrateArgs { options, intervals } = args;
    let files = input_files(&options.inputs);
    let mut claims = FileClaims::of_inputs(files.iter().map(PathBuf::as_path));
    claims.claim("DETECTOR.ranges", &options.detector)?;
    claims.claim("EMBEDDER.ranges", &options.embedder)?;
    let mut calibrator = Calibrator::new()?;
    let mut provenance = String::from("made by passerby calibrate from\n");
    for (input, every) in options.inputs.iter().zip(intervals) {
        let input = Path::new(input);
        let pictures = calibrator.pictures;
        let faces = calibrator.faces;
        let mut source = passerby::capture::open(input)?;
        calibrator.source(&mut *source, every).map_err(|e| format!("{}: {e}", input.display()))?;
        let pictures = calibrator.pictures - pictures;
        let faces = calibrator.faces - faces;
        let name = input.file_name().unwrap_or(input.as_os_str()).to_string_lossy();
        let each = if every > 1 { format!(", one in {every}") } else { String::new() };
        let _ = writeln!(provenance, "{name}{each}: {pictures} pictures, {faces} views of faces");
    }
    provenance.push_str(&options.from);
    terminal::print(&format!("{provenance}\n"))?;
    calibrator.write(&options.detector, &options.embedder, &provenance)?;
    Ok(Outcome::Done)
}

/// Both networks, with a calibration that observes them.
struct Calibrator {
    /// One calibration for each input shape.
    detector: BTreeMap<[usize; 3], Calibration>,
    embedder: Calibration,
    finder: YuNet,
    scratch: LetterboxScratch,
    pool: ChipPool,
    pictures: usize,
    faces: usize,
}

impl Calibrator {
    fn new() -> Result<Self, BoxError> {
        let settings = YuNetSettings {
            long_side: Some(LONG_SIDES[2]),
            threshold: YuNetSettings::PHOTO_THRESHOLD,
            ..YuNetSettings::default()
        };
        Ok(Self {
            detector: BTreeMap::new(),
            embedder: MobileFaceNet::bundled_model()?.calibration([3, INPUT_SIDE, INPUT_SIDE])?,
            finder: YuNet::with_settings(YuNet::bundled_model()?, settings)?,
            scratch: LetterboxScratch::default(),
            pool: ChipPool::default(),
            pictures: 0,
            faces: 0,
        })
    }

    fn source(&mut self, source: &mut dyn FrameSource, every: u64) -> Result<(), BoxError> {
        let captured = SystemClock::new().now();
        let mut seq = 0;
        loop {
            let picture = match source.next_picture() {
                Ok(Some(picture)) => picture,
                Ok(None) => return Ok(()),
                Err(e @ SourceError::Notice { .. }) => {
                    terminal::warning(e);
                    continue;
                }
                Err(e) => return Err(e.into()),
            };
            if seq % every == 0 {
                let meta = FrameMeta { captured, pts: picture.pts, ..FrameMeta::new(0, seq) };
                self.picture(Frame { meta, image: Arc::new(picture.image) })?;
            }
            seq += 1;
        }
    }

    fn picture(&mut self, frame: Frame) -> Result<(), BoxError> {
        self.pictures += 1;
        for long_side in LONG_SIDES {
            self.detect(&frame.image, long_side)?;
            if frame.image.width().max(frame.image.height()) > long_side {
                let image = Arc::new(smaller(&frame.image, long_side, &mut self.scratch)?);
                self.embed(Frame { meta: frame.meta, image })?;
            }
        }
        self.embed(frame)
    }

    /// Detects the faces of a picture and shows each to the embedder's calibration.
    fn embed(&mut self, frame: Frame) -> Result<(), BoxError> {
        let frames = [frame];
        let mut faces = [Vec::new()];
        self.finder.detect(&frames, &mut faces)?;
        for face in faces.concat() {
            let chip = FaceChip::cut(&frames[0], &face, &self.pool)?;
            if MobileFaceNet::sample(&chip, self.embedder.input()) {
                self.embedder.observe();
                self.faces += 1;
            }
        }
        Ok(())
    }

    fn detect(&mut self, image: &Image, long_side: u32) -> Result<(), BoxError> {
        let place = YuNet::letterbox(image, long_side);
        let calibration = match self.detector.entry(place.item()) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(YuNet::bundled_model()?.calibration(place.item())?)
            }
        };
        letterbox(image, &place, &YuNet::NORMALIZE, &mut self.scratch, calibration.input());
        calibration.observe();
        Ok(())
    }

    fn write(self, detector: &Path, embedder: &Path, provenance: &str) -> Result<(), BoxError> {
        let mut sizes = self.detector.into_values();
        let mut all = sizes.next().ok_or("the inputs have no picture")?;
        sizes.try_for_each(|other| all.include(other))?;
        let write = |path: &Path, text: String| {
            std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
        };
        write(detector, all.to_text(provenance)?)?;
        write(embedder, self.embedder.to_text(provenance)?)?;
        Ok(())
    }
}

/// Returns the picture, reduced to this longer side.
fn smaller(image: &Image, long_side: u32, scratch: &mut LetterboxScratch) -> Result<Image, BoxError> {
    let place = Letterbox::new(image.width(), image.height(), long_side, 1);
    let width = place.input_width;
    let height = place.input_height;
    let mut planes = vec![0.0; 3 * width * height];
    letterbox(image, &place, &Normalize::NONE, scratch, &mut planes);
    let pixels = width * height;
    let bytes = (0..3 * pixels).map(|i| planes[i % 3 * pixels + i / 3] as u8).collect();
    Ok(Image::from_vec(PixelLayout::Rgb8, width as u32, height as u32, ColorSpace::JPEG, bytes)?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: CalibrateArgs,
    }

    #[test]
    fn every_counts_for_the_inputs_after_it() {
        let line = "calibrate d.ranges e.ranges a.mp4 --every 6 b.mp4 c.mp4 --every 2 d.mp4";
        let Program { args } = Program::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(args.options.inputs, ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]);
        assert_eq!(args.intervals, [1, 6, 6, 2]);
    }
}
