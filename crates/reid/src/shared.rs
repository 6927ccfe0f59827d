//! One gallery for several pipelines.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use passerby_types::{Identifier, Identity, Sighting, TrackKey};

use crate::{Gallery, GalleryPolicy};

/// A handle to a [`Gallery`] that others hold, too: who is known to one is known to all. Each handle has a
/// [`GalleryPolicy::founding`] of its own, so that photographs and videos can be told apart in one gallery.
///
/// Every call waits for the calls of the other handles. The cameras of all handles need different numbers. A call that
/// panics leaves an empty gallery behind.
#[derive(Clone)]
pub struct SharedGallery {
    gallery: Arc<Mutex<Gallery>>,
    policy: GalleryPolicy,
}

impl SharedGallery {
    /// The first handle to an empty gallery that goes by `policy`. Its clones are further handles.
    #[must_use]
    pub fn new(policy: GalleryPolicy) -> Self {
        Self { gallery: Arc::new(Mutex::new(Gallery::with(policy.clone()))), policy }
    }

    /// The same handle with this [`GalleryPolicy::founding`].
    #[must_use]
    pub fn founding(mut self, founding: usize) -> Self {
        self.policy.founding = founding;
        self
    }

    /// The gallery, going by this handle's policy.
    fn lock(&self) -> MutexGuard<'_, Gallery> {
        let mut gallery = self.gallery.lock().unwrap_or_else(|broken| {
            // A panic left it half changed.
            let mut gallery = broken.into_inner();
            *gallery = Gallery::with(self.policy.clone());
            self.gallery.clear_poison();
            gallery
        });
        gallery.policy = self.policy.clone().checked();
        gallery
    }
}

impl Identifier for SharedGallery {
    fn identify(&mut self, sightings: &[Sighting], visible: &[TrackKey]) {
        self.lock().identify(sightings, visible);
    }

    fn identity(&self, track: TrackKey) -> Identity {
        self.lock().identity(track)
    }

    fn end(&mut self, track: TrackKey) {
        self.lock().end(track);
    }
}

/// Counts only.
impl fmt::Debug for SharedGallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedGallery").field(&*self.lock()).finish()
    }
}
