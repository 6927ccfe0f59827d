//! The kernels of every instruction set against plain twins in f64.

use proptest::prelude::*;

use super::*;
use crate::Isa;
use crate::simd::{Bytes, kernel};

/// How far a rounded level may be from the exact number: half a level, and what f32 adds.
const HALF: f64 = 0.51;

const CASES: u32 = if cfg!(miri) { 4 } else { 300 };

/// A plane's numbers without its bytes.
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
    fn plane<'a>(&self, noise: &'a [u8]) -> Plane<'a> {
        let stride = self.columns * self.step + self.pad;
        // The last row ends without padding, so that what is read beyond it is beyond the bytes.
        let data = &noise[..stride * self.rows - self.pad];
        let &Self { columns, rows, step, bytes, block, .. } = self;
        Plane { data, stride, columns, rows, step, bytes, block }
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

fn colors() -> impl Strategy<Value = Colors> {
    let matrix = prop::array::uniform3(prop::array::uniform4(-1.5f32..1.5));
    let three = || prop::array::uniform3(0.25f32..2.0);
    (matrix, three(), three()).prop_map(|(mut matrix, mean, scale)| {
        matrix.iter_mut().for_each(|row| row[3] *= 100.0);
        Colors { matrix, mean, scale }
    })
}

/// The bytes of a sample that are the channels', 0 where there is none.
fn channels(plane: &Plane<'_>, x: usize, y: usize) -> [f64; 3] {
    let at = y * plane.stride + x * plane.step;
    plane.bytes.map(|byte| byte.map_or(0.0, |byte| f64::from(plane.data[at + byte])))
}

/// The level before it is rounded.
fn level(colors: &Colors, channels: [f64; 3], c: usize) -> f64 {
    let [a, b, d, e] = colors.matrix[c].map(f64::from);
    (a * channels[0] + b * channels[1] + d * channels[2] + e).clamp(0.0, 255.0)
}

