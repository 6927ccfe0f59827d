//! Combines the age and gender estimates of a track.

use std::collections::BTreeMap;

use passerby_types::{Age, AttributeFusion, Attributes, TrackKey};

/// The number of standard deviations to each side that hold nine tenths of a normal distribution.
const DEVIATIONS_OF_NINE_TENTHS: f32 = 1.645;

/// The highest probability that the vote believes a single view; the lowest is one minus it. 4 in 100 single pictures are
/// wrong, even among those for which the network gives a higher probability.
const MAX_VIEW_PROBABILITY: f32 = 0.98;

/// The correlation between the errors of two views of one track, which show the same face, light and camera. With it, any
/// number of views counts as at most two independent ones.
const ERROR_CORRELATION: f32 = 0.5;

/// Combines the age and gender estimates of each track.
///
/// **Age.** The age is the mean of the views, weighted by quality. To each side, the interval reaches as far as the root
/// mean square of the views' own intervals. If the views disagree, it reaches further: their variance is added to the mean
/// square. It does not shrink with the number of views, because the network makes the same error in every view of a face.
///
/// **Gender.** The vote takes the mean of the views' log-odds, weighted by quality, and multiplies it by the number of
/// independent views. `n` views with errors that correlate by 0.5 count as `n / (1 + 0.5 (n - 1))` independent ones, at
/// most two. `n` is the number of equally weighted views with the same weight (Kish's effective sample size). The vote
/// limits the probability of each view to 0.98.
///
/// **Unknown.** The attributes are `None` until there are [`VoteSettings::min_views`] views with a total quality of
/// [`VoteSettings::min_total_quality`].
///
/// **Ignored estimates.** The vote ignores an estimate if one of its numbers is not finite, if its probability is outside 0
/// to 1, or if its quality is not above 0.
///
/// **Memory.** The vote keeps a few sums for each track. Beyond a total quality of [`VoteSettings::max_total_quality`], older
/// views fade, so that a track that has moved to another face gets that face's attributes. Beyond
/// [`VoteSettings::max_tracks`] tracks, the one without an estimate for the longest time is forgotten.
///
/// ```
/// use passerby_demographics::AttributeVote;
/// use passerby_types::{Age, AttributeFusion, Attributes, TrackKey};
///
/// let mut vote = AttributeVote::new();
/// let track = TrackKey::default();
/// let view = Attributes { age: Age { years: 40.0, low: 34.0, high: 48.0 }, p_male: 0.2 };
/// vote.fuse(track, &view, 0.6);
/// assert_eq!(vote.attributes(track), None, "one view is not enough");
/// vote.fuse(track, &view, 0.6);
/// vote.fuse(track, &view, 0.6);
/// assert!(vote.attributes(track).is_some_and(|known| (known.age.years - 40.0).abs() < 0.1));
/// ```
#[derive(Clone, Debug)]
pub struct AttributeVote {
    settings: VoteSettings,
    tracks: BTreeMap<TrackKey, TrackSums>,
    /// The number of estimates so far, which orders the tracks by their latest one.
    estimates: u64,
}

/// The settings of an [`AttributeVote`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct VoteSettings {
    /// The least number of views for a result. Default 3.
    pub min_views: u32,
    /// The least total quality of the views for a result: the sum of their [`passerby_types::Face::quality`], each 0 to 1.
    /// Default 0.5, for example three views of a face of 30 pixels, or five of one of 20.
    pub min_total_quality: f32,
    /// The total quality beyond which older views fade. It must be above `min_total_quality`, otherwise there is never a
    /// result. Default 20, for example 40 views of a face of 60 pixels.
    pub max_total_quality: f32,
    /// The number of tracks that the vote keeps, in case the caller never ends its tracks. 0 counts as 1. Default 4096.
    pub max_tracks: usize,
}

impl Default for VoteSettings {
    fn default() -> Self {
        Self { min_views: 3, min_total_quality: 0.5, max_total_quality: 20.0, max_tracks: 4096 }
    }
}

/// The sums over the views of one track. It keeps means instead of sums of squares, which would lose digits: D. West,
/// "Updating mean and variance estimates: an improved method", CACM 22(9), 1979.
#[derive(Clone, Copy, Debug, Default)]
struct TrackSums {
    views: u32,
    /// The sum of the views' qualities.
    weight: f32,
    /// The sum of their squares.
    weight_squares: f32,
    /// The mean age.
    years: f32,
    /// The weighted sum of the squared distances to the mean age.
    scatter: f32,
    /// The mean square of the distance from a view's age down to the low end of its interval.
    below: f32,
    /// The mean square of the distance from a view's age up to the high end of its interval.
    above: f32,
    /// The mean log-odds of male.
    log_odds: f32,
    /// The number of the track's latest estimate.
    latest_estimate: u64,
}

