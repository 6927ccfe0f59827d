//! Finding the ranges within which a network's numbers lie.

use std::fmt;

/// Watches a network run on pictures like those it is for, and notes the ranges of what its pointwise convolutions read:
/// what [`Model::with_ranges`](crate::Model::with_ranges) takes. From [`Model::calibration`](crate::Model::calibration).
pub struct Calibration {
    inner: passerby_cnn::Calibration,
    seen: passerby_cnn::Ranges,
}

impl Calibration {
    pub(crate) fn new(inner: passerby_cnn::Calibration) -> Self {
        Self { inner, seen: passerby_cnn::Ranges::default() }
    }

    /// Where the next item goes, channel by channel, row by row.
    pub fn input(&mut self) -> &mut [f32] {
        self.inner.input()
    }

    /// Runs the item in [`Calibration::input`] and widens the ranges to what it made.
    pub fn observe(&mut self) {
        self.inner.observe();
    }

    /// Widens the ranges to what another calibration of the same network saw, such as one for another input size.
    pub fn include(&mut self, other: &Self) {
        self.seen.include(&other.seen);
        self.seen.include(&other.inner.ranges());
    }

    /// The ranges of everything seen, as text with `provenance` as comments: which pictures of which source. Without a line
    /// for a convolution where nothing was seen.
    #[must_use]
    pub fn text(&self, provenance: &str) -> String {
        let mut ranges = self.inner.ranges();
        ranges.include(&self.seen);
        ranges.to_text(provenance)
    }
}

/// How many convolutions it has seen, and no numbers.
impl fmt::Debug for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calibration of {} convolutions", self.inner.ranges().len())
    }
}
