//! The gallery: decides which person a track is, over all cameras.

use std::collections::btree_map;
use std::fmt;

use passerby_types::{Embedding, Identifier, Identity, PersonId, Sighting, Timestamp, TrackKey};

use crate::decision::{Decision, Holder};
use crate::error::EnrollError;
use crate::lasting::journal_link::JournalLink;
use crate::policy::GalleryPolicy;
use crate::similarity::{Candidate, Probe, Thresholds};
use crate::state::{GalleryState, PersonRecord};
use crate::suggestions::Suggestion;
use crate::tracks::LiveTrack;

/// An open-set gallery in memory: recognises the persons that it knows, and makes persons of those that it does not know.
///
/// It works in two ways. As an [`Identifier`] it decides which person each track is, and learns while it watches:
/// [`Identifier::identify`] takes the sightings of a frame, and [`Identifier::identity`] returns the result. By hand, you
/// [`enroll`](Gallery::enroll) persons, [`search`](Gallery::search) for a face, list the persons with
/// [`iter`](Gallery::iter), and [`remove`](Gallery::remove) them.
///
/// ```
/// use passerby_reid::Gallery;
/// use passerby_types::Embedding;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut gallery = Gallery::new();
/// let ann = gallery.enroll(&[Embedding::new(vec![0.6, 0.8])?])?; // from an embedder
/// let bob = gallery.enroll(&[Embedding::new(vec![1.0, 0.0])?])?;
///
/// let found = gallery.search(&Embedding::new(vec![0.7, 0.7])?, 1);
/// assert_eq!(found[0].person, ann);
/// assert!(found[0].similarity > 0.98);
///
/// assert!(gallery.remove(ann));
/// assert_eq!(gallery.iter().map(|person| person.id).collect::<Vec<_>>(), [bob]);
/// # Ok(())
/// # }
/// ```
///
/// # How the gallery identifies a track
///
/// **Usable views.** The gallery does not use a view below [`GalleryPolicy::min_size`] or
/// [`GalleryPolicy::min_quality`], or an embedding whose length differs from the first one ever kept. If a track has only
/// such views, it is [`Identity::Unidentified`].
///
/// **Thresholds.** By [`MatchRule::ErrorRate`](crate::MatchRule::ErrorRate), the default, the gallery computes its thresholds
/// from the share of strangers who may be taken for a known person, and from the number of persons that it holds now: the
/// more persons, the higher the thresholds. The threshold of a pair of faces rises with the number of independent views on both
/// sides, and for young faces. Learning and merging need ten times fewer false matches than matching.
///
/// **New tracks.** The gallery takes the quality-weighted mean of the track's best views that agree, and compares it with each
/// person's mean template, and with the nearest one, which needs a higher threshold the more templates there are. If the
/// similarity reaches the threshold of that pair, the track is that person. If [`GalleryPolicy::min_enroll_views`] of the views match
/// no person, they become a new person. A track that is a little like a known person waits for
/// [`GalleryPolicy::views_per_track`] views, or for its end. The gallery decides the nearest pair of a track and a person in a frame first. It
/// never gives a track a person that another track of the frame holds: two tracks of one frame are two persons for good.
///
/// **Waiting.** A tracker may keep showing a track whose face it has lost, while the same face comes back as a new track.
/// If a new track looks like a person that another track holds, and that track was not sighted since, or sightings
/// contradict it, the new track stays [`Identity::Pending`]. It stays so until the other track ends, is sighted, or is
/// resolved, and does not become a second person meanwhile. [`Identifier::needs_look`] then asks for a sighting of both.
///
/// **Suggestions.** Between the same and another person lies a band. The gallery records the persons in it for a human to decide:
/// [`Gallery::suggestions`].
///
/// **Changes.** A single sighting never changes the person of a track. The person changes in three cases:
/// - Sightings contradict the person. A sighting does so if it lies below [`GalleryPolicy::reject_threshold`] from all
///   the person's templates and from the track's other views, or if it is similar enough to another person for learning
///   and is nearer to that one by 0.1. After
///   [`GalleryPolicy::max_disagreeing_views`] such sightings that agree, with none for the person between them, the
///   tracker has moved the track to another face. (Two are enough if they are similar enough to another person for
///   learning.) The gallery then decides the track anew by these
///   sightings alone. If two tracks of a frame are in this state and each looks like the other's person, they swap
///   persons. If the track looks like the person of another track that two sightings contradict, or that has given no usable
///   view for twice as many sightings, it takes that person. The templates that the track taught before stay with the earlier
///   person. [`Identifier::split`] ends the track with its earlier person, and gives the other face a number of its own.
/// - The track founded its person, no other track was ever recognised as that person, and better views make the track
///   similar enough to an older person for learning. The gallery then merges the younger person into
///   the older one and never uses the younger number again.
/// - Two tracks of one frame hold the same person, for example because their sightings came late. The nearer track keeps
///   the person, and the gallery decides the other one anew.
///
/// **Memory.** [`GalleryPolicy`] bounds the views of a track, the templates of a person, the persons, and the live and
/// ended tracks. A merge leaves an alias of a few hundred bytes, and at most 64 templates of a person wait for the undo of merges
/// that the gallery decided. If a new person would exceed the limit, its track stays [`Identity::Pending`]. A track teaches a person
/// that it did not found only if it is similar enough for learning, so that a person cannot drift
/// into another one by small steps. A search is exact and takes one pass over all templates.
///
/// **Persons that last.** [`Gallery::open`] takes the persons of a journal and writes every change into it. A merge makes one
/// number an alias of the other, so [`Gallery::undo`] can take it back; [`Gallery::merge`], [`Gallery::split_person`] and
/// [`Gallery::set_name`] are corrections by hand.
///
/// The same calls always give the same results: the gallery uses no clock, no random numbers and no hash order.
pub struct Gallery {
    policy: GalleryPolicy,
    state: GalleryState,
    buffers: Buffers,
    journal: Option<JournalLink>,
}

