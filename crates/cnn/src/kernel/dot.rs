//! The matrix kernel of quantised networks: bytes times bytes, four at a time, summed exactly.
//!
//! Inputs are bytes q that stand for (q - zero) * scale of their channel, weights bytes w that stand for w * scale of theirs.
//! The inputs' scales are part of the weights before these become bytes, so that the sum of q * w is exact and needs one scale
//! for each output; the constant part that the zeros make is in the bias.

use super::tile::{Finish, Output, Tile, cut, padded, walk};
use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Dot, kernel, unroll};

/// What the bytes of one input channel stand for: byte q is the number (q - zero) * scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) scale: f32,
    pub(crate) zero: u8,
}

impl Scale {
    /// For numbers from `low` to `high`; 0 is always among them and is a byte exactly, as ReLU wants it.
    pub(crate) fn of(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
        Self { scale, zero: (-low / scale).round().clamp(0.0, 255.0) as u8 }
    }
}

/// Turns the numbers of whole pixels into the bytes that `weights` multiply: the nearest, ties to even; what is beyond a
/// channel's scale becomes its end.
///
/// # Panics
/// If these are no whole pixels, or `out` is not as long as `numbers`.
pub(crate) fn quantize(weights: &ByteWeights, numbers: &[f32], out: &mut [u8]) {
    assert_eq!(numbers.len(), out.len(), "a byte for each number");
    assert!(numbers.len().is_multiple_of(weights.depth), "whole pixels");
    // SAFETY: the slices are equally long and whole pixels; factors and zeros are padded to whole vectors by the constructor.
    unsafe { quantize_all(weights.isa, weights, numbers, out.as_mut_ptr()) }
}

kernel! { fn quantize_all(weights: &ByteWeights, numbers: &[f32], out: *mut u8) = quantize_generic }

/// # Safety
/// `numbers` are whole pixels, `out` is good for as many bytes, and the weights' factors and zeros are padded to whole vectors.
#[inline(always)]
unsafe fn quantize_generic<S: Dot>(weights: &ByteWeights, numbers: &[f32], out: *mut u8) {
    let depth = weights.depth;
    // SAFETY: passed on to the caller. What reads and writes a whole vector ends within `numbers` and `out`.
    unsafe {
        let (factors, zeros) = (weights.factors.as_ptr(), weights.zeros.as_ptr());
        // Channels that fill no vector come first: what these write beyond their pixel is written over afterwards.
        let whole = depth / S::LANES * S::LANES;
        let part = (whole < depth).then_some(whole);
        for channel in part.into_iter().chain((0..whole).step_by(S::LANES)) {
            let (factor, zero) = (S::load(factors.add(channel)), S::load(zeros.add(channel)));
            let mut at = channel;
            while at + S::LANES <= numbers.len() {
                byte(S::load(numbers.as_ptr().add(at)), factor, zero).store_bytes(out.add(at));
                at += depth;
            }
            while at < numbers.len() {
                let left = numbers.len() - at;
                let number = S::load_tail(numbers.as_ptr().add(at), S::tail(left));
                store_part(byte(number, factor, zero), out.add(at), left);
                at += depth;
            }
        }
    }
}

/// What a number's byte is before it is rounded.
///
/// # Safety
/// As the methods of [`Dot`].
#[inline(always)]
pub(super) unsafe fn byte<S: Dot>(number: S, factor: S, zero: S) -> S {
    // SAFETY: passed on to the caller.
    unsafe {
        // Cut before rounding: beyond 32 bits the conversion has no meaning.
        number.mul_add(factor, zero).max(S::splat(0.0)).min(S::splat(255.0))
    }
}

/// Writes the first `count` of a vector's numbers as bytes.
///
/// # Safety
/// As [`Dot::store_bytes`]; `to` is good for `count` bytes, which are at most a vector's numbers.
#[inline(always)]
pub(super) unsafe fn store_part<S: Dot>(numbers: S, to: *mut u8, count: usize) {
    let mut bytes = [0_u8; 16];
    // SAFETY: no vector has more than 16 numbers; the rest is passed on to the caller.
    unsafe {
        numbers.store_bytes(bytes.as_mut_ptr());
        to.copy_from_nonoverlapping(bytes.as_ptr(), count);
    }
}

