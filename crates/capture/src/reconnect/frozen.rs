//! Whether a camera shows the same picture again and again.

use std::time::Duration;

use passerby_types::{Image, Timestamp};

/// The time between two looks at the pictures. Those in between are not looked at.
const EVERY: Duration = Duration::from_millis(500);

/// Watches for pictures that do not change in a single byte. A camera that works has noise, and an encoder that sees none
/// still begins anew with each key frame.
#[derive(Debug, Default)]
pub(super) struct Frozen {
    /// What the pictures have looked like since when, and when they were looked at last.
    seen: Option<(u64, Timestamp, Timestamp)>,
}

impl Frozen {
    /// Looks at a picture given at `now`; how long all pictures looked at have been the same.
    pub(super) fn look(&mut self, image: &Image, now: Timestamp) -> Duration {
        if let Some((_, since, last)) = self.seen
            && now.since(last) < EVERY
        {
            return last.since(since);
        }
        let print = fingerprint(image);
        let since = self.seen.filter(|seen| seen.0 == print).map_or(now, |seen| seen.1);
        self.seen = Some((print, since, now));
        now.since(since)
    }
}

/// Of every byte of the picture. Multiply and fold, eight bytes at a time; not for use against somebody who wants two
/// pictures to look alike.
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
    fn only_pictures_equal_in_every_byte_are_frozen() {
        let mut bytes = vec![7; 33 * 5];
        let image =
            |bytes: &[u8]| Image::from_vec(PixelLayout::Gray8, 33, 5, ColorSpace::JPEG, bytes.to_vec());
        let at = |ms| Timestamp(Duration::from_millis(ms));
        let mut frozen = Frozen::default();
        let mut look = |bytes: &[u8], ms| frozen.look(&image(bytes).unwrap(), at(ms)).as_millis();
        assert_eq!(
            [look(&bytes, 0), look(&bytes, 40), look(&bytes, 600), look(&bytes, 1200)],
            [0, 0, 600, 1200]
        );
        for place in [0, 32, 33 * 5 - 1] {
            let start = 10_000 * (place as u64 + 1);
            assert!(look(&bytes, start) > 0 || place > 0);
            bytes[place] += 1;
            assert_eq!([look(&bytes, start + 600), look(&bytes, start + 1200)], [0, 600]);
        }
    }
}
