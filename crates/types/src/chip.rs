//! The parts of frames around single faces, for embedders and classifiers.

use std::fmt;
use std::sync::Arc;

use crate::face::Face;
use crate::frame::{Frame, FrameMeta};
use crate::image::{Image, ImageError, Region};
use crate::pool::FramePool;
use crate::recycler::Recycler;

/// The part of a frame around one face, in the frame's own layout, and the face in the chip's pixels.
///
/// A chip is small, so it can wait in a queue while the frame is freed. It is wide enough for every usual alignment: a square
/// of [`FaceChip::MARGIN`] times the longer side of the face's box, cut to the picture. A point outside the chip is therefore
/// outside the picture.
///
/// ```
/// use passerby_types::{BBox, ChipPool, ColorSpace, Face, FaceChip, Frame, FrameMeta, Image, PixelLayout};
///
/// let image = Image::from_vec(PixelLayout::Gray8, 100, 100, ColorSpace::JPEG, vec![0; 10_000])?;
/// let frame = Frame::new(FrameMeta::new(0, 0), image);
/// let face = Face::new(BBox::from_xywh(40.0, 40.0, 20.0, 20.0), 0.9);
///
/// let chip = FaceChip::cut(&frame, &face, &ChipPool::default())?;
/// assert_eq!(chip.image.width(), 40);
/// assert_eq!(chip.face.bbox, BBox::from_xywh(10.0, 10.0, 20.0, 20.0));
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
#[derive(Clone)]
pub struct FaceChip {
    /// The number and the times of the frame.
    pub meta: FrameMeta,
    /// The pixels of the chip.
    pub image: Arc<Image>,
    /// The face, in pixels of `image`.
    pub face: Face,
}

impl FaceChip {
    /// The side of a chip divided by the longer side of the face's box. The 112x112 alignment of a face spans 1.3 times its
    /// height if it is upright, and 1.8 times if it is turned by 45 degrees.
    pub const MARGIN: f32 = 2.0;

    /// Cuts the chip of `face` out of `frame`.
    ///
    /// # Errors
    /// [`ImageError::Size`] if the face has no pixels, because its box is empty or lies outside the picture.
    pub fn cut(frame: &Frame, face: &Face, pool: &ChipPool) -> Result<Self, ImageError> {
        let none = ImageError::Size { width: 0, height: 0 };
        if face.bbox.is_empty() {
            return Err(none);
        }
        let center = face.bbox.center();
        let half = face.bbox.width().max(face.bbox.height()) * Self::MARGIN / 2.0;
        let span = |middle: f32, limit: u32| {
            let low = (middle - half).floor().clamp(0.0, limit as f32) as u32;
            let high = (middle + half).ceil().clamp(0.0, limit as f32) as u32;
            (low, high - low)
        };
        let (x, width) = span(center.x, frame.image.width());
        let (y, height) = span(center.y, frame.image.height());
        if width == 0 || height == 0 {
            return Err(none);
        }
        let (image, at) = frame.image.crop(Region { x, y, width, height }, &pool.pixels)?;
        let face = face.shifted(-(at.x as f32), -(at.y as f32));
        Ok(Self { meta: frame.meta, image: pool.images.share(image), face })
    }
}

/// The memory of chips, used again: a chip's pixels come back when the chip is dropped, and its `Arc` when it is given
/// to [`ChipPool::give_back`]. A steady stream of chips then allocates nothing.
#[derive(Debug)]
pub struct ChipPool {
    pixels: FramePool,
    images: Recycler<Arc<Image>>,
}

impl ChipPool {
    /// Creates a pool that keeps the memory of at most `keep` idle chips.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self { pixels: FramePool::new(keep), images: Recycler::new(keep) }
    }

    /// Takes a chip back. If a clone of the chip exists, this only drops the chip.
    pub fn give_back(&self, chip: FaceChip) {
        self.images.give_back_image(chip.image);
    }
}

impl Default for ChipPool {
    /// Creates a pool that keeps the memory of eight idle chips.
    fn default() -> Self {
        Self::new(8)
    }
}

/// Prints the frame and the size, never the face.
impl fmt::Debug for FaceChip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let w = self.image.width();
        let h = self.image.height();
        write!(f, "FaceChip({} frame {}, {w}x{h})", self.meta.camera, self.meta.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::BBox;
    use crate::image::{ColorSpace, PixelLayout};

    fn frame() -> Frame {
        let data = (0..PixelLayout::I420.tight_len(200, 100)).map(|i| (i % 256) as u8).collect();
        let image = Image::from_vec(PixelLayout::I420, 200, 100, ColorSpace::default(), data).unwrap();
        Frame::new(FrameMeta::new(0, 0), image)
    }

    fn cut(pool: &ChipPool, [x1, y1, x2, y2]: [f32; 4]) -> Result<FaceChip, ImageError> {
        FaceChip::cut(&frame(), &Face::new(BBox::new(x1, y1, x2, y2), 0.9), pool)
    }

    #[test]
    fn a_chip_holds_the_face_with_a_margin() {
        let chip = cut(&ChipPool::default(), [100.0, 40.0, 120.0, 60.0]).unwrap();
        assert_eq!((chip.image.width(), chip.image.height()), (40, 40));
        assert_eq!(chip.face.bbox, BBox::new(10.0, 10.0, 30.0, 30.0));
        assert_eq!(chip.image.rgb_at(10, 10), frame().image.rgb_at(100, 40));
    }

    #[test]
    fn a_chip_ends_at_the_edge_of_the_picture() {
        let corner = cut(&ChipPool::default(), [-10.0, -10.0, 10.0, 10.0]).unwrap();
        assert_eq!((corner.image.width(), corner.image.height()), (20, 20));
        assert!(cut(&ChipPool::default(), [0.0, 0.0, 1e30, 1e30]).is_ok());
    }

    #[test]
    fn a_face_without_pixels_has_no_chip() {
        assert!(cut(&ChipPool::default(), [300.0, 300.0, 320.0, 320.0]).is_err());
        assert!(cut(&ChipPool::default(), [f32::NAN, 0.0, 1.0, 1.0]).is_err());
    }

    #[test]
    fn a_pool_reuses_the_memory_of_a_chip() {
        let pool = ChipPool::default();
        let bbox = [100.0, 40.0, 120.0, 60.0];
        let chip = cut(&pool, bbox).unwrap();
        let place = Arc::as_ptr(&chip.image);
        let clone = chip.clone();
        pool.give_back(chip);
        assert_eq!(clone.image.rgb_at(10, 10), frame().image.rgb_at(100, 40), "the clone keeps its pixels");
        pool.give_back(clone);
        assert_eq!(Arc::as_ptr(&cut(&pool, bbox).unwrap().image), place);
    }
}
