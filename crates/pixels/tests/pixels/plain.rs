//! Comparison of the kernels with plain versions that work pixel by pixel in f64, over layouts, sizes, strides and
//! colour spaces.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use passerby_pixels::{Border, ChannelOrder, Letterbox, LetterboxScratch, Normalize, letterbox, warp};
use passerby_testkit::{LAYOUTS, noise};
use passerby_types::{ColorSpace, Image, Matrix, PixelLayout, Point, Range, Similarity};
use proptest::prelude::*;

/// Returns an image of noise whose rows are padded and whose planes lie apart.
fn padded(layout: PixelLayout, width: u32, height: u32, color: ColorSpace, pad: usize, seed: u64) -> Image {
    let tight = noise(layout, width, height, seed);
    let mut offsets = [0; 3];
    let mut strides = [0; 3];
    let mut bytes = vec![0xAA; pad];
    for index in 0..layout.planes() {
        let plane = tight.plane(index);
        offsets[index] = bytes.len();
        strides[index] = plane.row_len + pad;
        for y in 0..plane.rows {
            bytes.extend_from_slice(plane.row(y));
            bytes.extend(std::iter::repeat_n(0x55, pad));
        }
    }
    let end = bytes.len() - pad; // The last row may end without padding.
    bytes.truncate(end);
    Image::from_planes(layout, width, height, color, offsets, strides, bytes.into()).unwrap()
}

/// Returns the three stored samples of pixel (x, y). Pixels of one block share a chroma sample.
fn samples(image: &Image, x: usize, y: usize) -> [f64; 3] {
    let row = |plane: usize, y: usize| image.plane(plane).row(y);
    let bytes = match image.layout() {
        PixelLayout::I420 => [row(0, y)[x], row(1, y / 2)[x / 2], row(2, y / 2)[x / 2]],
        PixelLayout::Nv12 => [row(0, y)[x], row(1, y / 2)[x / 2 * 2], row(1, y / 2)[x / 2 * 2 + 1]],
        PixelLayout::Yuyv => [row(0, y)[2 * x], row(0, y)[x / 2 * 4 + 1], row(0, y)[x / 2 * 4 + 3]],
        PixelLayout::Rgb8 => [row(0, y)[3 * x], row(0, y)[3 * x + 1], row(0, y)[3 * x + 2]],
        PixelLayout::Gray8 => [row(0, y)[x], 128, 128],
    };
    bytes.map(f64::from)
}

/// Returns the pixels that share a sample of channel `c`.
fn block(layout: PixelLayout, c: usize) -> (usize, usize) {
    match (layout, c) {
        (PixelLayout::I420 | PixelLayout::Nv12, 1 | 2) => (2, 2),
        (PixelLayout::Yuyv, 1 | 2) => (2, 1),
        _ => (1, 1),
    }
}

/// Converts samples to RGB, limited to 0 to 255 but not rounded.
fn rgb(image: &Image, [y, u, v]: [f64; 3]) -> [f64; 3] {
    if image.layout() == PixelLayout::Rgb8 {
        return [y, u, v].map(|c| c.clamp(0.0, 255.0));
    }
    let [offset, gain, r_v, g_u, g_v, b_u] = image.color().coefficients().map(f64::from);
    let y = (y - offset) * gain;
    let u = u - 128.0;
    let v = v - 128.0;
    [y + r_v * v, y + g_u * u + g_v * v, y + b_u * u].map(|c| c.clamp(0.0, 255.0))
}

/// Returns channel `c` at a point of its own grid of samples, interpolated linearly. The outermost samples are
/// repeated.
fn between(image: &Image, c: usize, x: f64, y: f64) -> f64 {
    let (block_x, block_y) = block(image.layout(), c);
    let columns = (image.width() as usize).div_ceil(block_x);
    let rows = (image.height() as usize).div_ceil(block_y);
    let at = |x: f64, y: f64| {
        let x = x.clamp(0.0, (columns - 1) as f64) as usize;
        let y = y.clamp(0.0, (rows - 1) as f64) as usize;
        samples(image, x * block_x, y * block_y)[c]
    };
    let fx = x - x.floor();
    let fy = y - y.floor();
    let x = x.floor();
    let y = y.floor();
    at(x, y) * (1.0 - fx) * (1.0 - fy)
        + at(x + 1.0, y) * fx * (1.0 - fy)
        + at(x, y + 1.0) * (1.0 - fx) * fy
        + at(x + 1.0, y + 1.0) * fx * fy
}

