//! Comparison of the kernels of every instruction set with plain f64 versions.

use passerby_cnn::Isa;
use passerby_cnn::resample::{
    AffineSource, ChannelRows, ColorTransform, RowTaps, SamplePlane, horizontal_pass, sample_affine,
    vertical_pass,
};
use proptest::prelude::*;

/// The largest distance between a rounded level and the exact value: half a level and the rounding of f32.
const HALF: f64 = 0.51;

const CASES: u32 = if cfg!(miri) { 4 } else { 300 };

/// The shape of a plane, without its bytes.
#[derive(Clone, Debug)]
struct Form {
    columns: usize,
    rows: usize,
    step: usize,
    bytes: [Option<usize>; 3],
    pad: usize,
    block: (usize, usize),
}

impl Form {
    fn plane<'a>(&self, noise: &'a [u8]) -> SamplePlane<'a> {
        let stride = self.columns * self.step + self.pad;
        // The last row ends without padding, so that every read beyond it is beyond the bytes.
        let data = &noise[..stride * self.rows - self.pad];
        let &Self { columns, rows, step, bytes, block, .. } = self;
        SamplePlane { data, stride, columns, rows, step, bytes, block }
    }
}

fn forms(sides: std::ops::Range<usize>) -> impl Strategy<Value = Form> {
    let bytes = |step: usize| prop::array::uniform3(prop::option::of(0..step));
    let shape = (1usize..5).prop_flat_map(move |step| (Just(step), bytes(step)));
    let block = prop::sample::select(&[(1, 1), (2, 1), (2, 2)][..]);
    (sides.clone(), sides, shape, 0usize..9, block).prop_map(|(columns, rows, (step, bytes), pad, block)| {
        Form { columns, rows, step, bytes, pad, block }
    })
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    any::<u64>().prop_map(|seed| {
        let mut state = seed | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        std::iter::repeat_with(next).take(70_000).collect()
    })
}

fn colors() -> impl Strategy<Value = ColorTransform> {
    let matrix = prop::array::uniform3(prop::array::uniform4(-1.5f32..1.5));
    let three = || prop::array::uniform3(0.25f32..2.0);
    (matrix, three(), three()).prop_map(|(mut matrix, mean, scale)| {
        matrix.iter_mut().for_each(|row| row[3] *= 100.0);
        ColorTransform { matrix, mean, scale }
    })
}

/// Returns the channels of a sample, with 0 for channels of other planes.
fn channels(plane: &SamplePlane<'_>, x: usize, y: usize) -> [f64; 3] {
    let at = y * plane.stride + x * plane.step;
    plane.bytes.map(|byte| byte.map_or(0.0, |byte| f64::from(plane.data[at + byte])))
}

/// Returns the level before it is rounded.
fn level(colors: &ColorTransform, channels: [f64; 3], c: usize) -> f64 {
    let [a, b, d, e] = colors.matrix[c].map(f64::from);
    (a * channels[0] + b * channels[1] + d * channels[2] + e).clamp(0.0, 255.0)
}

