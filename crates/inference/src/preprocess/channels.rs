//! One way to read every layout: three channels, each a grid of samples, and the matrix that makes them RGB.

use passerby_types::{Image, PixelLayout, Plane};

/// One of the three channels of a picture (Y', Cb, Cr or red, green, blue), where it lies.
#[derive(Clone, Copy)]
pub(super) struct Channel<'a> {
    /// The plane it lies in.
    pub(super) plane: Plane<'a>,
    /// The byte of a row at which its first sample lies.
    pub(super) first: usize,
    /// The bytes from one sample to the next.
    pub(super) step: usize,
    /// The pixels that share a sample: columns and rows. A sample stands in the middle of its block.
    pub(super) block: (usize, usize),
}

/// A picture as three channels. A grey picture has its one channel three times; the matrix looks at the first.
pub(super) struct Channels<'a> {
    pub(super) list: [Channel<'a>; 3],
    gray: bool,
    /// Red, green and blue as `m[0] * first + m[1] * second + m[2] * third + m[3]`, before the clamp to 0..=255.
    pub(super) rgb: [[f32; 4]; 3],
}

impl<'a> Channels<'a> {
    pub(super) fn of(image: &'a Image) -> Self {
        let channel = |plane, first, step, block| Channel { plane: image.plane(plane), first, step, block };
        let whole = (1, 1);
        let list = match image.layout() {
            PixelLayout::I420 => {
                [channel(0, 0, 1, whole), channel(1, 0, 1, (2, 2)), channel(2, 0, 1, (2, 2))]
            }
            PixelLayout::Nv12 => {
                [channel(0, 0, 1, whole), channel(1, 0, 2, (2, 2)), channel(1, 1, 2, (2, 2))]
            }
            PixelLayout::Yuyv => {
                [channel(0, 0, 2, whole), channel(0, 1, 4, (2, 1)), channel(0, 3, 4, (2, 1))]
            }
            PixelLayout::Rgb8 => [0, 1, 2].map(|first| channel(0, first, 3, whole)),
            PixelLayout::Gray8 => [channel(0, 0, 1, whole); 3],
        };
        Self { list, gray: image.layout() == PixelLayout::Gray8, rgb: matrix(image) }
    }

    /// True where the three channels are one.
    pub(super) fn is_gray(&self) -> bool {
        self.gray
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