/// Returns the weights of all `size` pixels in the mean over [low, high).
fn cover(size: usize, low: f64, high: f64) -> Vec<f64> {
    (0..size).map(|i| (high.min((i + 1) as f64) - low.max(i as f64)).max(0.0) / (high - low)).collect()
}

/// Returns the expected value of the letterbox at (x, y) of the content.
fn scaled(image: &Image, placement: &Letterbox, x: usize, y: usize) -> [f64; 3] {
    let w = image.width() as usize;
    let h = image.height() as usize;
    let nw = placement.content_width;
    let nh = placement.content_height;
    let edge = |i: usize, size: usize, n: usize| i as f64 * size as f64 / n as f64;
    let mut sum = [0.0; 3];
    for (c, sum) in sum.iter_mut().enumerate() {
        let (block_x, block_y) = block(image.layout(), c);
        // The weights of pixels or of points on the channel's grid, for each axis.
        let axis = |i: usize, size: usize, n: usize, block: usize| -> Vec<(f64, f64)> {
            if size > n {
                let weights = cover(size, edge(i, size, n), edge(i + 1, size, n));
                weights
                    .iter()
                    .enumerate()
                    .filter(|w| *w.1 > 0.0)
                    .map(|(j, w)| ((j / block) as f64, *w))
                    .collect()
            } else {
                vec![((i as f64 + 0.5) * size as f64 / n as f64 / block as f64 - 0.5, 1.0)]
            }
        };
        for (py, wy) in axis(y, h, nh, block_y) {
            for (px, wx) in axis(x, w, nw, block_x) {
                *sum += wx * wy * between(image, c, px, py);
            }
        }
    }
    rgb(image, sum)
}

fn colors() -> impl Strategy<Value = ColorSpace> {
    (any::<bool>(), any::<bool>()).prop_map(|(hd, full)| ColorSpace {
        matrix: if hd { Matrix::Bt709 } else { Matrix::Bt601 },
        range: if full { Range::Full } else { Range::Limited },
    })
}

fn layouts() -> impl Strategy<Value = PixelLayout> {
    prop::sample::select(&LAYOUTS[..])
}

/// The largest distance between a rounded value and the exact one: half a level and the rounding of f32.
const TOLERANCE: f64 = 0.51;