/// A matrix of weights as bytes, laid out as [`super::matmul::Weights`], but with four depths together.
#[derive(Debug)]
pub(crate) struct ByteWeights {
    isa: Isa,
    depth: usize,
    channels: usize,
    /// How many vectors of channels each block has.
    blocks: Vec<usize>,
    data: Lines<i8>,
    /// What a sum of a channel counts.
    scales: Lines<f32>,
    bias: Lines<f32>,
    /// What turns each channel of the inputs into bytes: x * factor + zero.
    factors: Lines<f32>,
    zeros: Lines<f32>,
}

/// Depths that are multiplied together; a matrix has a multiple of them.
pub(crate) const TOGETHER: usize = 4;

/// The largest byte of a weight, either way.
const LARGEST: f32 = 127.0;

impl ByteWeights {
    /// Lays out the weights that `weight(depth, channel)` gives, times the scales of the `inputs`, rounded to 255 steps of each
    /// output channel's own size.
    ///
    /// # Panics
    /// If there is no multiple of [`TOGETHER`] inputs, or so many that sums might not fit 32 bits.
    pub(crate) fn new(
        isa: Isa,
        bias: &[f32],
        inputs: &[Scale],
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let depth = inputs.len();
        let weight = |k: usize, c: usize| weight(k, c) * inputs[k].scale;
        assert!(depth.is_multiple_of(TOGETHER) && depth <= 1 << 16, "a depth of {depth}");
        let channels = bias.len();
        let mut steps = vec![0.0; channels];
        for (c, step) in steps.iter_mut().enumerate() {
            let largest = (0..depth).fold(0.0_f32, |largest, k| largest.max(weight(k, c).abs()));
            *step = (largest / LARGEST).max(f32::MIN_POSITIVE);
        }
        let byte =
            |k: usize, c: usize| (weight(k, c) / steps[c]).round_ties_even().clamp(-LARGEST, LARGEST) as i8;
        let vectors = channels.div_ceil(isa.lanes());
        let blocks = cut(isa, vectors);
        let mut data = Lines::zeroed(vectors * isa.lanes() * depth);
        let (mut at, mut first) = (0, 0);
        for wide in blocks.iter().map(|vectors| vectors * isa.lanes()) {
            for k in (0..depth).step_by(TOGETHER) {
                for i in 0..wide {
                    for (j, to) in data[at..][..TOGETHER].iter_mut().enumerate() {
                        if first + i < channels {
                            *to = byte(k + j, first + i);
                        }
                    }
                    at += TOGETHER;
                }
            }
            first += wide;
        }
        let zeros: Vec<f32> = inputs.iter().map(|input| f32::from(input.zero)).collect();
        let constant = |c: usize| {
            let sum = |k: usize| i64::from(byte(k, c)) * i64::from(inputs[k].zero);
            steps[c] * (0..depth).map(sum).sum::<i64>() as f32
        };
        let bias: Vec<f32> = bias.iter().enumerate().map(|(c, bias)| bias - constant(c)).collect();
        let factors: Vec<f32> = inputs.iter().map(|input| input.scale.recip()).collect();
        let [scales, bias, factors, zeros] =
            [&steps, &bias, &factors, &zeros].map(|numbers| padded(isa, numbers));
        Self { isa, depth, channels, blocks, data, scales, bias, factors, zeros }
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// What turns the channels of the inputs into bytes, by [`byte`]: factors and zeros, padded to whole vectors.
    pub(super) fn inputs(&self) -> (&[f32], &[f32]) {
        (&self.factors, &self.zeros)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let numbers = [&self.scales, &self.bias, &self.factors, &self.zeros].map(|numbers| numbers.len());
        self.data.len() + numbers.iter().sum::<usize>() * size_of::<f32>()
    }
}

/// Computes `count` output pixels from the bytes of as many input pixels.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn dot(
    weights: &ByteWeights,
    finish: &Finish,
    count: usize,
    input: &[u8],
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let needed = count * weights.channels;
    assert!(input.len() >= count * weights.depth, "inputs");
    assert!(out.len() >= needed && residual.is_none_or(|r| r.len() >= needed), "outputs");
    assert!(finish.slopes.as_ref().is_none_or(|s| s.len() == weights.bias.len()), "slopes");
    // SAFETY: the slices hold `count` pixels; weights, scales, bias and slopes are padded to whole vectors by their
    // constructors.
    unsafe { run(weights.isa, weights, finish, count, input, residual, out.as_mut_ptr()) }
}

kernel! {
    fn run(
        weights: &ByteWeights,
        finish: &Finish,
        count: usize,
        input: &[u8],
        residual: Option<&[f32]>,
        out: *mut f32,
    ) = generic
}

