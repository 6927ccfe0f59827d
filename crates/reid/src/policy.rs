//! The thresholds and the limits of a gallery.

use std::time::Duration;

use crate::similarity::MatchRule;

/// The rules that decide whether two faces are one person, and the limits on the memory of a
/// [`Gallery`](crate::Gallery).
///
/// The defaults belong to the bundled network. For the embeddings of another network, give [`MatchRule::Fixed`] and thresholds that
/// were measured on it.
///
/// If a threshold is not finite, every comparison with it fails. If a count is 0, the gallery uses 1.
///
/// ```
/// use passerby_reid::{Gallery, GalleryPolicy};
///
/// // A photograph has only one view, so one must be enough.
/// let gallery = Gallery::with_policy(GalleryPolicy { min_enroll_views: 1, ..GalleryPolicy::default() });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct GalleryPolicy {
    /// From which similarity on a face is a known person. Default: at most 1 of 100 strangers may be taken for a known person,
    /// whatever the number of persons ([`MatchRule::ErrorRate`]). A gallery decides once for a track and not once for a frame,
    /// so the rate holds for tracks.
    pub matching: MatchRule,
    /// The cosine from which two sightings of one track agree. Default 0.45: 1 false accept in 1000 is enough, because
    /// the track itself is evidence that both are one person.
    pub agreement_threshold: f32,
    /// The number of agreeing sightings that make a new person of a track that matches no known person. Default 2, because a
    /// single sighting may show a face that is half hidden, or no face. Use 1 for photographs, which have no second
    /// view. At most `views_per_track`.
    pub min_enroll_views: usize,
    /// The cosine below which a sighting contradicts its track's person. Default 0.35: 99.4 % of the pairs of one
    /// person lie above it.
    pub reject_threshold: f32,
    /// The number of sightings that make a track lose its person, if they contradict the person and agree with one
    /// another. Default 3.
    pub max_disagreeing_views: usize,
    /// The shorter side of a face, in pixels, below which the gallery does not use it. Default 30: between faces of
    /// different people the highest measured cosine is 0.37 at 32 to 76 pixels, but 0.66 at 11 to 23 pixels.
    pub min_size: f32,
    /// The [`passerby_types::Face::quality`] below which the gallery does not use a view. Default 0.1: a face of 30
    /// pixels in full profile with a score of 0.75.
    pub min_quality: f32,
    /// The number of views that the gallery keeps of a track: the best that agree. Default 5.
    pub views_per_track: usize,
    /// The number of templates that the gallery keeps of a person: good ones that differ from one another. Default 8.
    pub templates_per_person: usize,
    /// The age from which a template is stale, counted from the latest view that was like it. A person who has no room
    /// for a better template loses a stale one first. Default 30 days.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub template_max_age: Duration,
    /// The number of persons that the gallery keeps. To make room for another, it forgets the person who was not seen
    /// for the longest, except for enrolled persons and those whom a live track holds. Default 10 000, which need at
    /// most 60 MB for their templates.
    pub max_persons: usize,
    /// The number of live tracks that the gallery keeps. Beyond it, the track that was not seen for the longest counts
    /// as ended, in case the caller never ends its tracks. Default 4096.
    pub max_tracks: usize,
    /// The number of ended tracks whose person the gallery remembers. The oldest go first. Default 4096.
    pub max_ended_tracks: usize,
}

impl Default for GalleryPolicy {
    fn default() -> Self {
        Self {
            matching: MatchRule::default(),
            agreement_threshold: 0.45,
            min_enroll_views: 2,
            reject_threshold: 0.35,
            max_disagreeing_views: 3,
            min_size: 30.0,
            min_quality: 0.1,
            views_per_track: 5,
            templates_per_person: 8,
            template_max_age: Duration::from_secs(30 * 24 * 3600),
            max_persons: 10_000,
            max_tracks: 4096,
            max_ended_tracks: 4096,
        }
    }
}

impl GalleryPolicy {
    /// Returns the policy with every count at least 1.
    pub(crate) fn with_valid_counts(mut self) -> Self {
        let counts = [
            &mut self.max_disagreeing_views,
            &mut self.views_per_track,
            &mut self.templates_per_person,
            &mut self.max_persons,
            &mut self.max_tracks,
            &mut self.max_ended_tracks,
        ];
        for count in counts {
            *count = (*count).max(1);
        }
        self.min_enroll_views = self.valid_enroll_views(self.min_enroll_views);
        self
    }

    /// Returns the number of contradicting sightings that the gallery keeps of a track.
    pub(crate) fn max_contradictions(&self) -> usize {
        2 * self.max_disagreeing_views.max(2)
    }

    /// Returns `views` within the range that `min_enroll_views` may have: a track cannot agree with itself more often
    /// than it keeps views.
    pub(crate) fn valid_enroll_views(&self, views: usize) -> usize {
        views.clamp(1, self.views_per_track)
    }
}
