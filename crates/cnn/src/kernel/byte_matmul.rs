//! The matrix kernel of quantized networks. It multiplies bytes by bytes, four at a time, and sums the products
//! exactly.
//!
//! An input byte q stands for (q - zero) * scale of its channel, and a weight byte w for w * scale of its output
//! channel. The scales of the inputs are multiplied into the weights before these become bytes. The sum of q * w is
//! therefore exact and needs one scale for each output. The constant part that the zeros contribute is in the bias.

use super::tile::{BlockOutput, Epilogue, TileKernel, for_each_tile, pad_to_vectors, split_blocks};
use crate::aligned::AlignedVec;
use crate::isa::Isa;
use crate::simd::dispatch::{kernel, unroll};
use crate::simd::vector::Dot;

/// The meaning of the bytes of one input channel: byte q is the value (q - zero) * scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct InputScale {
    pub(crate) scale: f32,
    pub(crate) zero: u8,
}

impl InputScale {
    /// Returns the scale for values from `low` to `high`. The range always includes 0, and 0 is exactly a byte, as ReLU
    /// requires.
    pub(crate) fn of(low: f32, high: f32) -> Self {
        let low = low.min(0.0);
        let high = high.max(0.0);
        let scale = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
        Self { scale, zero: (-low / scale).round().clamp(0.0, 255.0) as u8 }
    }
}

/// Quantizes whole pixels to the bytes that `weights` multiply: rounds to the nearest byte, ties to even, and saturates
/// values beyond the range of their channel.
///
/// # Panics
/// Panics if `numbers` is not a number of whole pixels, or if `out` has another length.
pub(crate) fn quantize(weights: &ByteWeights, numbers: &[f32], out: &mut [u8]) {
    assert_eq!(numbers.len(), out.len(), "a byte for each number");
    assert!(numbers.len().is_multiple_of(weights.depth), "whole pixels");
    // SAFETY: the slices have the same length of whole pixels; the constructor pads factors and zeros to whole vectors.
    unsafe { quantize_all(weights.isa, weights, numbers, out.as_mut_ptr()) }
}

kernel! { fn quantize_all(weights: &ByteWeights, numbers: &[f32], out: *mut u8) = quantize_generic }