/// # Safety
/// As [`dot`] checks.
#[inline(always)]
unsafe fn generic<S: Dot>(
    weights: &ByteWeights,
    finish: &Finish,
    count: usize,
    input: &[u8],
    residual: Option<&[f32]>,
    out: *mut f32,
) {
    let (mut first, mut data) = (0, weights.data.as_ptr());
    for block in &weights.blocks {
        let output =
            Output { finish, residual, step: weights.channels, first, channels: weights.channels, out };
        let strip = Strip { weights, input: input.as_ptr(), data, output };
        // SAFETY: passed on to the caller; the blocks make up the weights' data.
        unsafe {
            match block {
                1 => walk::<S, _, 1>(&strip, 0, count),
                2 => walk::<S, _, 2>(&strip, 0, count),
                _ => walk::<S, _, 3>(&strip, 0, count),
            }
            let wide = block * S::LANES;
            data = data.add(wide * weights.depth);
            first += wide;
        }
    }
}

/// One block of output channels.
struct Strip<'a> {
    weights: &'a ByteWeights,
    input: *const u8,
    data: *const i8,
    output: Output<'a>,
}

impl Tile for Strip<'_> {
    #[inline(always)]
    fn most<S: Dot>() -> [usize; 3] {
        S::BYTE_PIXELS
    }

    #[inline(always)]
    unsafe fn tile<S: Dot, const P: usize, const N: usize>(&self, at: usize) {
        if P > S::BYTE_PIXELS[N - 1] {
            return; // Never asked for; makes no code.
        }
        // SAFETY: passed on to the caller.
        unsafe {
            let depth = self.weights.depth;
            let input = self.input.add(at * depth);
            let mut sums = [[S::no_sums(); N]; P];
            let mut data = self.data;
            for k in (0..depth).step_by(TOGETHER) {
                let mut factors = [S::factors(data); N];
                unroll!(I < N => { factors[I] = S::factors(data.add(I * S::LANES * TOGETHER)); });
                data = data.add(N * S::LANES * TOGETHER);
                unroll!(J < P => {
                    let inputs = S::inputs(input.add(J * depth + k));
                    unroll!(I < N => { sums[J][I] = S::dot(sums[J][I], inputs, factors[I]); });
                });
            }
            let mut numbers = [[S::zero(); N]; P];
            unroll!(I < N => {
                let channel = self.output.first + I * S::LANES;
                let scale = S::load(self.weights.scales.as_ptr().add(channel));
                let bias = S::load(self.weights.bias.as_ptr().add(channel));
                unroll!(J < P => { numbers[J][I] = S::numbers(sums[J][I]).mul_add(scale, bias); });
            });
            self.output.store::<S, P, N>(at, numbers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers become the nearest byte of their channel. Sums of bytes are exact: but for the last scale and bias, every
    /// instruction set gives its twin's number.
    #[test]
    fn sums_equal_their_twin() {
        let mut state = 1_u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Numerical Recipes, 7.1
            state >> 16
        };
        for (depth, channels, count) in [(4, 1, 1), (12, 17, 3), (64, 40, 30), (256, 48, 15), (512, 8, 29)] {
            let weights: Vec<f32> = (0..depth * channels).map(|_| next() as f32 / 32768.0 - 1.0).collect();
            let bias: Vec<f32> = (0..channels).map(|_| next() as f32 / 65536.0).collect();
            let numbers: Vec<f32> = (0..depth * count).map(|_| next() as f32 / 16384.0 - 1.5).collect();
            let inputs: Vec<Scale> = (0..depth).map(|k| Scale::of(-1.0 / (k + 1) as f32, 2.0)).collect();
            let of = |isa: Isa| {
                let weights = ByteWeights::new(isa, &bias, &inputs, |k, c| weights[c * depth + k]);
                let (mut bytes, mut out) = (vec![0; depth * count], vec![0.0; count * channels]);
                quantize(&weights, &numbers, &mut bytes);
                for (i, byte) in bytes.iter().enumerate() {
                    let Scale { scale, zero } = inputs[i % depth];
                    let exact = (numbers[i] / scale + f32::from(zero)).clamp(0.0, 255.0);
                    assert!((f32::from(*byte) - exact).abs() < 0.501, "{isa:?}: {byte}, not {exact}");
                }
                dot(&weights, &Finish::default(), count, &bytes, None, &mut out);
                out
            };
            let twin = of(Isa::PORTABLE);
            for isa in Isa::available() {
                let out = of(*isa);
                for (a, b) in out.iter().zip(&twin) {
                    assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{isa:?}: {a}, not {b}");
                }
            }
        }
    }
}
