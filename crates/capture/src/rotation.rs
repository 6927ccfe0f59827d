//! Rotates pictures upright.

use std::sync::Arc;

use passerby_types::{CodedPicture, ColorSpace, FramePool, Image, ImageError, PixelLayout};

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
    /// Returns the rotation by this number of degrees, clockwise: 90, 180 or 270.
    pub(crate) fn by_degrees(degrees: u32) -> Option<Self> {
        let (transpose, mirror_x, mirror_y) = match degrees {
            90 => (true, true, false),
            180 => (false, true, true),
            270 => (true, false, true),
            _ => return None,
        };
        Some(Self { transpose, mirror_x, mirror_y })
    }

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

    /// Returns the degrees of the rotation, clockwise, or `None` if the picture is mirrored as well.
    pub(crate) fn degrees(self) -> Option<u16> {
        match (self.transpose, self.mirror_x, self.mirror_y) {
            (false, false, false) => Some(0),
            (true, true, false) => Some(90),
            (false, true, true) => Some(180),
            (true, false, true) => Some(270),
            _ => None,
        }
    }

    /// Adds this rotation to that of a coded picture. Returns `None` if this rotation mirrors the picture, which a number of degrees
    /// cannot say.
    pub(crate) fn apply_to_coded(self, coded: Option<Arc<CodedPicture>>) -> Option<Arc<CodedPicture>> {
        let degrees = self.degrees()?;
        let mut coded = coded?;
        if degrees > 0 {
            let picture = Arc::make_mut(&mut coded);
            picture.rotation = (picture.rotation + degrees) % 360;
        }
        Some(coded)
    }

    /// Returns the rotated picture, or `image` itself if it is upright already. A `Yuyv` picture becomes an `Rgb8` one, because two
    /// of its pixels share their colour.
    pub(crate) fn apply(self, image: Image, pool: &FramePool) -> Result<Image, ImageError> {
        if self == Self::default() {
            return Ok(image);
        }
        let image = match image.layout() {
            PixelLayout::Yuyv => {
                let (width, height) = (image.width(), image.height());
                Image::from_vec(PixelLayout::Rgb8, width, height, ColorSpace::JPEG, image.to_rgb())?
            }
            _ => image,
        };
        let mut width = image.width();
        let mut height = image.height();
        if self.transpose {
            std::mem::swap(&mut width, &mut height);
        }
        let mut out = Image::new_in(pool, image.layout(), width, height, image.color())?;
        for plane in 0..image.layout().planes() {
            match (image.layout(), plane) {
                (PixelLayout::Nv12, 1) => self.rotate_plane::<2>(&image, &mut out, plane),
                (PixelLayout::Rgb8, _) => self.rotate_plane::<3>(&image, &mut out, plane),
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
    fn degrees_are_clockwise() {
        let turned = |degrees| {
            let rotation = Rotation::by_degrees(degrees).unwrap();
            let image = rotation.apply(grey(3, &[1, 2, 3, 4, 5, 6]), &FramePool::default()).unwrap();
            image.plane(0).data.to_vec()
        };
        assert_eq!(turned(90), [4, 1, 5, 2, 6, 3]);
        assert_eq!(turned(180), [6, 5, 4, 3, 2, 1]);
        assert_eq!(turned(270), [3, 6, 2, 5, 1, 4]);
        assert_eq!(Rotation::by_degrees(45), None);
        let back = [90, 180, 270].map(|degrees| Rotation::by_degrees(degrees).and_then(Rotation::degrees));
        assert_eq!(back, [Some(90), Some(180), Some(270)]);
        assert_eq!(Rotation { mirror_x: true, ..Rotation::default() }.degrees(), None);
    }

    #[test]
    fn every_layout_keeps_its_colours() {
        for layout in [PixelLayout::I420, PixelLayout::Nv12, PixelLayout::Yuyv, PixelLayout::Rgb8] {
            let len = layout.tight_len(4, 2);
            // Smooth in each plane, so that shared chroma stays with its pixels.
            let data: Vec<u8> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
            let image = Image::from_vec(layout, 4, 2, ColorSpace::default(), data).unwrap();
            let half = Rotation::by_degrees(180).unwrap();
            let out = half.apply(image.clone(), &FramePool::default()).unwrap();
            for (x, y) in [(0, 0), (3, 1), (1, 0), (2, 1)] {
                assert_eq!(out.rgb_at(3 - x, 1 - y), image.rgb_at(x, y), "{layout:?} at {x}, {y}");
            }
        }
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