/// The buffers that [`Gallery::identify`] keeps from frame to frame.
#[derive(Default)]
struct Buffers {
    visible: Vec<TrackKey>,
    fresh: Vec<TrackKey>,
    holders: Vec<Holder>,
}

/// Writes a time on the clock in seconds, as the project's other JSON does.
#[cfg(feature = "serde")]
fn serialize_seconds<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&at.map(|at| at.0.as_secs_f64()), serializer)
}

/// One person of a [`Gallery`], without biometric data. With the feature `serde` it is written with its times in seconds on
/// the pipeline's clock (`first_seen_s`, `last_seen_s`). In a gallery with a journal they count from 1970 instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct GalleryPerson {
    /// The person's number.
    pub id: PersonId,
    /// The capture time of the person's first sighting, or `None` if the person was enrolled and never seen.
    #[cfg_attr(feature = "serde", serde(rename = "first_seen_s", serialize_with = "serialize_seconds"))]
    pub first_seen: Option<Timestamp>,
    /// The capture time of the latest sighting of any size, or `None` if the person was enrolled and never seen.
    #[cfg_attr(feature = "serde", serde(rename = "last_seen_s", serialize_with = "serialize_seconds"))]
    pub last_seen: Option<Timestamp>,
    /// The number of times that a track became this person, including the first.
    pub tracks: u64,
    /// The number of the person's templates.
    pub templates: usize,
}

/// One result of [`Gallery::search`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The person.
    pub person: PersonId,
    /// The cosine to the mean of the person's templates or to the nearest one, whichever lies further above its threshold, -1 to 1.
    pub similarity: f32,
    /// The similarity from which the gallery takes the face for this person. It depends on the size of the gallery and on the
    /// views and the youth of both faces ([`MatchRule::ErrorRate`](crate::MatchRule::ErrorRate)).
    pub threshold: f32,
}

impl Match {
    /// Returns true if the gallery takes the face for this person.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.similarity >= self.threshold
    }
}

