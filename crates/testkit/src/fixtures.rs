//! Small pictures and frames, and the folder of the shared test data.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use passerby_types::{ColorSpace, Frame, FrameMeta, Image, Matrix, PixelLayout, Range, Timestamp};

/// Every pixel layout.
pub const LAYOUTS: [PixelLayout; 5] =
    [PixelLayout::I420, PixelLayout::Nv12, PixelLayout::Yuyv, PixelLayout::Rgb8, PixelLayout::Gray8];

/// Returns every colour space: both matrices, each in limited and full range.
pub fn color_spaces() -> impl Iterator<Item = ColorSpace> {
    [Matrix::Bt601, Matrix::Bt709]
        .into_iter()
        .flat_map(|matrix| [Range::Limited, Range::Full].map(|range| ColorSpace { matrix, range }))
}

/// Returns the folder of shared test data, for example clips with ground truth, or `None` if it does not exist.
///
/// The environment variable `PASSERBY_SHARED` names the folder. If it is not set, the folder is `../shared` beside the
/// workspace. Without the folder, this prints that `test` is skipped, and the test should pass.
#[must_use]
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
pub fn shared(test: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("PASSERBY_SHARED").map_or_else(beside, PathBuf::from);
    if folder.join("data").is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED {test}: no shared test data at {}", folder.display());
    None
}

/// Returns the metadata of frame `seq` of a camera with 25 frames a second that started at 2026-01-01 00:00 UTC.
#[must_use]
pub fn meta(camera: u32, seq: u64) -> FrameMeta {
    let time = Duration::from_millis(seq.saturating_mul(40));
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + time;
    FrameMeta::new(camera, seq).with_captured(Timestamp(time)).with_pts(time).with_wall(wall)
}

/// Returns frame `seq` of camera 0 with this picture.
#[must_use]
pub fn frame(seq: u64, image: Image) -> Frame {
    Frame::new(meta(0, seq), image)
}

/// Returns the usual colour space of pictures of this layout.
#[must_use]
pub fn color_of(layout: PixelLayout) -> ColorSpace {
    if matches!(layout, PixelLayout::Rgb8 | PixelLayout::Gray8) {
        ColorSpace::JPEG
    } else {
        ColorSpace::default()
    }
}

/// Returns a pseudo-random number, the same for the same seed: one step of SplitMix64 (Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014).
pub(crate) fn random(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns a picture of pseudo-random bytes, the same for the same arguments.
///
/// # Panics
/// If a side is 0.
#[must_use]
pub fn noise(layout: PixelLayout, width: u32, height: u32, seed: u64) -> Image {
    let first = random(seed);
    let bytes = (0..layout.tight_len(width, height)).map(|i| random(first ^ i as u64) as u8).collect();
    Image::from_vec(layout, width, height, color_of(layout), bytes).expect("the bytes fit the size")
}

/// Returns a picture in which every byte is `value`.
///
/// # Panics
/// If a side is 0.
#[must_use]
pub fn uniform(layout: PixelLayout, width: u32, height: u32, value: u8) -> Image {
    let bytes = vec![value; layout.tight_len(width, height)];
    Image::from_vec(layout, width, height, color_of(layout), bytes).expect("the bytes fit the size")
}
