//! When two faces are one person, and how much is kept.

use std::time::Duration;

/// What a [`crate::Gallery`] goes by. The defaults belong to the bundled network: a cosine means nothing for another.
///
/// They come from 1.19 million pairs of different people (LFW, single pictures) seen through that network. Its false
/// accept rates, and the share of 3000 pairs of one person that lie above the same cosine:
///
/// | cosine | false accepts | accepted of one person |
/// |---|---|---|
/// | 0.349 | 1 in 100 | 99.4 % |
/// | 0.451 | 1 in 1000 | 98.1 % |
/// | 0.529 | 1 in 10 000 | 95.5 % |
/// | 0.578 | 1 in 100 000 | 92.2 % |
///
/// A number that is not finite makes every comparison with it fail; a count of 0 is taken as 1.
#[derive(Clone, Debug, PartialEq)]
pub struct GalleryPolicy {
    /// The cosine from which agreeing sightings of a track are a known person. Default 0.50: between 1 false accept
    /// in 1000 and 1 in 10 000, above the most alike different people (0.42) and below the least alike pictures of
    /// one person (0.567) of a separate set of 60 photographs. A gallery is asked once a track and not once a
    /// frame, so the rate holds for each track and person.
    pub same: f32,
    /// The cosine that is enough by itself: for a single sighting, before a track teaches the gallery a new view of
    /// a person it did not found, and before a person gives way to an older one. Default 0.58: 1 false accept in
    /// 100 000.
    pub sure: f32,
    /// The cosine from which two sightings of one track agree. Default 0.45: that they are one track is evidence
    /// already, so 1 false accept in 1000 will do.
    pub agree: f32,
    /// How many agreeing sightings of a track that is nobody known make a new person. Default 2: a single one may be
    /// a face half hidden, or none at all. 1 is for photographs, of which there is no second.
    pub founding: usize,
    /// The cosine below which a sighting speaks against its track's person. Default 0.35: 99.4 % of the pairs of
    /// one person lie above it.
    pub differ: f32,
    /// How many sightings that speak against a track's person, and agree with one another, take it away. Default 3.
    pub patience: usize,
    /// The shorter side, in pixels, below which a face is not told apart from others. Default 30: between faces of
    /// 32 to 76 pixels of different people the highest cosine measured is 0.37, between faces of 11 to 23 pixels 0.66.
    pub min_size: f32,
    /// The [`passerby_types::Face::quality`] below which a view is not used. Default 0.1: a face of 30 pixels in full
    /// profile that the detector gives 0.75.
    pub min_quality: f32,
    /// How many views of a track are kept: the best that agree. Default 5.
    pub views: usize,
    /// How many templates of a person are kept: unlike one another, and good. Default 8.
    pub templates: usize,
    /// How long a template lasts that no later view was like. Old ones are the first to be replaced; none goes
    /// without a better one. Default 30 days.
    pub stale: Duration,
    /// How many persons are kept. Beyond, the one seen longest ago that no live track holds is forgotten. Default
    /// 10 000: 60 MB of templates at the most.
    pub persons: usize,
    /// How many live tracks are kept, should their ends never be told: the one seen longest ago counts as ended.
    /// Default 4096.
    pub tracks: usize,
    /// How many ended tracks keep their person, the last ones. Default 4096.
    pub ended: usize,
}

impl Default for GalleryPolicy {
    fn default() -> Self {
        Self {
            same: 0.50,
            sure: 0.58,
            agree: 0.45,
            founding: 2,
            differ: 0.35,
            patience: 3,
            min_size: 30.0,
            min_quality: 0.1,
            views: 5,
            templates: 8,
            stale: Duration::from_secs(30 * 24 * 3600),
            persons: 10_000,
            tracks: 4096,
            ended: 4096,
        }
    }
}

impl GalleryPolicy {
    /// The policy with every count at least 1.
    pub(crate) fn checked(mut self) -> Self {
        let counts = [
            &mut self.patience,
            &mut self.views,
            &mut self.templates,
            &mut self.persons,
            &mut self.tracks,
            &mut self.ended,
        ];
        for count in counts {
            *count = (*count).max(1);
        }
        self.founding = self.founding.clamp(1, self.views);
        self
    }
}
