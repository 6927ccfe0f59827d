//! Helpers for the tests of the file sources.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use passerby_capture::{Decoder, OpenSettings, open_with};
use passerby_types::{ErrorClass, FrameSource, Image, SourceError};

/// Returns the path of a file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Returns the bytes of a file of `tests/data`.
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).expect("the test data exists")
}

/// Returns the frames that ffmpeg decodes from a clip: time stamps in microseconds, and checksums of the planes.
pub fn golden(name: &str) -> Vec<(u64, u32)> {
    let text = std::fs::read_to_string(data(&format!("golden/{name}.txt"))).expect("the golden file exists");
    let line = |line: &str| {
        let (time, sum) = line.split_once(" 0x").expect("two columns");
        (time.parse().expect("a time"), u32::from_str_radix(sum, 16).expect("a sum"))
    };
    text.lines().map(line).collect()
}

/// Returns the checksum that ffmpeg's `framecrc` writes: Adler-32, begun with 0, over all planes without padding.
pub fn checksum(image: &Image) -> u32 {
    let mut a = 0_u32;
    let mut b = 0_u32;
    for plane in 0..image.layout().planes() {
        let plane = image.plane(plane);
        for row in 0..plane.rows {
            // After more than 5552 bytes the sums could overflow.
            for part in plane.row(row).chunks(5552) {
                for &byte in part {
                    a += u32::from(byte);
                    b += a;
                }
                a %= 65_521;
                b %= 65_521;
            }
        }
    }
    b << 16 | a
}

/// The results of a source.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Time stamps in microseconds, and checksums.
    pub frames: Vec<(Option<u64>, u32)>,
    /// Width and height of each picture.
    pub sizes: Vec<(u32, u32)>,
    /// The errors of lost frames.
    pub damaged: Vec<String>,
    /// The number of lost frames.
    pub lost: usize,
    /// The error that ended the source.
    pub fatal: Option<SourceError>,
}

/// Reads a source to its end.
pub fn drain(source: &mut dyn FrameSource) -> Outcome {
    let mut out = Outcome::default();
    loop {
        match source.next_picture() {
            Ok(Some(picture)) => {
                let micros = picture
                    .pts
                    .map(|pts| u64::try_from((pts.as_nanos() + 500) / 1000).expect("a test clip is short"));
                out.frames.push((micros, checksum(&picture.image)));
                out.sizes.push((picture.image.width(), picture.image.height()));
            }
            Ok(None) => break,
            Err(e) if e.class() == ErrorClass::Skip => {
                out.lost += usize::try_from(e.lost().0).expect("a test clip is short");
                out.damaged.push(e.to_string());
            }
            Err(e) => {
                out.fatal = Some(e);
                break;
            }
        }
        assert!(out.frames.len() + out.damaged.len() < 100_000, "a test input ends");
    }
    assert!(matches!(source.next_picture(), Ok(None)), "nothing comes after the end");
    out
}

/// Writes bytes to a file of this name in a folder that is deleted when the test ends.
pub fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("the file is written");
    (folder, path)
}

/// The expected results of a file.
#[derive(Clone, Copy, Debug)]
pub enum Want {
    /// This number of pictures, and no error.
    All(usize),
    /// This number of pictures, and a notice with this text.
    Noticed(usize, &'static str),
    /// At least the first number of pictures. The others, up to the second number, are lost.
    Most(usize, usize),
    /// At least this number of pictures, and then an error with this text.
    Then(usize, &'static str),
    /// No picture, and an error with this text.
    None(&'static str),
}

/// Reads a file to its end with the readers of this crate. Returns the results and the time that it took.
pub fn read(path: &Path) -> (Outcome, Duration) {
    read_with(path, Decoder::Rusty)
}

/// Works as [`read`], with this decoder, and with `Decoder::Auto` also with foreign readers.
pub fn read_with(path: &Path, decoder: Decoder) -> (Outcome, Duration) {
    let start = Instant::now();
    let settings = OpenSettings { decoder, ..OpenSettings::default() };
    let outcome = match open_with(path, &settings) {
        Ok(mut source) => drain(&mut *source),
        Err(e) => Outcome { fatal: Some(e), ..Outcome::default() },
    };
    (outcome, start.elapsed())
}

/// Returns a description of the difference, if there is one.
pub fn compare(name: &str, want: Want, got: &Outcome) -> Option<String> {
    let frames = got.frames.len();
    let error = got.fatal.as_ref().map(ToString::to_string).unwrap_or_default();
    let clean = got.fatal.is_none() && got.damaged.is_empty();
    let good = match want {
        Want::All(n) => frames == n && clean,
        Want::Noticed(n, says) => {
            let is_noticed = matches!(&got.damaged[..], [notice] if notice.to_string().contains(says));
            frames == n && got.lost == 0 && got.fatal.is_none() && is_noticed
        }
        Want::Most(least, all) => {
            frames >= least && frames + got.lost == all && frames < all && got.fatal.is_none()
        }
        Want::Then(least, says) => frames >= least && error.contains(says),
        Want::None(says) => frames == 0 && got.damaged.is_empty() && error.contains(says),
    };
    let named = error.is_empty() || error.contains(name);
    (!good || !named).then(|| {
        format!(
            "{name}: wanted {want:?}, got {frames} frames, {} damaged {:?}, error `{error}`",
            got.damaged.len(),
            got.damaged.first()
        )
    })
}

/// Returns the next pseudo-random number. The sequence is always the same.
pub fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}
