//! Pictures in the layout that their source returned.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "image")]
mod bridge;
mod color;
mod layout;
mod rgb;

pub use color::{ColorSpace, Matrix, Range};
pub use layout::PixelLayout;

use crate::pool::{Buffer, FramePool};
use crate::recycler::Recycler;

/// The error of a picture that cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// A side is 0 or larger than [`Image::MAX_SIDE`]. The caller should drop the picture.
    #[error("a picture of {width}x{height} pixels is impossible: a side has 1 to {} pixels", Image::MAX_SIDE)]
    Size {
        /// The width of the picture in pixels.
        width: u32,
        /// The height of the picture in pixels.
        height: u32,
    },
    /// The rows of a plane reach outside the buffer, or are shorter than the picture. The caller should check the offsets
    /// and strides.
    #[error(
        "plane {plane} of a {layout:?} picture of {width}x{height} does not fit: offset {offset}, stride {stride}, {len} bytes"
    )]
    Plane {
        /// The number of the plane, from 0.
        plane: usize,
        /// The layout of the picture.
        layout: PixelLayout,
        /// The width of the picture in pixels.
        width: u32,
        /// The height of the picture in pixels.
        height: u32,
        /// The offset of the plane in the buffer, in bytes.
        offset: usize,
        /// The bytes from one row to the next.
        stride: usize,
        /// The length of the buffer in bytes.
        len: usize,
    },
}

/// An upright picture: its layout, size, colour space and bytes.
///
/// A source must turn a picture that carries a rotation before it returns the picture.
///
/// A clone shares the bytes, so it is cheap and allocates nothing. If a picture is written while a clone exists, it copies its
/// bytes first, and the clone keeps its own.
///
/// ```
/// use passerby_types::{ColorSpace, Image, PixelLayout};
///
/// let mut image = Image::from_vec(PixelLayout::Gray8, 2, 1, ColorSpace::JPEG, vec![10, 20])?;
/// let clone = image.clone();
/// image.row_mut(0, 0).fill(99);
/// assert_eq!((image.rgb_at(1, 0), clone.rgb_at(1, 0)), ([99; 3], [20; 3]));
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
#[derive(Clone)]
pub struct Image {
    layout: PixelLayout,
    width: u32,
    height: u32,
    color: ColorSpace,
    offsets: [usize; 3],
    strides: [usize; 3],
    data: Buffer,
}

/// One plane of an [`Image`].
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The bytes from the first row on. The last row may end without padding.
    pub data: &'a [u8],
    /// The bytes from one row to the next.
    pub stride: usize,
    /// The bytes of a row that belong to the picture.
    pub row_len: usize,
    /// The number of rows.
    pub rows: usize,
}

impl<'a> Plane<'a> {
    /// Returns row `y`, without padding.
    ///
    /// # Panics
    /// If `y` is not below `rows`.
    #[must_use]
    #[inline]
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.data[y * self.stride..][..self.row_len]
    }
}

impl fmt::Debug for Plane<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plane({}x{}, stride {})", self.row_len, self.rows, self.stride)
    }
}

/// A rectangle of whole pixels inside a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
}

impl Image {
    /// The longest side a picture may have, in pixels.
    pub const MAX_SIDE: u32 = 32_768;

    /// Creates a picture from bytes without padding, one plane after another.
    ///
    /// # Errors
    /// [`ImageError::Size`] for an impossible size, [`ImageError::Plane`] if there are too few bytes.
    pub fn from_vec(
        layout: PixelLayout,
        width: u32,
        height: u32,
        color: ColorSpace,
        data: Vec<u8>,
    ) -> Result<Self, ImageError> {
        let (offsets, strides, _) = layout.tight(width, height);
        Self::from_planes(layout, width, height, color, offsets, strides, data.into())
    }

