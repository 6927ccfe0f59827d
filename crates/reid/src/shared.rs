//! One gallery for several pipelines.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use passerby_types::{
    EditError, Embedding, EntryId, Identifier, Identity, PersonId, Sighting, SinkError, TrackKey,
};

use crate::error::EnrollError;
use crate::gallery::{Gallery, GalleryPerson, Match};
use crate::lasting::journal_link::JournalCounts;
use crate::policy::GalleryPolicy;
use crate::suggestions::Suggestion;

/// A handle to a [`Gallery`] that several pipelines share: a person whom one of them knows is known to all of them.
///
/// A clone is another handle to the same gallery. All handles share one [`GalleryPolicy`]; only
/// [`GalleryPolicy::min_enroll_views`] can differ from handle to handle, so that photographs and videos can share a
/// gallery. The cameras of all handles must have different numbers.
///
/// Every call waits until the calls of the other handles are done. If a call panics, the next call starts with the persons of
/// the journal, or with an empty gallery without a journal.
///
/// ```
/// use passerby_reid::{GalleryPolicy, SharedGallery};
/// use passerby_types::Embedding;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let videos = SharedGallery::new(GalleryPolicy::default());
/// // A photograph has no second view, so one must be enough.
/// let photos = videos.clone().with_min_enroll_views(1);
///
/// let ann = photos.enroll(&[Embedding::new(vec![0.6, 0.8])?])?;
/// assert_eq!(videos.search(&Embedding::new(vec![0.6, 0.8])?, 1)[0].person, ann);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedGallery {
    gallery: Arc<Mutex<Gallery>>,
    min_enroll_views: usize,
}

impl SharedGallery {
    /// Creates an empty gallery with the given policy and returns the first handle to it.
    #[must_use]
    pub fn new(policy: GalleryPolicy) -> Self {
        Self::of(Gallery::with_policy(policy))
    }

    /// Returns the first handle to a gallery, for example to one with a journal: [`Gallery::open`].
    #[must_use]
    pub fn of(gallery: Gallery) -> Self {
        let min_enroll_views = gallery.policy().min_enroll_views;
        Self { gallery: Arc::new(Mutex::new(gallery)), min_enroll_views }
    }

    /// Returns this handle with its own number of agreeing views that make a new person, in the place of
    /// [`GalleryPolicy::min_enroll_views`]. Other handles keep theirs.
    #[must_use]
    pub fn with_min_enroll_views(mut self, views: usize) -> Self {
        self.min_enroll_views = views;
        self
    }

    /// Returns the persons that are most like a face, as [`Gallery::search`].
    #[must_use]
    pub fn search(&self, face: &Embedding, limit: usize) -> Vec<Match> {
        self.lock().search(face, limit)
    }

    /// Returns the persons that are most like several views of one face, as [`Gallery::search_views`].
    #[must_use]
    pub fn search_views(&self, views: &[Embedding], limit: usize) -> Vec<Match> {
        self.lock().search_views(views, limit)
    }

    /// Returns persons who may be one, as [`Gallery::suggestions`].
    #[must_use]
    pub fn suggestions(&self) -> Vec<Suggestion> {
        self.lock().suggestions()
    }

    /// Makes a new person of these views of one face, as [`Gallery::enroll`].
    ///
    /// # Errors
    /// As for [`Gallery::enroll`].
    pub fn enroll(&self, views: &[Embedding]) -> Result<PersonId, EnrollError> {
        self.lock().enroll(views)
    }

    /// Makes one person an alias of another one, as [`Gallery::merge`].
    ///
    /// # Errors
    /// As for [`Gallery::merge`].
    pub fn merge(&self, person: PersonId, other: PersonId) -> Result<EntryId, EditError> {
        self.lock().merge(person, other)
    }

    /// Gives some templates to a new person, as [`Gallery::split_person`].
    ///
    /// # Errors
    /// As for [`Gallery::split_person`].
    pub fn split_person(
        &self,
        person: PersonId,
        templates: &[EntryId],
    ) -> Result<(PersonId, EntryId), EditError> {
        self.lock().split_person(person, templates)
    }

    /// Names a person, as [`Gallery::set_name`].
    ///
    /// # Errors
    /// As for [`Gallery::set_name`].
    pub fn set_name(&self, person: PersonId, name: Option<&str>) -> Result<EntryId, EditError> {
        self.lock().set_name(person, name)
    }

    /// Undoes an edit, as [`Gallery::undo`].
    ///
    /// # Errors
    /// As for [`Gallery::undo`].
    pub fn undo(&self, entry: EntryId) -> Result<EntryId, EditError> {
        self.lock().undo(entry)
    }

    /// Forgets a person, as [`Gallery::remove`]. Returns false if the gallery does not know the person.
    pub fn remove(&self, person: PersonId) -> bool {
        self.lock().remove(person)
    }

    /// Returns all persons, sorted by number. The list is empty if the gallery is empty.
    #[must_use]
    pub fn persons(&self) -> Vec<GalleryPerson> {
        self.lock().iter().collect()
    }

    /// Returns the number of persons.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns true if there are no persons.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Writes what waits for the journal, as [`Gallery::flush`].
    ///
    /// # Errors
    /// As for [`Gallery::flush`].
    pub fn flush(&self) -> Result<(), SinkError> {
        self.lock().flush()
    }

    /// Returns the counts of the journal, as [`Gallery::journal_counts`].
    #[must_use]
    pub fn journal_counts(&self) -> JournalCounts {
        self.lock().journal_counts()
    }

    fn lock(&self) -> MutexGuard<'_, Gallery> {
        self.gallery.lock().unwrap_or_else(|poisoned| {
            // The panic may have left the gallery half changed.
            let mut gallery = poisoned.into_inner();
            gallery.restart();
            self.gallery.clear_poison();
            gallery
        })
    }
}

impl Identifier for SharedGallery {
    fn identify(&mut self, sightings: &[Sighting], visible: &[TrackKey]) {
        self.lock().identify_with(self.min_enroll_views, sightings, visible);
    }

    fn identity(&self, track: TrackKey) -> Identity {
        self.lock().identity(track)
    }

    fn needs_look(&self, track: TrackKey) -> bool {
        self.lock().needs_look(track)
    }

    fn split(&mut self, renumber: &mut dyn FnMut(TrackKey) -> Option<TrackKey>) {
        self.lock().split(renumber);
    }

    fn end(&mut self, track: TrackKey) {
        self.lock().end(track);
    }
}

/// Prints counts only.
impl fmt::Debug for SharedGallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedGallery").field(&*self.lock()).finish()
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::direction;

    use super::*;

    #[test]
    fn a_panic_leaves_an_empty_gallery_with_the_same_policy() {
        let gallery = SharedGallery::new(GalleryPolicy { max_persons: 7, ..GalleryPolicy::default() });
        gallery.enroll(&[direction(1, 0)]).unwrap();
        std::thread::scope(|scope| {
            let call = scope.spawn(|| {
                let _gallery = gallery.lock();
                panic!("a call that panics while it changes the gallery");
            });
            assert!(call.join().is_err());
        });
        assert!(gallery.is_empty());
        assert_eq!(gallery.lock().policy().max_persons, 7);
    }
}
