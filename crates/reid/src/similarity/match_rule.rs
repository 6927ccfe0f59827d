//! The rule from which similarity on two faces are one person.

use super::impostors::cosine_at;

/// The number of persons that a gallery with fewer counts as. A wrong decision stays while a gallery grows, so the first persons
/// need a threshold that is right later, too. At 100 persons and an FPIR of 1 % it allows 1 false match in 10 000 pairs.
const MIN_PERSONS: usize = 100;
/// How much rarer a false match must be before a track teaches a person, or a person is merged into another.
const CERTAIN_FACTOR: f64 = 0.1;
/// How much more frequent a false match may be for a suggestion.
const SUGGESTED_FACTOR: f64 = 10.0;
/// The cosine from which a view continues the track that it belongs to, by [`MatchRule::ErrorRate`]: between 1 false accept in 1000
/// and 1 in 10 000, which is enough because the track itself is evidence.
const IN_TRACK_COSINE: f32 = 0.50;
/// The highest cosine that any pair of faces needs. Two crops of one picture lie above it.
const MAX_REQUIRED: f32 = 0.90;

/// From which similarity on two faces are one person.
///
/// ```
/// use passerby_reid::{Gallery, GalleryPolicy, MatchRule};
///
/// // One stranger in a thousand may be taken for a person of the gallery.
/// let matching = MatchRule::ErrorRate { max_fpir: 0.001 };
/// assert!(matching.threshold(10_000) > matching.threshold(1000));
/// let gallery = Gallery::with_policy(GalleryPolicy { matching, ..GalleryPolicy::default() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
pub enum MatchRule {
    /// By the share of strangers who may be taken for a person of the gallery. The gallery computes the threshold from this
    /// share, from the number of persons that it holds now, and from the bundled network's similarities of different people.
    ///
    /// The threshold rises with the number of independent views on both sides, because means of views have less noise, and for
    /// young faces, which the network cannot tell apart. It is for embeddings of the bundled network only.
    ErrorRate {
        /// The false positive identification rate (FPIR): of all faces of strangers, the share that may be taken for a
        /// known person. Above 0 and below 1; other values count as the nearest of 1e-6 and 0.5.
        max_fpir: f64,
    },
    /// By fixed cosines, whatever the gallery holds. For embeddings of another network, which needs thresholds of its own.
    Fixed {
        /// The cosine from which two or more agreeing views are a known person.
        match_threshold: f32,
        /// The cosine that is enough by itself: for a single view, before a track teaches the gallery a view of a person
        /// that it did not found, and before a person is merged into an older one.
        confident_threshold: f32,
        /// The cosine from which a person is suggested.
        suggest_threshold: f32,
    },
}

/// An FPIR of 1 %.
impl Default for MatchRule {
    fn default() -> Self {
        Self::ErrorRate { max_fpir: 0.01 }
    }
}

impl MatchRule {
    /// Returns the cosine from which a single view of a grown-up is a person with a single template, in a gallery of this many
    /// persons. A gallery of fewer than 100 persons counts as one of 100.
    #[must_use]
    pub fn threshold(&self, persons: usize) -> f32 {
        Thresholds::new(*self, persons).single
    }

    /// Returns the cosine from which a single view suggests a person of a gallery of this many persons, without being enough for
    /// [`threshold`](Self::threshold). By [`MatchRule::ErrorRate`], ten times as many strangers reach it.
    #[must_use]
    pub fn suggest_threshold(&self, persons: usize) -> f32 {
        Thresholds::new(*self, persons).suggested
    }

    /// Returns true if the thresholds depend on the faces as well.
    pub(crate) fn has_raises(&self) -> bool {
        matches!(self, Self::ErrorRate { .. })
    }
}

/// The thresholds of a gallery at its present size. To each comes the raise of both faces: see [`required`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Thresholds {
    /// For two or more agreeing views of a track.
    pub(crate) several: f32,
    /// For a single view.
    pub(crate) single: f32,
    /// For learning and for merging.
    pub(crate) certain: f32,
    /// For a suggestion.
    pub(crate) suggested: f32,
    /// For a view that continues its own track. Faces raise it not.
    pub(crate) in_track: f32,
}