    /// Creates a picture whose planes start at `offsets` and whose rows are `strides` bytes apart. Ignores the entries beyond
    /// the layout's planes.
    ///
    /// # Errors
    /// [`ImageError::Size`] for an impossible size, [`ImageError::Plane`] for a plane that does not fit its buffer.
    pub fn from_planes(
        layout: PixelLayout,
        width: u32,
        height: u32,
        color: ColorSpace,
        offsets: [usize; 3],
        strides: [usize; 3],
        data: Buffer,
    ) -> Result<Self, ImageError> {
        let side = 1..=Self::MAX_SIDE;
        if !side.contains(&width) || !side.contains(&height) {
            return Err(ImageError::Size { width, height });
        }
        for plane in 0..layout.planes() {
            let (row, rows) = layout.plane_size(plane, width, height);
            let offset = offsets[plane];
            let stride = strides[plane];
            let end = stride
                .checked_mul(rows - 1)
                .and_then(|n| n.checked_add(offset))
                .and_then(|n| n.checked_add(row));
            if stride < row || end.is_none_or(|end| end > data.len()) {
                return Err(ImageError::Plane {
                    plane,
                    layout,
                    width,
                    height,
                    offset,
                    stride,
                    len: data.len(),
                });
            }
        }
        Ok(Self { layout, width, height, color, offsets, strides, data })
    }

    /// Creates a picture without padding in a buffer of `pool`. Its pixels are left over from the buffer's last use: the
    /// caller must write every row of every plane.
    ///
    /// # Errors
    /// [`ImageError::Size`] for an impossible size.
    pub fn new_in(
        pool: &FramePool,
        layout: PixelLayout,
        width: u32,
        height: u32,
        color: ColorSpace,
    ) -> Result<Self, ImageError> {
        let side = 1..=Self::MAX_SIDE;
        if !side.contains(&width) || !side.contains(&height) {
            return Err(ImageError::Size { width, height });
        }
        let (offsets, strides, len) = layout.tight(width, height);
        Self::from_planes(layout, width, height, color, offsets, strides, pool.take(len))
    }

    /// Gives the pixels back to their pool. The image must not be used any more.
    pub(crate) fn clear(&mut self) {
        self.data = Buffer::default();
    }

    /// Returns the layout of the pixels in memory.
    #[must_use]
    pub fn layout(&self) -> PixelLayout {
        self.layout
    }

    /// Returns the number of columns, at least 1.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the number of rows, at least 1.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the colour space.
    #[must_use]
    pub fn color(&self) -> ColorSpace {
        self.color
    }

