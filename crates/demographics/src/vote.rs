//! What many views of one track say together.

use std::collections::BTreeMap;

use passerby_types::{Age, AttributeFusion, Attributes, TrackKey};

/// How many standard deviations hold nine tenths of a normal distribution.
const NINE_TENTHS: f32 = 1.645;

/// The probability a single view is trusted with at the most, and one minus it at the least: of single pictures 4 in
/// 100 are wrong, also among those of which the network is surer than that.
const SUREST: f32 = 0.98;

/// How much the errors of two views of one track have in common: the same face, light and camera. With it any number
/// of views is worth two independent ones at the most.
const CORRELATION: f32 = 0.5;

/// Settles a track's age and gender from its single views.
///
/// **Age.** The mean of the views, weighted by quality. The interval reaches as far to each side as the views' own
/// do in the mean of squares, and further where the views disagree: their standard deviation is added in squares. It
/// does not shrink with the number of views, since what the network gets wrong about a face it gets wrong in every
/// view of it.
///
/// **Gender.** The mean of the views' log-odds, weighted by quality, times what the views are worth: `n` views whose
/// errors correlate by 0.5 count as `n / (1 + 0.5 (n - 1))` independent ones, at most two. `n` is the number of
/// equally weighted views that would be worth as much (Kish's effective sample size). A view counts as no surer than
/// 0.98.
///
/// **Unknown.** `None` until [`VoteSettings::views`] views and a quality of [`VoteSettings::quality`] in all have come.
///
/// **What does not count.** An estimate with a number that is not finite, a probability outside 0 to 1, or a quality
/// that is not above 0: the answer is then as before.
///
/// **Memory.** A few sums a track. When the qualities reach [`VoteSettings::memory`], what came before fades, so a track
/// that moved to another face comes to say so. Of more than [`VoteSettings::tracks`] tracks the one not heard of for the
/// longest goes.
#[derive(Clone, Debug)]
pub struct AttributeVote {
    settings: VoteSettings,
    tracks: BTreeMap<TrackKey, Ballot>,
    calls: u64,
}

/// When a [`AttributeVote`] knows enough, and how much it keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoteSettings {
    /// How many views there must be. Default 3.
    pub views: u32,
    /// How much quality ([`passerby_types::Face::quality`]) the views must have in all. Default 0.5: three views of a
    /// face of 30 pixels, or five of one of 20.
    pub quality: f32,
    /// The quality in all beyond which older views fade; above `quality`, or nothing is ever known. Default 20: 40
    /// views of a face of 60 pixels.
    pub memory: f32,
    /// How many tracks are kept, should their ends never be told. 0 is taken as 1. Default 4096.
    pub tracks: usize,
}

impl Default for VoteSettings {
    fn default() -> Self {
        Self { views: 3, quality: 0.5, memory: 20.0, tracks: 4096 }
    }
}

/// The sums over the views of one track. Means are kept, not sums of squares, which would lose digits: D. West,
/// "Updating mean and variance estimates: an improved method", CACM 22(9), 1979.
#[derive(Clone, Copy, Debug, Default)]
struct Ballot {
    views: u32,
    weight: f32,
    weight_squares: f32,
    years: f32,
    /// Weight times the squared distance to the mean.
    scatter: f32,
    /// The mean square of the views' intervals, below and above their age.
    below: f32,
    above: f32,
    log_odds: f32,
    /// The call that it was heard of last.
    heard: u64,
}

impl Ballot {
    fn add(&mut self, estimate: &Attributes, quality: f32, memory: f32) {
        let Attributes { age, p_male } = *estimate;
        let full = self.weight + quality;
        if self.weight > 0.0 && full > memory {
            let fade = ((memory - quality) / self.weight).clamp(0.0, 1.0);
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
        let p = p_male.clamp(1.0 - SUREST, SUREST);
        self.log_odds += part * ((p / (1.0 - p)).ln() - self.log_odds);
    }

    fn result(&self) -> Attributes {
        let apart = NINE_TENTHS * NINE_TENTHS * (self.scatter / self.weight).max(0.0);
        let views = self.weight * self.weight / self.weight_squares;
        let worth = views / (1.0 + CORRELATION * (views - 1.0).max(0.0));
        let age = Age {
            years: self.years,
            // No one is younger than 0; an age that is, as some networks give it, stays inside its interval.
            low: (self.years - (self.below + apart).sqrt()).max(self.years.min(0.0)),
            high: self.years + (self.above + apart).sqrt(),
        };
        Attributes { age, p_male: 1.0 / (1.0 + (-worth * self.log_odds).exp()) }
    }
}

impl AttributeVote {
    /// No track known, the default [`VoteSettings`].
    #[must_use]
    pub fn new() -> Self {
        Self::with(VoteSettings::default())
    }

    /// No track known, these settings.
    #[must_use]
    pub fn with(settings: VoteSettings) -> Self {
        Self { settings, tracks: BTreeMap::new(), calls: 0 }
    }

    /// How many tracks it keeps something of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracks.len()
    }

    /// True where it keeps nothing of any track.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Makes room for one more track.
    fn make_room(&mut self) {
        while self.tracks.len() >= self.settings.tracks.max(1) {
            let oldest = self.tracks.iter().min_by_key(|(_, ballot)| ballot.heard);
            let Some((&oldest, _)) = oldest else { return };
            self.tracks.remove(&oldest);
        }
    }
}

impl AttributeFusion for AttributeVote {
    fn fuse(&mut self, track: TrackKey, estimate: &Attributes, quality: f32) {
        let Age { years, low, high } = estimate.age;
        let finite = [years, low, high].iter().all(|v| v.is_finite());
        if finite && (0.0..=1.0).contains(&estimate.p_male) && quality > 0.0 {
            if !self.tracks.contains_key(&track) {
                self.make_room();
            }
            self.calls += 1;
            let ballot = self.tracks.entry(track).or_default();
            ballot.heard = self.calls;
            ballot.add(estimate, quality.min(1.0), self.settings.memory);
        }
    }

    fn attributes(&self, track: TrackKey) -> Option<Attributes> {
        let ballot = self.tracks.get(&track)?;
        let enough = ballot.views >= self.settings.views && ballot.weight >= self.settings.quality;
        enough.then(|| ballot.result())
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
