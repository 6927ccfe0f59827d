//! One way to read every layout: three channels, the planes they lie in, and the matrix that makes them RGB.

use passerby_cnn::pixels::{Colors, Plane};
use passerby_types::{Image, PixelLayout};

use super::Normalize;

/// A picture as three channels: Y', Cb, Cr or red, green, blue. A grey picture has the first alone.
pub(super) struct Channels<'a> {
    planes: [Plane<'a>; 3],
    count: usize,
    /// Red, green and blue as `m[0] * first + m[1] * second + m[2] * third + m[3]`, before the clamp to 0..=255.
    rgb: [[f32; 4]; 3],
}

impl<'a> Channels<'a> {
    pub(super) fn of(image: &'a Image) -> Self {
        let plane = |index, step, block, bytes| {
            let from = image.plane(index);
            let columns = from.row_len / step;
            Plane { data: from.data, stride: from.stride, columns, rows: from.rows, step, bytes, block }
        };
        let one = |c: usize| std::array::from_fn(|i| (i == c).then_some(0));
        let whole = (1, 1);
        let first = plane(0, 1, whole, one(0));
        let (planes, count) = match image.layout() {
            PixelLayout::I420 => ([first, plane(1, 1, (2, 2), one(1)), plane(2, 1, (2, 2), one(2))], 3),
            PixelLayout::Nv12 => ([first, plane(1, 2, (2, 2), [None, Some(0), Some(1)]), first], 2),
            PixelLayout::Yuyv => {
                let luma = Plane { columns: image.width() as usize, ..plane(0, 2, whole, one(0)) };
                ([luma, plane(0, 4, (2, 1), [None, Some(1), Some(3)]), luma], 2)
            }
            PixelLayout::Rgb8 => ([plane(0, 3, whole, [Some(0), Some(1), Some(2)]); 3], 1),
            PixelLayout::Gray8 => ([first; 3], 1),
        };
        Self { planes, count, rgb: matrix(image) }
    }

    /// The planes, each with one or more of the channels, none of which is in two.
    pub(super) fn planes(&self) -> &[Plane<'a>] {
        &self.planes[..self.count]
    }

    /// The planes of the channels in their order: one for a grey picture, else three.
    pub(super) fn by_channel(&self) -> impl Iterator<Item = &Plane<'a>> {
        (0..3).filter_map(|c| self.planes().iter().find(|plane| plane.bytes[c].is_some()))
    }

    /// The plane of the second channel and, here or in another like it, the third; `None` for a grey picture.
    pub(super) fn chroma(&self) -> Option<&Plane<'a>> {
        self.by_channel().nth(1)
    }

    /// From the channels to a network's.
    pub(super) fn colors(&self, normalize: &Normalize) -> Colors {
        let matrix = std::array::from_fn(|c| self.rgb[normalize.source(c)]);
        Colors { matrix, mean: normalize.mean, scale: normalize.scale }
    }
}

fn matrix(image: &Image) -> [[f32; 4]; 3] {
    let [offset, gain, r_v, g_u, g_v, b_u] = image.color().coefficients();
    let black = -offset * gain;
    match image.layout() {
        PixelLayout::Rgb8 => [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
        PixelLayout::Gray8 => [[gain, 0.0, 0.0, black]; 3],
        PixelLayout::I420 | PixelLayout::Nv12 | PixelLayout::Yuyv => {
            [[0.0, r_v], [g_u, g_v], [b_u, 0.0]].map(|[u, v]| [gain, u, v, black - 128.0 * (u + v)])
        }
    }
}
