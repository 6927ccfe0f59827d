//! The places behind `Arc`s of pictures, used again and again.

use std::sync::{Arc, Mutex, PoisonError};

use crate::image::Image;

/// Shares pictures and takes what they were shared by back, so that a steady stream of frames allocates nothing.
///
/// What waits on the shelf holds no pixels: a picture's buffer goes home when the picture is taken back.
#[derive(Debug)]
pub struct Shelf {
    idle: Mutex<Vec<Arc<Image>>>,
    keep: usize,
}

impl Shelf {
    /// A shelf that keeps at most `keep` places.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self { idle: Mutex::new(Vec::with_capacity(keep)), keep }
    }

    /// The picture, to be shared.
    #[must_use]
    pub fn share(&self, image: Image) -> Arc<Image> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut shared) = idle else { return Arc::new(image) };
        match Arc::get_mut(&mut shared) {
            Some(place) => *place = image,
            None => shared = Arc::new(image),
        }
        shared
    }

    /// Takes a picture back where nobody else has it. Where somebody has, or the shelf is full, this only drops it.
    pub fn take_back(&self, mut shared: Arc<Image>) {
        if let Some(image) = Arc::get_mut(&mut shared) {
            image.clear();
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < self.keep {
                idle.push(shared);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColorSpace, FramePool, PixelLayout};

    #[test]
    fn what_nobody_has_any_more_is_used_again_and_its_pixels_go_home() {
        let (shelf, pool) = (Shelf::new(1), FramePool::new(1));
        let picture = || Image::new_in(&pool, PixelLayout::Gray8, 4, 2, ColorSpace::JPEG).unwrap();
        let first = shelf.share(picture());
        let (place, other) = (Arc::as_ptr(&first), Arc::clone(&first));
        shelf.take_back(first);
        assert_eq!((other.width(), other.plane(0).row(1).len()), (4, 4), "somebody has it still");
        shelf.take_back(other);
        let second = shelf.share(picture());
        assert_eq!((Arc::as_ptr(&second), second.height()), (place, 2));
        assert_eq!((pool.stats().allocated, pool.stats().reused), (1, 1));
        let third = shelf.share(picture());
        shelf.take_back(second);
        shelf.take_back(third);
        assert_eq!(shelf.idle.lock().unwrap().len(), 1);
    }
}
