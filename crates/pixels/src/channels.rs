//! A uniform view of every layout: three channels, their planes, and the matrix from them to RGB.

use passerby_cnn::resample::{ColorTransform, SamplePlane};
use passerby_types::{Image, PixelLayout};

use crate::normalize::Normalize;

/// An image as three channels: Y', Cb, Cr or red, green, blue. A grey image has only the first.
pub(crate) struct Channels<'a> {
    planes: [SamplePlane<'a>; 3],
    count: usize,
    /// The matrix to red, green and blue: `m[0] * first + m[1] * second + m[2] * third + m[3]`, before the limit to 0
    /// to 255.
    rgb: [[f32; 4]; 3],
}

impl<'a> Channels<'a> {
    pub(crate) fn new(image: &'a Image) -> Self {
        let plane = |index, step, block, bytes| {
            let from = image.plane(index);
            let columns = from.row_len / step;
            SamplePlane { data: from.data, stride: from.stride, columns, rows: from.rows, step, bytes, block }
        };
        let one = |c: usize| std::array::from_fn(|i| (i == c).then_some(0));
        let whole = (1, 1);
        let first = plane(0, 1, whole, one(0));
        let (planes, count) = match image.layout() {
            PixelLayout::I420 => ([first, plane(1, 1, (2, 2), one(1)), plane(2, 1, (2, 2), one(2))], 3),
            PixelLayout::Nv12 => ([first, plane(1, 2, (2, 2), [None, Some(0), Some(1)]), first], 2),
            PixelLayout::Yuyv => {
                let luma = SamplePlane { columns: image.width() as usize, ..plane(0, 2, whole, one(0)) };
                ([luma, plane(0, 4, (2, 1), [None, Some(1), Some(3)]), luma], 2)
            }
            PixelLayout::Rgb8 => ([plane(0, 3, whole, [Some(0), Some(1), Some(2)]); 3], 1),
            PixelLayout::Gray8 => ([first; 3], 1),
        };
        Self { planes, count, rgb: rgb_matrix(image) }
    }

    /// Returns the planes. Each has one or more channels, and no channel is in two planes.
    pub(crate) fn planes(&self) -> &[SamplePlane<'a>] {
        &self.planes[..self.count]
    }

    /// Returns the planes of the channels in their order: one for a grey image, otherwise three.
    pub(crate) fn by_channel(&self) -> impl Iterator<Item = &SamplePlane<'a>> {
        (0..3).filter_map(|c| self.planes().iter().find(|plane| plane.bytes[c].is_some()))
    }

    /// Returns the plane of the second channel, or `None` for a grey image. The third channel is in the same plane or
    /// in another of the same shape.
    pub(crate) fn chroma(&self) -> Option<&SamplePlane<'a>> {
        self.by_channel().nth(1)
    }

    /// Returns the transform from the channels to the input of a network.
    pub(crate) fn colors(&self, normalize: &Normalize) -> ColorTransform {
        let matrix = std::array::from_fn(|c| self.rgb[normalize.rgb_index(c)]);
        ColorTransform { matrix, mean: normalize.mean, scale: normalize.scale }
    }
}

fn rgb_matrix(image: &Image) -> [[f32; 4]; 3] {
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