fn check_letterbox(
    image: &Image,
    placement: &Letterbox,
    normalize: &Normalize,
    scratch: &mut LetterboxScratch,
) {
    let mut out = vec![f32::NAN; placement.item().iter().product()];
    letterbox(image, placement, normalize, scratch, &mut out);
    let plane = placement.input_width * placement.input_height;
    for y in 0..placement.input_height {
        for x in 0..placement.input_width {
            let inside = x < placement.content_width && y < placement.content_height;
            let want = if inside { scaled(image, placement, x, y) } else { [0.0; 3] };
            for c in 0..3 {
                let source = if normalize.order == ChannelOrder::Rgb { c } else { 2 - c };
                let got =
                    out[c * plane + y * placement.input_width + x] / normalize.scale[c] + normalize.mean[c];
                let error = (f64::from(got) - want[source]).abs();
                assert!(
                    error < TOLERANCE,
                    "{image:?} {placement:?} ({x}, {y}) {c}: {got}, not {}",
                    want[source]
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn letterbox_equals_the_plain_version(
        layout in layouts(), w in 1u32..70, h in 1u32..70, color in colors(), pad in 0usize..9,
        side in 1u32..60, multiple in 1u32..33, bgr in any::<bool>(), seed in any::<u64>(),
    ) {
        let image = padded(layout, w, h, color, pad, seed);
        let order = if bgr { ChannelOrder::Bgr } else { ChannelOrder::Rgb };
        let normalize = Normalize { mean: [1.0, 2.0, 3.0], scale: [0.5, 0.25, 2.0], order };
        check_letterbox(&image, &Letterbox::new(w, h, side, multiple), &normalize, &mut LetterboxScratch::default());
    }

    #[test]
    fn warp_equals_the_plain_version(
        layout in layouts(), w in 1u32..40, h in 1u32..40, color in colors(), pad in 0usize..9, size in 0usize..80,
        a in -2f32..2.0, b in -2f32..2.0, tx in -30f32..60.0, ty in -30f32..60.0,
        replicate in any::<bool>(), seed in any::<u64>(),
    ) {
        let image = padded(layout, w, h, color, pad, seed);
        let map = Similarity { a, b, tx, ty };
        let border = if replicate { Border::Replicate } else { Border::Black };
        let mut out = vec![f32::NAN; 3 * size * size];
        warp(&image, &map, size, border, &Normalize::NONE, &mut out);
        for y in 0..size {
            for x in 0..size {
                let at = map.apply(Point::new(x as f32, y as f32));
                let px = f64::from(at.x);
                let py = f64::from(at.y);
                let sampled = [0, 1, 2].map(|c| {
                    let (block_x, block_y) = block(layout, c);
                    between(&image, c, (px + 0.5) / block_x as f64 - 0.5, (py + 0.5) / block_y as f64 - 0.5)
                });
                let reach = |p: f64, n: u32| (p + 1.0).min(f64::from(n) - p).clamp(0.0, 1.0);
                let covered = if replicate { 1.0 } else { reach(px, w) * reach(py, h) };
                for (c, want) in rgb(&image, sampled).iter().enumerate() {
                    let got = f64::from(out[(c * size + y) * size + x]);
                    // At the border a value is rounded before and after it fades.
                    let tolerance = if covered < 1.0 { TOLERANCE * 2.0 } else { TOLERANCE };
                    let error = (got - want * covered).abs();
                    prop_assert!(error < tolerance, "({x}, {y}) {c} at ({px}, {py}): {got}, not {want} * {covered}");
                }
            }
        }
    }
}

#[test]
fn a_scratch_serves_images_of_any_kind() {
    let mut scratch = LetterboxScratch::default();
    for (w, h) in [(64, 36), (7, 50), (64, 36), (1, 1), (2, 2), (200, 2), (3, 150)] {
        for layout in LAYOUTS {
            let image = padded(layout, w, h, ColorSpace::default(), 3, 1);
            check_letterbox(&image, &Letterbox::new(w, h, 40, 8), &Normalize::NONE, &mut scratch);
        }
    }
}

#[test]
fn very_long_images_work() {
    for (w, h) in [(3840, 2), (2, 3840), (1, 1), (2, 2), (3839, 1)] {
        for layout in LAYOUTS {
            let image = padded(layout, w, h, ColorSpace::default(), 0, 1);
            check_letterbox(
                &image,
                &Letterbox::new(w, h, 32, 32),
                &Normalize::NONE,
                &mut LetterboxScratch::default(),
            );
        }
    }
}

#[test]
fn transforms_that_are_not_finite_sample_the_border() {
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
        for (w, h) in [(1, 1), (2, 2), (640, 3)] {
            for layout in LAYOUTS {
                let image = noise(layout, w, h, 3);
                for map in [
                    Similarity { tx: broken, ..Similarity::IDENTITY },
                    Similarity { ty: broken, ..Similarity::IDENTITY },
                    Similarity { a: broken, b: broken, tx: broken, ty: broken },
                ] {
                    let mut out = [f32::NAN; 3 * 8 * 8];
                    warp(&image, &map, 8, Border::Black, &Normalize::NONE, &mut out);
                    if !broken.is_finite() {
                        assert_eq!(out, [0.0; 3 * 8 * 8]);
                    }
                    warp(&image, &map, 8, Border::Replicate, &Normalize::NONE, &mut out);
                    assert!(out.iter().all(|v| (0.0..=255.0).contains(v)));
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "the input of Letterbox")]
fn an_input_of_the_wrong_length_panics() {
    let placement = Letterbox::new(8, 8, 8, 8);
    let image = noise(PixelLayout::Rgb8, 8, 8, 0);
    letterbox(&image, &placement, &Normalize::NONE, &mut LetterboxScratch::default(), &mut [0.0; 5]);
}
