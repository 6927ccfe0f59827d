//! Rotates pictures upright.

use passerby_types::{FramePool, Image, ImageError, PixelLayout};

/// The steps from a stored picture to an upright one: optionally transpose it, then optionally mirror it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Swap x and y.
    pub(crate) transpose: bool,
    /// Then mirror left and right.
    pub(crate) mirror_x: bool,
    /// Then mirror top and bottom.
    pub(crate) mirror_y: bool,
}

impl Rotation {
    /// Returns the rotation after which the stored picture's x axis points along `right` and its y axis along `down`.
    ///
    /// The coordinates must be -1, 0 or 1. If the axes aren't a rotation by quarter turns, the picture stays as it is.
    #[cfg(any(feature = "libav", feature = "video", test))]
    pub(crate) fn from_axes(right: [i32; 2], down: [i32; 2]) -> Self {
        match (right, down) {
            ([x @ (1 | -1), 0], [0, y @ (1 | -1)]) => {
                Self { transpose: false, mirror_x: x < 0, mirror_y: y < 0 }
            }
            ([0, y @ (1 | -1)], [x @ (1 | -1), 0]) => {
                Self { transpose: true, mirror_x: x < 0, mirror_y: y < 0 }
            }
            _ => Self::default(),
        }
    }

    /// Returns the rotated picture, or `image` itself if it is upright already.
    pub(crate) fn apply(self, image: Image, pool: &FramePool) -> Result<Image, ImageError> {
        if self == Self::default() {
            return Ok(image);
        }
        let mut width = image.width();
        let mut height = image.height();
        if self.transpose {
            std::mem::swap(&mut width, &mut height);
        }
        let mut out = Image::new_in(pool, image.layout(), width, height, image.color())?;
        for plane in 0..image.layout().planes() {
            match image.layout() {
                PixelLayout::Rgb8 => self.rotate_plane::<3>(&image, &mut out, plane),
                _ => self.rotate_plane::<1>(&image, &mut out, plane),
            }
        }
        Ok(out)
    }

    /// Rotates one plane, whose pixels have `N` bytes.
    fn rotate_plane<const N: usize>(self, image: &Image, out: &mut Image, index: usize) {
        let source = image.plane(index);
        let rows = out.plane(index).rows;
        let columns = out.plane(index).row_len / N;
        for y in 0..rows {
            let from_y = if self.mirror_y { rows - 1 - y } else { y };
            let target = out.row_mut(index, y);
            for (x, pixel) in target.chunks_exact_mut(N).enumerate() {
                let from_x = if self.mirror_x { columns - 1 - x } else { x };
                let (sx, sy) = if self.transpose { (from_y, from_x) } else { (from_x, from_y) };
                pixel.copy_from_slice(&source.data[sy * source.stride + sx * N..][..N]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use passerby_types::ColorSpace;

    fn grey(width: u32, bytes: &[u8]) -> Image {
        let height = bytes.len() as u32 / width;
        Image::from_vec(PixelLayout::Gray8, width, height, ColorSpace::JPEG, bytes.to_vec()).unwrap()
    }

    #[test]
    fn axes_give_quarter_turns_with_mirroring() {
        // 1 2 3
        // 4 5 6
        let rotated = |right, down| {
            let image = Rotation::from_axes(right, down)
                .apply(grey(3, &[1, 2, 3, 4, 5, 6]), &FramePool::default())
                .unwrap();
            (image.width(), image.plane(0).data.to_vec())
        };
        assert_eq!(rotated([1, 0], [0, 1]), (3, vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(rotated([-1, 0], [0, -1]), (3, vec![6, 5, 4, 3, 2, 1]));
        assert_eq!(rotated([-1, 0], [0, 1]), (3, vec![3, 2, 1, 6, 5, 4]));
        // A quarter clockwise: x points down, y points left.
        assert_eq!(rotated([0, 1], [-1, 0]), (2, vec![4, 1, 5, 2, 6, 3]));
        // A quarter anticlockwise: x points up, y points right.
        assert_eq!(rotated([0, -1], [1, 0]), (2, vec![3, 6, 2, 5, 1, 4]));
        assert_eq!(rotated([1, 1], [0, 1]), (3, vec![1, 2, 3, 4, 5, 6]), "not a quarter turn");
    }

    #[test]
    fn chroma_planes_of_odd_sizes_rotate_too() {
        let data: Vec<u8> = (0..PixelLayout::I420.tight_len(3, 5) as u8).collect();
        let image = Image::from_vec(PixelLayout::I420, 3, 5, ColorSpace::default(), data).unwrap();
        let rotation = Rotation::from_axes([0, 1], [-1, 0]);
        let out = rotation.apply(image, &FramePool::default()).unwrap();
        assert_eq!((out.width(), out.height()), (5, 3));
        assert_eq!(out.plane(1).row(0), [19, 17, 15]);
        assert_eq!(out.plane(1).row(1), [20, 18, 16]);
    }
}