    /// Returns plane `index`.
    ///
    /// # Panics
    /// If the layout has no such plane.
    #[must_use]
    pub fn plane(&self, index: usize) -> Plane<'_> {
        assert!(index < self.layout.planes(), "{:?} has no plane {index}", self.layout);
        let (row_len, rows) = self.layout.plane_size(index, self.width, self.height);
        Plane { data: &self.data[self.offsets[index]..], stride: self.strides[index], row_len, rows }
    }

    /// Returns row `y` of plane `index` to write to. Copies the bytes of the picture first if a clone shares them.
    ///
    /// # Panics
    /// If the layout has no such plane or the plane no such row.
    #[must_use]
    pub fn row_mut(&mut self, index: usize, y: usize) -> &mut [u8] {
        assert!(index < self.layout.planes(), "{:?} has no plane {index}", self.layout);
        let (row_len, rows) = self.layout.plane_size(index, self.width, self.height);
        assert!(y < rows, "plane {index} has {rows} rows, not {y}");
        &mut self.data[self.offsets[index] + y * self.strides[index]..][..row_len]
    }

    /// Returns the colour of one pixel as RGB. If the chroma is subsampled, it takes the chroma sample of the pixel and does
    /// not interpolate.
    ///
    /// This is the plain and slow definition that tests compare fast kernels with. Use [`Image::to_rgb`] for a whole
    /// picture.
    ///
    /// # Panics
    /// If (x, y) lies outside the picture.
    #[must_use]
    pub fn rgb_at(&self, x: u32, y: u32) -> [u8; 3] {
        assert!(x < self.width && y < self.height, "({x}, {y}) lies outside {}x{}", self.width, self.height);
        let x = x as usize;
        let y = y as usize;
        let first = self.plane(0).row(y);
        match self.layout {
            PixelLayout::I420 => {
                self.color.rgb(first[x], self.plane(1).row(y / 2)[x / 2], self.plane(2).row(y / 2)[x / 2])
            }
            PixelLayout::Nv12 => {
                let chroma = &self.plane(1).row(y / 2)[x / 2 * 2..];
                self.color.rgb(first[x], chroma[0], chroma[1])
            }
            PixelLayout::Yuyv => {
                let pair = &first[x / 2 * 4..];
                self.color.rgb(pair[x % 2 * 2], pair[1], pair[3])
            }
            PixelLayout::Rgb8 => [first[3 * x], first[3 * x + 1], first[3 * x + 2]],
            PixelLayout::Gray8 => self.color.rgb(first[x], 128, 128),
        }
    }

    /// Returns a copy of `region` in the same layout, and the region that was copied.
    ///
    /// First widens the region to the left and top until it begins with a whole chroma sample, and cuts it to the picture.
    ///
    /// # Errors
    /// [`ImageError::Size`] if the region and the picture have no pixel in common.
    pub fn crop(&self, region: Region, pool: &FramePool) -> Result<(Self, Region), ImageError> {
        let grid_y = if matches!(self.layout, PixelLayout::I420 | PixelLayout::Nv12) { 2 } else { 1 };
        let grid_x = if matches!(self.layout, PixelLayout::Rgb8 | PixelLayout::Gray8) { 1 } else { 2 };
        let x = region.x / grid_x * grid_x;
        let y = region.y / grid_y * grid_y;
        let width = region.x.saturating_add(region.width).min(self.width).saturating_sub(x);
        let height = region.y.saturating_add(region.height).min(self.height).saturating_sub(y);
        let mut copy = Self::new_in(pool, self.layout, width, height, self.color)?;
        for index in 0..self.layout.planes() {
            let from = self.plane(index);
            let (row_len, rows) = self.layout.plane_size(index, width, height);
            let (skip_bytes, skip_rows) = self.layout.plane_size(index, x, y);
            for row in 0..rows {
                copy.row_mut(index, row).copy_from_slice(&from.row(skip_rows + row)[skip_bytes..][..row_len]);
            }
        }
        Ok((copy, Region { x, y, width, height }))
    }
}

/// Prints size and layout only: the pixels may be a face.
impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({:?} {}x{} {:?})", self.layout, self.width, self.height, self.color)
    }
}