/// Takes the normalisation off again.
fn unfinished(colors: &Colors, value: f32, c: usize) -> f64 {
    f64::from(value) / f64::from(colors.scale[c]) + f64::from(colors.mean[c])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scaling_equals_its_twin(
        form in forms(1..130), noise in noise(), colors in colors(), first in 0usize..130, count in 1usize..9,
        down_weights in prop::collection::vec(0f32..1.0, 9), taps in 1usize..12, targets in 1usize..70,
        across_weights in prop::collection::vec(0f32..1.0, 12 * 70), starts in prop::collection::vec(0usize..130, 70),
        at in 0usize..5, gray in any::<bool>(),
    ) {
        let plane = form.plane(&noise);
        let first = first % form.rows;
        let mut rows = down_weights[..count.min(form.rows - first)].to_vec();
        let total: f32 = rows.iter().sum();
        rows.iter_mut().for_each(|w| *w /= total + 0.1);
        let taps = taps.min(form.columns);
        let mut weights = across_weights[..taps * targets].to_vec();
        for run in weights.chunks_exact_mut(taps) {
            let total: f32 = run.iter().sum();
            run.iter_mut().for_each(|w| *w /= total + 0.1);
        }
        let starts: Vec<u32> =
            starts[..targets].iter().map(|start| (start % (form.columns - taps + 1)) as u32).collect();
        for isa in Isa::available() {
            let mut lines = Lines::default();
            // Lines of another, longer picture change nothing.
            let longer = [200; 170];
            let all = Plane { bytes: [Some(0); 3], ..Plane::new(&longer, 170, 170, 1) };
            down(*isa, &all, 0, &[1.0], &mut lines);
            let blank = Plane { bytes: plane.bytes.map(|b| if b.is_none() { Some(0) } else { None }), ..all };
            let zeros = [0; 170];
            down(*isa, &Plane { data: &zeros, ..blank }, 0, &[1.0], &mut lines);
            down(*isa, &plane, first, &rows, &mut lines);
            let runs = Taps::new(*isa, &starts, &weights);
            let size = at + targets + 2;
            let mut out = vec![-1.0; 3 * size];
            across(&runs, (!gray).then_some(&runs), &lines, &colors, &mut out, at);
            for (i, value) in out.iter().enumerate() {
                let (c, x) = (i / size, i % size);
                if x < at || x >= at + targets {
                    prop_assert_eq!(*value, -1.0, "written beyond the targets");
                    continue;
                }
                let (mut sum, from) = ([0.0; 3], starts[x - at] as usize);
                for (k, wx) in weights[(x - at) * taps..][..taps].iter().enumerate() {
                    for (y, wy) in rows.iter().enumerate() {
                        let sample = channels(&plane, from + k, first + y);
                        for (sum, sample) in sum.iter_mut().zip(sample) {
                            *sum += sample * f64::from(*wx) * f64::from(*wy);
                        }
                    }
                }
                if gray {
                    sum[1..].fill(0.0);
                }
                let (got, want) = (unfinished(&colors, *value, c), level(&colors, sum, c));
                prop_assert!((got - want).abs() < HALF, "{:?} {} {}: {}, not {}", isa, c, x, got, want);
            }
        }
    }

    #[test]
    fn sampling_equals_its_twin(
        form in forms(1..40), noise in noise(), colors in colors(), size in 0usize..40,
        map in prop::array::uniform2(prop::array::uniform3(-2f32..2.0)), shift in prop::array::uniform2(-9f32..60.0),
        black in any::<bool>(),
    ) {
        let plane = form.plane(&noise);
        let (width, height) = (form.columns * form.block.0, form.rows * form.block.1);
        let map = [0, 1].map(|i| [map[i][0], map[i][1], map[i][2] + shift[i]]);
        let source = Source { planes: &[plane], width, height, map, black };
        for isa in Isa::available() {
            let mut out = vec![-1.0; 3 * size * size];
            sample(*isa, &source, size, &colors, &mut out);
            for (i, value) in out.iter().enumerate() {
                let (c, y, x) = (i / (size * size), i / size % size, i % size);
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

/// The channels at a place of the picture, linearly between the samples, the outermost repeated.
fn between(plane: &Plane<'_>, at: [f64; 2]) -> [f64; 3] {
    let on_grid = |at: f64, block: usize| (at + 0.5) / block as f64 - 0.5;
    let (x, y) = (on_grid(at[0], plane.block.0), on_grid(at[1], plane.block.1));
    let read = |x: f64, y: f64| {
        let x = x.clamp(0.0, (plane.columns - 1) as f64) as usize;
        channels(plane, x, y.clamp(0.0, (plane.rows - 1) as f64) as usize)
    };
    let (px, py) = (x - x.floor(), y - y.floor());
    let (x, y) = (x.floor(), y.floor());
    let [a, b, c, d] = [read(x, y), read(x + 1.0, y), read(x, y + 1.0), read(x + 1.0, y + 1.0)];
    std::array::from_fn(|i| {
        (a[i] * (1.0 - px) + b[i] * px) * (1.0 - py) + (c[i] * (1.0 - px) + d[i] * px) * py
    })
}

#[test]
fn places_that_are_no_numbers_are_outside() {
    let data: Vec<u8> = (1..=60).collect();
    let colors = Colors { matrix: [[1.0, 0.0, 0.0, 0.0]; 3], mean: [0.0; 3], scale: [1.0; 3] };
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
        for (columns, rows) in [(1, 1), (1, 3), (3, 1), (6, 10)] {
            for isa in Isa::available() {
                for map in [[[1.0, 0.0, broken]; 2], [[broken; 3]; 2], [[1.0, 0.0, 0.0], [0.0, broken, 1.0]]]
                {
                    let planes = [Plane::new(&data[..columns * rows], columns, columns, rows)];
                    let mut source =
                        Source { planes: &planes, width: columns, height: rows, map, black: true };
                    let mut out = [-1.0; 3 * 19 * 19];
                    sample(*isa, &source, 19, &colors, &mut out);
                    assert!(out.iter().all(|v| (0.0..=60.0).contains(v)), "{isa:?} {map:?}");
                    source.black = false;
                    sample(*isa, &source, 19, &colors, &mut out);
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
            let colors = Colors { matrix: [[0.0, 0.0, 0.0, value]; 3], mean: [0.0; 3], scale: [1.0; 3] };
            let mut out = [-1.0; 3];
            let source = Source {
                planes: &[Plane::new(&[9], 1, 1, 1)],
                width: 1,
                height: 1,
                map: [[0.0; 3]; 2],
                black: false,
            };
            sample(*isa, &source, 1, &colors, &mut out);
            assert_eq!(out, [want; 3], "{isa:?} {value}");
        }
    }
}

kernel! { fn run_gather(data: &[u8], last: usize, stride: usize, at: &[f32; 32], out: &mut [f32; 64]) = generic_gather }

/// Of words gathered at rows and bytes `at`, the four bytes of each.
///
/// # Safety
/// Nothing that is read at `at` lies beyond `data`.
#[inline(always)]
unsafe fn generic_gather<S: Bytes>(
    data: &[u8],
    last: usize,
    stride: usize,
    at: &[f32; 32],
    out: &mut [f32; 64],
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let (rows, bytes) = (S::load(at.as_ptr()).whole(), S::load(at[16..].as_ptr()).whole());
        let words = S::gather(data.as_ptr(), last, rows, stride, bytes, 1);
        for n in 0..4 {
            S::byte(words, S::pick::<4>(n)).store(out[16 * n..].as_mut_ptr());
        }
    }
}

#[test]
fn gathers_read_no_byte_beyond_the_last_and_reach_far() {
    let data: Vec<u8> = (0..100).map(|i| 255 - i).collect();
    let mut at = [0.0; 32];
    for i in 0..16 {
        (at[i], at[16 + i]) = ((i % 4) as f32, (i * 3) as f32);
    }
    for isa in Isa::available() {
        for last in [1_usize << 40, 96, 60, 10, 0] {
            let mut out = [0.0; 64];
            // SAFETY: the farthest word starts at byte 3 * 15 + 45 + 1 and ends inside the data; a larger `last`
            // only changes how it is read.
            unsafe { run_gather(*isa, &data, last, 15, &at, &mut out) };
            for (i, got) in out.iter().enumerate().filter(|(i, _)| i % 16 < isa.lanes()) {
                let byte = at[i % 16] as usize * 15 + at[16 + i % 16] as usize + 1 + i / 16;
                let want = if byte < last.saturating_add(4) { f32::from(data[byte]) } else { 0.0 };
                assert_eq!(*got, want, "{isa:?} {last} {i}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "samples inside the bytes")]
fn samples_beyond_the_bytes_are_a_mistake() {
    down(Isa::PORTABLE, &Plane::new(&[0; 11], 4, 4, 3), 0, &[1.0], &mut Lines::default());
}

#[test]
#[should_panic(expected = "runs inside the first line")]
fn runs_beyond_the_line_are_a_mistake() {
    let (mut lines, colors) =
        (Lines::default(), Colors { matrix: [[0.0; 4]; 3], mean: [0.0; 3], scale: [1.0; 3] });
    down(Isa::PORTABLE, &Plane::new(&[0; 4], 4, 4, 1), 0, &[1.0], &mut lines);
    across(&Taps::new(Isa::PORTABLE, &[900], &[1.0]), None, &lines, &colors, &mut [0.0; 3], 0);
}