impl Gallery {
    /// Creates an empty gallery with the default [`GalleryPolicy`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_policy(GalleryPolicy::default())
    }

    /// Creates an empty gallery with the given policy.
    #[must_use]
    pub fn with_policy(policy: GalleryPolicy) -> Self {
        Self {
            policy: policy.with_valid_counts(),
            state: GalleryState::default(),
            buffers: Buffers::default(),
            journal: None,
        }
    }

    /// Returns the gallery's policy, with counts of 0 replaced by 1.
    #[must_use]
    pub fn policy(&self) -> &GalleryPolicy {
        &self.policy
    }

    /// Returns the number of persons.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.persons.len()
    }

    /// Returns true if there are no persons.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.persons.is_empty()
    }

    /// Returns the persons that are most like a face: at most `limit` of them.
    ///
    /// Each person appears once, with the similarity of the mean template or of the nearest one. The person whose similarity lies furthest above the
    /// threshold of the pair, or least below it, comes first. Of equals, the older person comes first. The result is empty if
    /// the gallery is empty, if `limit` is 0, or if the embedding has another length than the templates.
    ///
    /// The search returns persons below the threshold as well: even a stranger has a nearest person. [`Match::is_same`] says whether
    /// the gallery would take the face for the person. A search changes nothing: the gallery learns only from sightings and
    /// enrolment.
    ///
    /// ```
    /// use passerby_reid::Gallery;
    /// use passerby_types::Embedding;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut gallery = Gallery::new();
    /// let ann = gallery.enroll(&[Embedding::new(vec![1.0, 0.0])?])?;
    /// let bob = gallery.enroll(&[Embedding::new(vec![0.0, 1.0])?])?;
    ///
    /// let found = gallery.search(&Embedding::new(vec![5.0, 12.0])?, 10);
    /// assert_eq!(found.iter().map(|m| m.person).collect::<Vec<_>>(), [bob, ann]);
    /// assert!((found[0].similarity - 12.0 / 13.0).abs() < 1e-6);
    /// assert!(found[0].is_same() && !found[1].is_same());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn search(&self, face: &Embedding, limit: usize) -> Vec<Match> {
        self.search_views(std::slice::from_ref(face), limit)
    }

    /// As [`Gallery::search`], for several views of one face. Their mean is compared.
    ///
    /// Views of different occasions say more than the best of them. The result is also empty if there are no views, if their
    /// lengths differ, or if they cancel out.
    #[must_use]
    pub fn search_views(&self, views: &[Embedding], limit: usize) -> Vec<Match> {
        let length = views.first().map_or(0, |view| view.as_slice().len());
        let fit = views.iter().all(|view| view.as_slice().len() == length);
        let mean =
            Embedding::mean(views.iter().map(|view| (view, 1.0)).take(if fit { views.len() } else { 0 }));
        let Some(mean) = mean else { return Vec::new() };
        let probe = Probe::mean_of(mean, || views.iter().map(Embedding::as_slice), &self.policy);
        let threshold = self.thresholds().of_views(probe.count);
        let mut found: Vec<_> = self.state.index.candidates(&probe, threshold).collect();
        found.sort_unstable_by(Candidate::nearest_first);
        found.truncate(limit);
        let result = |found: Candidate| Match {
            person: found.person,
            similarity: found.cosine,
            threshold: found.required(),
        };
        found.into_iter().map(result).collect()
    }

    /// Returns persons who may be one, for a human to decide: the latest 256, the latest first.
    ///
    /// The gallery suggests two persons if it took a face for a new person that is a little too unlike an older one, or if later views
    /// of a new person match an older one, but not well enough for a merge. It never acts on a suggestion: to make the two one
    /// person, call [`Gallery::merge`]. Suggestions are not part of the journal. Those about a person who is gone are left out.
    #[must_use]
    pub fn suggestions(&self) -> Vec<Suggestion> {
        self.state.suggestions.of(|person| self.state.persons.contains_key(&person))
    }

    /// Returns the thresholds at the gallery's present size.
    fn thresholds(&self) -> Thresholds {
        Thresholds::new(self.policy.matching, self.len())
    }

    /// Makes a new person of these views of one face, and returns the person's number.
    ///
    /// The views become templates that never age and that no sighting replaces. If there are more than
    /// [`GalleryPolicy::templates_per_person`], the gallery keeps those that differ most. It does not compare them with
    /// the persons that it knows: call [`Gallery::search`] first if the person may be enrolled already.
    ///
    /// The gallery never forgets an enrolled person by itself. It may forget the person who was not seen for the longest
    /// to make room.
    ///
    /// Tracks without a person can become the enrolled person at their next good view. A live track keeps the person that
    /// it holds already, so you should enroll before the cameras start.
    ///
    /// ```
    /// use passerby_reid::Gallery;
    /// use passerby_types::{Embedding, Identifier, Sighting, Timestamp, TrackKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut gallery = Gallery::new();
    /// let front = Embedding::new(vec![0.6, 0.8])?; // from an embedder
    /// let side = Embedding::new(vec![0.8, 0.6])?;
    /// let ann = gallery.enroll(&[front.clone(), side])?;
    ///
    /// // A camera sees her.
    /// let sighting = Sighting {
    ///     track: TrackKey::default(),
    ///     seq: 0,
    ///     captured: Timestamp::default(),
    ///     embedding: front,
    ///     quality: 0.8,
    ///     size: 90.0,
    /// };
    /// gallery.identify(&[sighting.clone()], &[sighting.track]);
    /// assert_eq!(gallery.identity(sighting.track).person(), Some(ann));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EnrollError::NoEmbeddings`] if `views` is empty. [`EnrollError::Length`] if a view has another length than the
    /// other views or the gallery's templates: the caller should use one network for all of them. [`EnrollError::Full`] if
    /// the gallery is full: the caller should remove a person. The gallery is unchanged after an error.
    pub fn enroll(&mut self, views: &[Embedding]) -> Result<PersonId, EnrollError> {
        let enrolled = self.state.enroll(views, &self.policy);
        self.commit();
        enrolled
    }

    /// Forgets a person and all templates of the person. Returns false if the gallery does not know the person.
    ///
    /// The gallery never uses the number again. Tracks that hold the person, live or ended, become
    /// [`Identity::Pending`]. A live track of the person is decided anew at its next good view, and then becomes a new
    /// person if the face is still there.
    ///
    /// ```
    /// use passerby_reid::Gallery;
    /// use passerby_types::Embedding;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut gallery = Gallery::new();
    /// let ann = gallery.enroll(&[Embedding::new(vec![0.6, 0.8])?])?;
    /// assert!(gallery.remove(ann));
    /// assert!(!gallery.remove(ann));
    /// assert!(gallery.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove(&mut self, person: PersonId) -> bool {
        let removed = self.state.remove(person, "removed by hand");
        self.commit();
        removed
    }

    /// Returns an iterator over all persons, sorted by number. It yields nothing if the gallery is empty.
    ///
    /// `for person in &gallery` does the same.
    ///
    /// ```
    /// use passerby_reid::Gallery;
    /// use passerby_types::Embedding;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut gallery = Gallery::new();
    /// gallery.enroll(&[Embedding::new(vec![0.6, 0.8])?])?;
    /// for person in &gallery {
    ///     println!("{} has {} templates", person.id, person.templates);
    /// }
    /// assert_eq!(gallery.iter().count(), gallery.len());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn iter(&self) -> GalleryIter<'_> {
        GalleryIter { persons: self.state.persons.iter(), state: &self.state }
    }

    /// Returns the memory of the gallery, for other views of it.
    pub(crate) fn state(&self) -> &GalleryState {
        &self.state
    }

    /// Returns the journal, for the counts of it.
    pub(crate) fn link(&self) -> Option<&JournalLink> {
        self.journal.as_ref()
    }

    /// Returns the memory and the journal, to change them.
    pub(crate) fn parts(&mut self) -> (&mut GalleryState, Option<&mut JournalLink>) {
        (&mut self.state, self.journal.as_mut())
    }

    /// Takes the memory that a journal adds up to, and the journal.
    pub(crate) fn connect(&mut self, state: GalleryState, journal: JournalLink) {
        self.state = state;
        self.journal = Some(journal);
    }

    /// Hands the changes of a call to the journal, which counts its failures.
    pub(crate) fn commit(&mut self) {
        if let Some(journal) = &mut self.journal {
            let _ = journal.commit(&mut self.state.recorder);
        }
    }

    /// As [`Identifier::identify`], with this many agreeing views to make a new person.
    pub(crate) fn identify_with(
        &mut self,
        min_enroll_views: usize,
        sightings: &[Sighting],
        visible: &[TrackKey],
    ) {
        self.commit();
        let thresholds = self.thresholds();
        let Self { policy, state, buffers, .. } = self;
        buffers.visible.clear();
        buffers.visible.extend(visible.iter().copied().chain(sightings.iter().map(|s| s.track)));
        buffers.fresh.clear();
        buffers
            .fresh
            .extend(sightings.iter().filter(|s| state.observe(s, policy, &thresholds)).map(|s| s.track));
        for keys in [&mut buffers.visible, &mut buffers.fresh] {
            keys.sort_unstable();
            keys.dedup();
        }
        let decision = Decision {
            state,
            min_enroll_views: policy.valid_enroll_views(min_enroll_views),
            policy,
            thresholds,
            visible: &buffers.visible,
            fresh: &mut buffers.fresh,
            holders: &mut buffers.holders,
        };
        decision.run();
        // A track that shows another face may get another number first.
        if !self.state.tracks.awaits_numbers() {
            self.commit();
        }
    }
}