/// Reverses the normalization.
fn unfinished(colors: &ColorTransform, value: f32, c: usize) -> f64 {
    f64::from(value) / f64::from(colors.scale[c]) + f64::from(colors.mean[c])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scaling_equals_the_plain_version(
        form in forms(1..130), noise in noise(), colors in colors(), first in 0usize..130, count in 1usize..9,
        down_weights in prop::collection::vec(0f32..1.0, 9), taps in 1usize..12, targets in 1usize..70,
        across_weights in prop::collection::vec(0f32..1.0, 12 * 70), starts in prop::collection::vec(0usize..130, 70),
        at in 0usize..5, gray in any::<bool>(),
    ) {
        let plane = form.plane(&noise);
        let first = first % form.rows;
        let mut weights_down = down_weights[..count.min(form.rows - first)].to_vec();
        let total: f32 = weights_down.iter().sum();
        weights_down.iter_mut().for_each(|w| *w /= total + 0.1);
        let taps = taps.min(form.columns);
        let mut weights = across_weights[..taps * targets].to_vec();
        for run in weights.chunks_exact_mut(taps) {
            let total: f32 = run.iter().sum();
            run.iter_mut().for_each(|w| *w /= total + 0.1);
        }
        let starts: Vec<u32> =
            starts[..targets].iter().map(|start| (start % (form.columns - taps + 1)) as u32).collect();
        for isa in Isa::available() {
            let mut channel_rows = ChannelRows::default();
            // Rows of another, longer picture must not matter.
            let longer = [200; 170];
            let all = SamplePlane { bytes: [Some(0); 3], ..SamplePlane::new(&longer, 170, 170, 1) };
            vertical_pass(*isa, &all, 0, &[1.0], &mut channel_rows);
            let blank = SamplePlane { bytes: plane.bytes.map(|b| if b.is_none() { Some(0) } else { None }), ..all };
            let zeros = [0; 170];
            vertical_pass(*isa, &SamplePlane { data: &zeros, ..blank }, 0, &[1.0], &mut channel_rows);
            vertical_pass(*isa, &plane, first, &weights_down, &mut channel_rows);
            let runs = RowTaps::new(*isa, &starts, &weights);
            let size = at + targets + 2;
            let mut out = vec![-1.0; 3 * size];
            horizontal_pass(&runs, (!gray).then_some(&runs), &channel_rows, &colors, &mut out, at);
            for (i, value) in out.iter().enumerate() {
                let c = i / size;
                let x = i % size;
                if x < at || x >= at + targets {
                    prop_assert_eq!(*value, -1.0, "written beyond the targets");
                    continue;
                }
                let mut sum = [0.0; 3];
                let from = starts[x - at] as usize;
                for (k, wx) in weights[(x - at) * taps..][..taps].iter().enumerate() {
                    for (y, wy) in weights_down.iter().enumerate() {
                        let sample = channels(&plane, from + k, first + y);
                        for (sum, sample) in sum.iter_mut().zip(sample) {
                            *sum += sample * f64::from(*wx) * f64::from(*wy);
                        }
                    }
                }
                if gray {
                    sum[1..].fill(0.0);
                }
                let got = unfinished(&colors, *value, c);
                let want = level(&colors, sum, c);
                prop_assert!((got - want).abs() < HALF, "{:?} {} {}: {}, not {}", isa, c, x, got, want);
            }
        }
    }

    #[test]
    fn sampling_equals_the_plain_version(
        form in forms(1..40), noise in noise(), colors in colors(), size in 0usize..40,
        map in prop::array::uniform2(prop::array::uniform3(-2f32..2.0)), shift in prop::array::uniform2(-9f32..60.0),
        black in any::<bool>(),
    ) {
        let plane = form.plane(&noise);
        let width = form.columns * form.block.0;
        let height = form.rows * form.block.1;
        let map = [0, 1].map(|i| [map[i][0], map[i][1], map[i][2] + shift[i]]);
        let source = AffineSource { planes: &[plane], width, height, map, black };
        for isa in Isa::available() {
            let mut out = vec![-1.0; 3 * size * size];
            sample_affine(*isa, &source, size, &colors, &mut out);
            for (i, value) in out.iter().enumerate() {
                let c = i / (size * size);
                let y = i / size % size;
                let x = i % size;
                let at = map.map(|[a, b, t]| f64::from(a * x as f32 + b * y as f32 + t));
                let want = level(&colors, between(&plane, at), c);
                let reach = |p: f64, n: usize| (p + 1.0).min(n as f64 - p).clamp(0.0, 1.0);
                let cover = if black { reach(at[0], width) * reach(at[1], height) } else { 1.0 };
                // At the border a value is rounded before and after it fades.
                let tolerance = if cover < 1.0 { 2.0 * HALF } else { HALF };
                let got = unfinished(&colors, *value, c);
                prop_assert!((got - want * cover).abs() < tolerance, "{:?} {:?}: {}, not {}", isa, at, got, want);
            }
        }
    }
}