impl TrackSums {
    fn add(&mut self, estimate: &Attributes, quality: f32, max_total_quality: f32) {
        let Attributes { age, p_male } = *estimate;
        if self.weight > 0.0 && self.weight + quality > max_total_quality {
            let fade = ((max_total_quality - quality) / self.weight).clamp(0.0, 1.0);
            self.weight *= fade;
            self.weight_squares *= fade * fade;
            self.scatter *= fade;
        }
        self.views = self.views.saturating_add(1);
        self.weight += quality;
        self.weight_squares += quality * quality;
        let part = quality / self.weight;
        let step = age.years - self.years;
        self.years += part * step;
        self.scatter += quality * step * (age.years - self.years);
        let square = |reach: f32| reach.max(0.0) * reach.max(0.0);
        self.below += part * (square(age.years - age.low) - self.below);
        self.above += part * (square(age.high - age.years) - self.above);
        let p = p_male.clamp(1.0 - MAX_VIEW_PROBABILITY, MAX_VIEW_PROBABILITY);
        self.log_odds += part * ((p / (1.0 - p)).ln() - self.log_odds);
    }

    fn result(&self) -> Attributes {
        let variance = (self.scatter / self.weight).max(0.0);
        let disagreement = DEVIATIONS_OF_NINE_TENTHS * DEVIATIONS_OF_NINE_TENTHS * variance;
        let effective_views = self.weight * self.weight / self.weight_squares;
        let independent_views =
            effective_views / (1.0 + ERROR_CORRELATION * (effective_views - 1.0).max(0.0));
        let age = Age {
            years: self.years,
            // The interval does not reach below 0, unless the age does, which some networks return.
            low: (self.years - (self.below + disagreement).sqrt()).max(self.years.min(0.0)),
            high: self.years + (self.above + disagreement).sqrt(),
        };
        Attributes { age, p_male: 1.0 / (1.0 + (-independent_views * self.log_odds).exp()) }
    }
}

impl AttributeVote {
    /// Creates a vote without tracks, with the default [`VoteSettings`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_settings(VoteSettings::default())
    }

    /// Creates a vote without tracks, with the given settings.
    ///
    /// ```
    /// use passerby_demographics::{AttributeVote, VoteSettings};
    ///
    /// // Photographs: one view of any quality must be enough.
    /// let settings = VoteSettings { min_views: 1, min_total_quality: 0.0, ..VoteSettings::default() };
    /// let vote = AttributeVote::with_settings(settings);
    /// assert!(vote.is_empty());
    /// ```
    #[must_use]
    pub fn with_settings(settings: VoteSettings) -> Self {
        Self { settings, tracks: BTreeMap::new(), estimates: 0 }
    }

    /// Returns the number of tracks with an estimate.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracks.len()
    }

    /// Returns true if no track has an estimate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Forgets the tracks without an estimate for the longest time, until there is room for one more track.
    fn make_room(&mut self) {
        while self.tracks.len() >= self.settings.max_tracks.max(1) {
            let oldest = self.tracks.iter().min_by_key(|(_, sums)| sums.latest_estimate);
            let Some((&oldest, _)) = oldest else { return };
            self.tracks.remove(&oldest);
        }
    }
}

impl AttributeFusion for AttributeVote {
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, quality: f32) {
        let Age { years, low, high } = estimate.age;
        let is_finite = [years, low, high].iter().all(|v| v.is_finite());
        if is_finite && (0.0..=1.0).contains(&estimate.p_male) && quality > 0.0 {
            if !self.tracks.contains_key(&track) {
                self.make_room();
            }
            self.estimates += 1;
            let sums = self.tracks.entry(track).or_default();
            sums.latest_estimate = self.estimates;
            sums.add(estimate, quality.min(1.0), self.settings.max_total_quality);
        }
    }

    fn attributes(&self, track: TrackKey) -> Option<Attributes> {
        let sums = self.tracks.get(&track)?;
        let is_enough =
            sums.views >= self.settings.min_views && sums.weight >= self.settings.min_total_quality;
        is_enough.then(|| sums.result())
    }

    fn end(&mut self, track: TrackKey) {
        self.tracks.remove(&track);
    }
}

impl Default for AttributeVote {
    fn default() -> Self {
        Self::new()
    }
}
