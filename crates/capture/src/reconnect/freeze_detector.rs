//! Detects a camera that repeats the same picture.

use std::time::Duration;

use passerby_types::{Image, Timestamp};

/// The time between two checked pictures. The detector ignores the pictures between them.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Measures how long the pictures of a camera haven't changed in a single byte.
///
/// A working camera has noise. If its encoder removes the noise, the picture still changes with each key frame.
#[derive(Debug, Default)]
pub(super) struct FreezeDetector {
    last: Option<CheckedPicture>,
}

#[derive(Clone, Copy, Debug)]
struct CheckedPicture {
    fingerprint: u64,
    /// The time at which the first picture with this fingerprint was checked.
    unchanged_from: Timestamp,
    checked_at: Timestamp,
}

impl FreezeDetector {
    /// Checks a picture that came at `now`. Returns how long all checked pictures have been the same.
    pub(super) fn check(&mut self, image: &Image, now: Timestamp) -> Duration {
        if let Some(last) = self.last
            && now.since(last.checked_at) < CHECK_INTERVAL
        {
            return last.checked_at.since(last.unchanged_from);
        }
        let fingerprint = fingerprint(image);
        let same = self.last.filter(|last| last.fingerprint == fingerprint);
        let unchanged_from = same.map_or(now, |last| last.unchanged_from);
        self.last = Some(CheckedPicture { fingerprint, unchanged_from, checked_at: now });
        now.since(unchanged_from)
    }
}

/// Returns a hash of every byte of the picture: multiply and fold, eight bytes at a time.
///
/// It doesn't protect against a person who wants two pictures to have the same hash.
fn fingerprint(image: &Image) -> u64 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    let mut hash = mix(u64::from(image.width()), u64::from(image.height()));
    for index in 0..image.layout().planes() {
        let plane = image.plane(index);
        for y in 0..plane.rows {
            let (words, rest) = plane.row(y).as_chunks::<8>();
            hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
            hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use passerby_types::{ColorSpace, PixelLayout};

    use super::*;

    #[test]
    fn only_pictures_that_are_equal_in_every_byte_are_frozen() {
        let mut bytes = vec![7; 33 * 5];
        let image =
            |bytes: &[u8]| Image::from_vec(PixelLayout::Gray8, 33, 5, ColorSpace::JPEG, bytes.to_vec());
        let at = |ms| Timestamp(Duration::from_millis(ms));
        let mut detector = FreezeDetector::default();
        let mut check = |bytes: &[u8], ms| detector.check(&image(bytes).unwrap(), at(ms)).as_millis();
        assert_eq!(
            [check(&bytes, 0), check(&bytes, 40), check(&bytes, 600), check(&bytes, 1200)],
            [0, 0, 600, 1200]
        );
        for place in [0, 32, 33 * 5 - 1] {
            let start = 10_000 * (place as u64 + 1);
            assert!(check(&bytes, start) > 0 || place > 0);
            bytes[place] += 1;
            assert_eq!([check(&bytes, start + 600), check(&bytes, start + 1200)], [0, 600]);
        }
    }
}