/// Returns the channels at a position of the picture, interpolated linearly. The outermost samples are repeated.
fn between(plane: &SamplePlane<'_>, at: [f64; 2]) -> [f64; 3] {
    let on_grid = |at: f64, block: usize| (at + 0.5) / block as f64 - 0.5;
    let x = on_grid(at[0], plane.block.0);
    let y = on_grid(at[1], plane.block.1);
    let read = |x: f64, y: f64| {
        let x = x.clamp(0.0, (plane.columns - 1) as f64) as usize;
        channels(plane, x, y.clamp(0.0, (plane.rows - 1) as f64) as usize)
    };
    let px = x - x.floor();
    let py = y - y.floor();
    let x = x.floor();
    let y = y.floor();
    let [a, b, c, d] = [read(x, y), read(x + 1.0, y), read(x, y + 1.0), read(x + 1.0, y + 1.0)];
    std::array::from_fn(|i| {
        (a[i] * (1.0 - px) + b[i] * px) * (1.0 - py) + (c[i] * (1.0 - px) + d[i] * px) * py
    })
}

#[test]
fn positions_that_are_not_finite_are_outside() {
    let data: Vec<u8> = (1..=60).collect();
    let colors = ColorTransform { matrix: [[1.0, 0.0, 0.0, 0.0]; 3], mean: [0.0; 3], scale: [1.0; 3] };
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
        for (columns, rows) in [(1, 1), (1, 3), (3, 1), (6, 10)] {
            for isa in Isa::available() {
                for map in [[[1.0, 0.0, broken]; 2], [[broken; 3]; 2], [[1.0, 0.0, 0.0], [0.0, broken, 1.0]]]
                {
                    let planes = [SamplePlane::new(&data[..columns * rows], columns, columns, rows)];
                    let mut source =
                        AffineSource { planes: &planes, width: columns, height: rows, map, black: true };
                    let mut out = [-1.0; 3 * 19 * 19];
                    sample_affine(*isa, &source, 19, &colors, &mut out);
                    assert!(out.iter().all(|v| (0.0..=60.0).contains(v)), "{isa:?} {map:?}");
                    source.black = false;
                    sample_affine(*isa, &source, 19, &colors, &mut out);
                    assert!(out.iter().all(|v| (1.0..=60.0).contains(v)), "{isa:?} {map:?}");
                }
            }
        }
    }
}

#[test]
fn levels_are_rounded_as_opencv_rounds() {
    let cases = [
        (-3.0, 0.0),
        (0.49, 0.0),
        (0.5, 0.0),
        (1.5, 2.0),
        (2.5, 2.0),
        (254.6, 255.0),
        (300.0, 255.0),
        (f32::NAN, 0.0),
    ];
    for isa in Isa::available() {
        for (value, want) in cases {
            let colors =
                ColorTransform { matrix: [[0.0, 0.0, 0.0, value]; 3], mean: [0.0; 3], scale: [1.0; 3] };
            let mut out = [-1.0; 3];
            let source = AffineSource {
                planes: &[SamplePlane::new(&[9], 1, 1, 1)],
                width: 1,
                height: 1,
                map: [[0.0; 3]; 2],
                black: false,
            };
            sample_affine(*isa, &source, 1, &colors, &mut out);
            assert_eq!(out, [want; 3], "{isa:?} {value}");
        }
    }
}

#[test]
#[should_panic(expected = "samples inside the bytes")]
fn samples_beyond_the_bytes_panic() {
    vertical_pass(
        Isa::PORTABLE,
        &SamplePlane::new(&[0; 11], 4, 4, 3),
        0,
        &[1.0],
        &mut ChannelRows::default(),
    );
}

#[test]
#[should_panic(expected = "runs inside the first row")]
fn runs_beyond_the_row_panic() {
    let mut rows = ChannelRows::default();
    let colors = ColorTransform { matrix: [[0.0; 4]; 3], mean: [0.0; 3], scale: [1.0; 3] };
    vertical_pass(Isa::PORTABLE, &SamplePlane::new(&[0; 4], 4, 4, 1), 0, &[1.0], &mut rows);
    horizontal_pass(&RowTaps::new(Isa::PORTABLE, &[900], &[1.0]), None, &rows, &colors, &mut [0.0; 3], 0);
}