impl Recycler<Arc<Image>> {
    /// Gives the image's pixels back to their pool, and keeps its `Arc` for [`Recycler::share`]. If another handle to
    /// the image exists, this only drops `image`.
    pub fn give_back_image(&self, image: Arc<Image>) {
        self.give_back_shared(image, Image::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAYOUTS: [PixelLayout; 5] =
        [PixelLayout::I420, PixelLayout::Nv12, PixelLayout::Yuyv, PixelLayout::Rgb8, PixelLayout::Gray8];

    fn noise(layout: PixelLayout, width: u32, height: u32) -> Image {
        let bytes = (0..layout.tight_len(width, height)).map(|i| (i * 7919 % 251) as u8).collect();
        Image::from_vec(layout, width, height, ColorSpace::default(), bytes).unwrap()
    }

    #[test]
    fn an_impossible_size_is_an_error() {
        assert_eq!(
            Image::from_vec(PixelLayout::Rgb8, 0, 4, ColorSpace::default(), vec![]).unwrap_err(),
            ImageError::Size { width: 0, height: 4 }
        );
    }

    #[test]
    fn too_few_bytes_are_an_error() {
        let color = ColorSpace::default();
        for layout in LAYOUTS {
            let len = layout.tight_len(5, 3);
            assert!(Image::from_vec(layout, 5, 3, color, vec![0; len]).is_ok());
            assert!(Image::from_vec(layout, 5, 3, color, vec![0; len - 1]).is_err());
        }
    }

    #[test]
    fn a_plane_outside_the_buffer_is_an_error() {
        let color = ColorSpace::default();
        for layout in LAYOUTS {
            let bytes = vec![0; layout.tight_len(5, 3)].into();
            let huge = Image::from_planes(layout, 5, 3, color, [usize::MAX; 3], [usize::MAX; 3], bytes);
            assert!(huge.is_err());
        }
    }

    #[test]
    fn a_clone_keeps_its_pixels_if_the_image_is_written() {
        let pool = FramePool::new(2);
        let mut image = Image::new_in(&pool, PixelLayout::Gray8, 4, 2, ColorSpace::JPEG).unwrap();
        (0..2).for_each(|y| image.row_mut(0, y).fill(7));
        let clone = image.clone();
        assert_eq!(pool.stats().allocated, 1, "a clone shares the bytes");
        image.row_mut(0, 1).fill(9);
        assert_eq!((clone.rgb_at(0, 1), image.rgb_at(0, 1)), ([7; 3], [9; 3]));
        assert_eq!(image.rgb_at(0, 0), [7; 3]);
    }

    #[test]
    fn a_crop_beside_the_picture_is_an_error() {
        let image = noise(PixelLayout::Rgb8, 8, 8);
        assert!(image.crop(Region { x: 8, y: 0, width: 4, height: 4 }, &FramePool::default()).is_err());
        assert!(image.crop(Region { x: 0, y: 0, width: 0, height: 4 }, &FramePool::default()).is_err());
    }

    proptest! {
        #[test]
        fn to_rgb_equals_rgb_at(
            layout in prop::sample::select(&LAYOUTS[..]), w in 1u32..200, h in 1u32..8, bt709: bool, full: bool, pad in 0usize..9,
        ) {
            let color = ColorSpace {
                matrix: if bt709 { Matrix::Bt709 } else { Matrix::Bt601 },
                range: if full { Range::Full } else { Range::Limited },
            };
            let mut offsets = [0; 3];
            let mut strides = [0; 3];
            let mut len = 0;
            for plane in 0..layout.planes() {
                let (row, rows) = layout.plane_size(plane, w, h);
                offsets[plane] = len + pad;
                strides[plane] = row + pad;
                len += pad + (row + pad) * rows;
            }
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7919 % 251) as u8).collect();
            let image = Image::from_planes(layout, w, h, color, offsets, strides, bytes.into()).unwrap();
            let rgb = image.to_rgb();
            prop_assert_eq!(rgb.len(), (3 * w * h) as usize);
            for (i, pixel) in rgb.chunks_exact(3).enumerate() {
                let i = i as u32;
                prop_assert_eq!(pixel, image.rgb_at(i % w, i / w));
            }
        }

        #[test]
        fn a_crop_keeps_every_pixel(
            layout in prop::sample::select(&LAYOUTS[..]), w in 1u32..40, h in 1u32..40,
            x in 0u32..40, y in 0u32..40, cw in 1u32..50, ch in 1u32..50,
        ) {
            prop_assume!(x < w && y < h);
            let image = noise(layout, w, h);
            let (copy, at) = image.crop(Region { x, y, width: cw, height: ch }, &FramePool::default()).unwrap();
            prop_assert!(at.x <= x && at.y <= y);
            prop_assert_eq!((at.x + at.width, at.y + at.height), ((x + cw).min(w), (y + ch).min(h)));
            for cy in 0..at.height {
                for cx in 0..at.width {
                    prop_assert_eq!(copy.rgb_at(cx, cy), image.rgb_at(at.x + cx, at.y + cy));
                }
            }
        }
    }
}