/// # Safety
/// `numbers` must be whole pixels, `out` must be valid for as many bytes, and the factors and zeros of the weights must
/// be padded to whole vectors.
#[inline(always)]
unsafe fn quantize_generic<S: Dot>(weights: &ByteWeights, numbers: &[f32], out: *mut u8) {
    let depth = weights.depth;
    // SAFETY: guaranteed by the caller. Reads and writes of a whole vector end within `numbers` and `out`.
    unsafe {
        let factors = weights.factors.as_ptr();
        let zeros = weights.zeros.as_ptr();
        // Channels that do not fill a vector come first. Their writes beyond the pixel are overwritten afterwards.
        let whole = depth / S::LANES * S::LANES;
        let part = (whole < depth).then_some(whole);
        for channel in part.into_iter().chain((0..whole).step_by(S::LANES)) {
            let factor = S::load(factors.add(channel));
            let zero = S::load(zeros.add(channel));
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

/// Returns the byte of a value before it is rounded.
///
/// # Safety
/// The conditions of [`Dot`] must hold.
#[inline(always)]
pub(super) unsafe fn byte<S: Dot>(number: S, factor: S, zero: S) -> S {
    // SAFETY: guaranteed by the caller.
    unsafe {
        // The value is limited before it is rounded, because the conversion has no meaning beyond 32 bits.
        number.mul_add(factor, zero).max(S::splat(0.0)).min(S::splat(255.0))
    }
}

/// Writes the first `count` elements of a vector as bytes.
///
/// # Safety
/// The conditions of [`Dot::store_bytes`] must hold. `to` must be valid for `count` bytes, and `count` must not exceed
/// the elements of a vector.
#[inline(always)]
pub(super) unsafe fn store_part<S: Dot>(numbers: S, to: *mut u8, count: usize) {
    let mut bytes = [0_u8; 16];
    // SAFETY: no vector has more than 16 elements; the caller guarantees the rest.
    unsafe {
        numbers.store_bytes(bytes.as_mut_ptr());
        to.copy_from_nonoverlapping(bytes.as_ptr(), count);
    }
}

/// A matrix of weights as bytes, in the layout of [`MatmulWeights`](super::matmul::MatmulWeights) but with four depths
/// together.
#[derive(Debug)]
pub(crate) struct ByteWeights {
    isa: Isa,
    depth: usize,
    channels: usize,
    /// The number of vectors of channels in each block.
    blocks: Vec<usize>,
    data: AlignedVec<i8>,
    /// The factor of a channel's sum.
    scales: AlignedVec<f32>,
    bias: AlignedVec<f32>,
    /// Turn the inputs of each channel into bytes: x * factor + zero.
    factors: AlignedVec<f32>,
    zeros: AlignedVec<f32>,
}

/// The number of depths that are multiplied together. The depth of a matrix is a multiple of it.
pub(crate) const DEPTHS_PER_DOT: usize = 4;

/// The largest absolute value of a weight as a byte.
const MAX_WEIGHT: f32 = 127.0;

impl ByteWeights {
    /// Lays out the weights that `weight(depth, channel)` returns, times the scales of the `inputs`. Rounds them to 255
    /// steps of each output channel's own range.
    ///
    /// # Panics
    /// Panics if the number of inputs is not a multiple of [`DEPTHS_PER_DOT`], or if it is so large that sums might
    /// overflow 32 bits.
    pub(crate) fn new(
        isa: Isa,
        bias: &[f32],
        inputs: &[InputScale],
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let depth = inputs.len();
        let weight = |k: usize, c: usize| weight(k, c) * inputs[k].scale;
        assert!(depth.is_multiple_of(DEPTHS_PER_DOT) && depth <= 1 << 16, "a depth of {depth}");
        let channels = bias.len();
        let mut steps = vec![0.0; channels];
        for (c, step) in steps.iter_mut().enumerate() {
            let largest = (0..depth).fold(0.0_f32, |largest, k| largest.max(weight(k, c).abs()));
            *step = (largest / MAX_WEIGHT).max(f32::MIN_POSITIVE);
        }
        let byte = |k: usize, c: usize| {
            (weight(k, c) / steps[c]).round_ties_even().clamp(-MAX_WEIGHT, MAX_WEIGHT) as i8
        };
        let vectors = channels.div_ceil(isa.lanes());
        let blocks = split_blocks(isa, vectors);
        let mut data = AlignedVec::zeroed(vectors * isa.lanes() * depth);
        let mut at = 0;
        let mut first = 0;
        for wide in blocks.iter().map(|vectors| vectors * isa.lanes()) {
            for k in (0..depth).step_by(DEPTHS_PER_DOT) {
                for i in 0..wide {
                    for (j, to) in data[at..][..DEPTHS_PER_DOT].iter_mut().enumerate() {
                        if first + i < channels {
                            *to = byte(k + j, first + i);
                        }
                    }
                    at += DEPTHS_PER_DOT;
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
            [&steps, &bias, &factors, &zeros].map(|numbers| pad_to_vectors(isa, numbers));
        Self { isa, depth, channels, blocks, data, scales, bias, factors, zeros }
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Returns the factors and zeros that quantize the input channels with [`byte`], padded to whole vectors.
    pub(super) fn quantizers(&self) -> (&[f32], &[f32]) {
        (&self.factors, &self.zeros)
    }

    /// Returns the size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let numbers = [&self.scales, &self.bias, &self.factors, &self.zeros].map(|numbers| numbers.len());
        self.data.len() + numbers.iter().sum::<usize>() * size_of::<f32>()
    }
}

/// Computes `count` output pixels from the bytes of as many input pixels.
///
/// # Panics
/// Panics if a slice is too short.
pub(crate) fn byte_matmul(
    weights: &ByteWeights,
    epilogue: &Epilogue,
    count: usize,
    input: &[u8],
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let needed = count * weights.channels;
    assert!(input.len() >= count * weights.depth, "inputs");
    assert!(out.len() >= needed && residual.is_none_or(|r| r.len() >= needed), "outputs");
    assert!(epilogue.slopes.as_ref().is_none_or(|s| s.len() == weights.bias.len()), "slopes");
    // SAFETY: the slices hold `count` pixels; the constructors pad weights, scales, bias and slopes to whole vectors.
    unsafe { run(weights.isa, weights, epilogue, count, input, residual, out.as_mut_ptr()) }
}

kernel! {
    fn run(
        weights: &ByteWeights,
        epilogue: &Epilogue,
        count: usize,
        input: &[u8],
        residual: Option<&[f32]>,
        out: *mut f32,
    ) = generic
}

/// # Safety
/// The conditions that [`byte_matmul`] checks must hold.
#[inline(always)]
unsafe fn generic<S: Dot>(
    weights: &ByteWeights,
    epilogue: &Epilogue,
    count: usize,
    input: &[u8],
    residual: Option<&[f32]>,
    out: *mut f32,
) {
    let mut first = 0;
    let mut data = weights.data.as_ptr();
    for block in &weights.blocks {
        let output = BlockOutput {
            epilogue,
            residual,
            step: weights.channels,
            first,
            channels: weights.channels,
            out,
        };
        let strip = Strip { weights, input: input.as_ptr(), data, output };
        // SAFETY: guaranteed by the caller; the blocks make up the weights' data.
        unsafe {
            match block {
                1 => for_each_tile::<S, _, 1>(&strip, 0, count),
                2 => for_each_tile::<S, _, 2>(&strip, 0, count),
                _ => for_each_tile::<S, _, 3>(&strip, 0, count),
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
    output: BlockOutput<'a>,
}

impl TileKernel for Strip<'_> {
    #[inline(always)]
    fn max_pixels<S: Dot>() -> [usize; 3] {
        S::BYTE_TILE_PIXELS
    }

    #[inline(always)]
    unsafe fn tile<S: Dot, const P: usize, const N: usize>(&self, at: usize) {
        if const { P > S::BYTE_TILE_PIXELS[N - 1] } {
            return; // Never reached; generates no code.
        }
        // SAFETY: guaranteed by the caller.
        unsafe {
            let depth = self.weights.depth;
            let input = self.input.add(at * depth);
            let mut sums = [[S::zero_sums(); N]; P];
            let mut data = self.data;
            for k in (0..depth).step_by(DEPTHS_PER_DOT) {
                let mut factors = [S::load_weights(data); N];
                unroll!(I < N => { factors[I] = S::load_weights(data.add(I * S::LANES * DEPTHS_PER_DOT)); });
                data = data.add(N * S::LANES * DEPTHS_PER_DOT);
                unroll!(J < P => {
                    let inputs = S::load_inputs(input.add(J * depth + k));
                    unroll!(I < N => { sums[J][I] = S::dot(sums[J][I], inputs, factors[I]); });
                });
            }
            let mut numbers = [[S::zero(); N]; P];
            unroll!(I < N => {
                let channel = self.output.first + I * S::LANES;
                let scale = S::load(self.weights.scales.as_ptr().add(channel));
                let bias = S::load(self.weights.bias.as_ptr().add(channel));
                unroll!(J < P => { numbers[J][I] = S::sums_to_f32(sums[J][I]).mul_add(scale, bias); });
            });
            self.output.store::<S, P, N>(at, numbers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values become the nearest byte of their channel. Sums of bytes are exact, so except for the last scale and bias
    /// every instruction set computes the same result.
    #[test]
    fn all_instruction_sets_compute_the_same_sums() {
        let mut state = 1_u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Numerical Recipes, 7.1
            state >> 16
        };
        for (depth, channels, count) in [(4, 1, 1), (12, 17, 3), (64, 40, 30), (256, 48, 15), (512, 8, 29)] {
            let weights: Vec<f32> = (0..depth * channels).map(|_| next() as f32 / 32768.0 - 1.0).collect();
            let bias: Vec<f32> = (0..channels).map(|_| next() as f32 / 65536.0).collect();
            let numbers: Vec<f32> = (0..depth * count).map(|_| next() as f32 / 16384.0 - 1.5).collect();
            let inputs: Vec<InputScale> =
                (0..depth).map(|k| InputScale::of(-1.0 / (k + 1) as f32, 2.0)).collect();
            let of = |isa: Isa| {
                let weights = ByteWeights::new(isa, &bias, &inputs, |k, c| weights[c * depth + k]);
                let mut bytes = vec![0; depth * count];
                let mut out = vec![0.0; count * channels];
                quantize(&weights, &numbers, &mut bytes);
                for (i, byte) in bytes.iter().enumerate() {
                    let InputScale { scale, zero } = inputs[i % depth];
                    let exact = (numbers[i] / scale + f32::from(zero)).clamp(0.0, 255.0);
                    assert!((f32::from(*byte) - exact).abs() < 0.501, "{isa:?}: {byte}, not {exact}");
                }
                byte_matmul(&weights, &Epilogue::default(), count, &bytes, None, &mut out);
                out
            };
            let portable = of(Isa::PORTABLE);
            for isa in Isa::available() {
                let out = of(*isa);
                for (a, b) in out.iter().zip(&portable) {
                    assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{isa:?}: {a}, not {b}");
                }
            }
        }
    }
}