impl Thresholds {
    /// Returns the thresholds of a gallery of this many persons.
    pub(crate) fn new(rule: MatchRule, persons: usize) -> Self {
        match rule {
            MatchRule::ErrorRate { max_fpir } => {
                let fpir = if max_fpir.is_nan() { 0.01 } else { max_fpir.clamp(1e-6, 0.5) };
                // A stranger is compared with each person. If the comparisons were independent, this rate of each would add
                // up to the FPIR.
                let rate = -(-fpir).ln_1p() / persons.max(MIN_PERSONS) as f64;
                let same = cosine_at(rate);
                Self {
                    several: same,
                    single: same,
                    certain: cosine_at(rate * CERTAIN_FACTOR),
                    suggested: cosine_at(rate * SUGGESTED_FACTOR),
                    in_track: IN_TRACK_COSINE,
                }
            }
            MatchRule::Fixed { match_threshold, confident_threshold, suggest_threshold } => Self {
                several: match_threshold,
                single: confident_threshold,
                certain: confident_threshold,
                suggested: suggest_threshold,
                in_track: match_threshold,
            },
        }
    }

    /// Returns the threshold for the mean of this many views.
    pub(crate) fn of_views(&self, count: usize) -> f32 {
        if count > 1 { self.several } else { self.single }
    }
}

/// Returns the cosine that two faces need, from a threshold and the sum of their raises.
pub(crate) fn required(threshold: f32, raise: f32) -> f32 {
    if raise > 0.0 { (threshold + raise).min(threshold.max(MAX_REQUIRED)) } else { threshold }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds(max_fpir: f64, persons: usize) -> Thresholds {
        Thresholds::new(MatchRule::ErrorRate { max_fpir }, persons)
    }

    #[test]
    fn a_small_gallery_counts_as_one_of_a_hundred() {
        let hundred = thresholds(0.01, 100);
        assert_eq!(thresholds(0.01, 0), hundred);
        assert!((hundred.single - cosine_at(1e-4)).abs() < 2e-4);
    }

    #[test]
    fn ten_times_the_persons_need_a_tenth_of_the_rate() {
        assert!((thresholds(0.01, 1000).single - thresholds(0.001, 100).single).abs() < 1e-3);
        assert!(thresholds(0.01, 10_000).single > thresholds(0.01, 1000).single);
    }

    #[test]
    fn learning_is_stricter_than_matching_and_suggestions_are_not() {
        for persons in [1, 1000, 1_000_000] {
            let all = thresholds(0.01, persons);
            assert!(all.suggested < all.single && all.single < all.certain, "{all:?}");
        }
    }

    #[test]
    fn rates_that_make_no_sense_count_as_the_nearest() {
        assert_eq!(thresholds(0.0, 1), thresholds(1e-6, 1));
        assert_eq!(thresholds(7.0, 1), thresholds(0.5, 1));
        assert_eq!(thresholds(f64::NAN, 1), thresholds(0.01, 1));
    }

    #[test]
    fn fixed_thresholds_do_not_depend_on_the_size() {
        let rule =
            MatchRule::Fixed { match_threshold: 0.5, confident_threshold: 0.6, suggest_threshold: 0.4 };
        assert_eq!(Thresholds::new(rule, 1), Thresholds::new(rule, 1_000_000));
        assert_eq!(rule.threshold(1), 0.6);
    }

    #[test]
    fn no_pair_needs_more_than_two_crops_of_a_picture_have() {
        assert_eq!(required(0.55, 0.0), 0.55);
        assert!((required(0.55, 0.1) - 0.65).abs() < 1e-6);
        assert_eq!(required(0.55, 1.0), MAX_REQUIRED);
        assert_eq!(required(0.95, 0.1), 0.95);
    }
}