impl Identifier for Gallery {
    fn identify(&mut self, sightings: &[Sighting], visible: &[TrackKey]) {
        self.identify_with(self.policy.min_enroll_views, sightings, visible);
    }

    fn identity(&self, track: TrackKey) -> Identity {
        self.state.tracks.identity(track)
    }

    fn needs_look(&self, track: TrackKey) -> bool {
        self.state.tracks.get(track).is_some_and(LiveTrack::needs_look)
    }

    fn split(&mut self, renumber: &mut dyn FnMut(TrackKey) -> Option<TrackKey>) {
        self.state.split(renumber, &self.policy);
        self.commit();
    }

    fn end(&mut self, track: TrackKey) {
        self.state.end(track, &self.policy);
        self.commit();
    }
}

impl Default for Gallery {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints counts only.
impl fmt::Debug for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gallery")
            .field("persons", &self.len())
            .field("templates", &self.state.index.len())
            .field("live_tracks", &self.state.tracks.live_len())
            .field("ended_tracks", &self.state.tracks.ended_len())
            .finish_non_exhaustive()
    }
}

/// An iterator over the persons of a [`Gallery`], sorted by number. Made by [`Gallery::iter`].
#[derive(Clone)]
pub struct GalleryIter<'a> {
    persons: btree_map::Iter<'a, PersonId, PersonRecord>,
    state: &'a GalleryState,
}

impl Iterator for GalleryIter<'_> {
    type Item = GalleryPerson;

    fn next(&mut self) -> Option<GalleryPerson> {
        let (&id, record) = self.persons.next()?;
        let record = self.state.combined(id, record);
        let was_seen = record.tracks > 0;
        Some(GalleryPerson {
            id,
            first_seen: was_seen.then_some(record.first_seen),
            last_seen: was_seen.then_some(record.last_seen),
            tracks: record.tracks,
            templates: self.state.index.count_all(id),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.persons.size_hint()
    }
}

impl ExactSizeIterator for GalleryIter<'_> {}

impl<'a> IntoIterator for &'a Gallery {
    type Item = GalleryPerson;
    type IntoIter = GalleryIter<'a>;

    fn into_iter(self) -> GalleryIter<'a> {
        self.iter()
    }
}

/// Prints the number of persons left.
impl fmt::Debug for GalleryIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GalleryIter").field("left", &self.len()).finish_non_exhaustive()
    }
}
