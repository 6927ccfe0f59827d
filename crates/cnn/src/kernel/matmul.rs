//! The matrix kernel, to which every dense convolution reduces.
//!
//! A pixel of output is the product of `depth` inputs and a matrix of `depth` x `channels` weights. The inputs stand in
//! one or several runs: one for a pointwise convolution, one for each row of a larger window. A tile of P pixels by N
//! vectors of channels stays in registers over the whole depth. Each input is broadcast to a vector once and used N
//! times, and each vector of weights is used P times.

use super::tile::{Block, BlockOutput, Epilogue, TileKernel, blocks, for_each_tile, pad_to_vectors};
use crate::aligned::AlignedVec;
use crate::f16::F16;
use crate::isa::Isa;
use crate::simd::dispatch::{kernel, unroll};
use crate::simd::vector::{Dot, Simd};

/// A matrix of weights and a bias, laid out for one instruction set. The matrix is cut into blocks of vectors of
/// channels, and each block has its weights depth by depth. Channels are padded with zeros to whole vectors.
#[derive(Debug)]
pub(crate) struct MatmulWeights {
    isa: Isa,
    depth: usize,
    channels: usize,
    blocks: Vec<Block>,
    data: Data,
    bias: AlignedVec<f32>,
}

/// The elements of a matrix.
#[derive(Debug)]
enum Data {
    F32(AlignedVec<f32>),
    F16(AlignedVec<F16>),
}

impl MatmulWeights {
    /// Lays out the weights that `weight(depth, channel)` returns.
    pub(crate) fn new(isa: Isa, depth: usize, bias: &[f32], weight: impl Fn(usize, usize) -> f32) -> Self {
        let channels = bias.len();
        let blocks = blocks(isa, channels);
        let wide = |block: &Block| block.channels(isa);
        let all: usize = blocks.iter().map(wide).sum();
        let mut data = AlignedVec::zeroed(all * depth);
        let mut at = 0;
        let mut first = 0;
        for wide in blocks.iter().map(wide) {
            for k in 0..depth {
                for (i, to) in data[at..][..wide].iter_mut().enumerate() {
                    if first + i < channels {
                        *to = weight(k, first + i);
                    }
                }
                at += wide;
            }
            first += wide;
        }
        Self { isa, depth, channels, blocks, data: Data::F32(data), bias: pad_to_vectors(isa, bias) }
    }

    /// Converts the weights to half precision if that does not change any of them. This pays if there are so few pixels
    /// that reading the weights takes most of the time. The outputs stay the same.
    pub(crate) fn into_half_precision(mut self) -> Self {
        if let Data::F32(data) = &self.data {
            let halves: Option<Vec<F16>> = data.iter().map(|weight| F16::from_f32_exact(*weight)).collect();
            if let Some(halves) = halves {
                let mut lines = AlignedVec::zeroed(halves.len());
                lines.copy_from_slice(&halves);
                self.data = Data::F16(lines);
            }
        }
        self
    }

    /// Returns the number of inputs of an output.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Returns the number of channels of an output pixel.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Returns the size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let data = match &self.data {
            Data::F32(data) => size_of_val::<[f32]>(data),
            Data::F16(data) => size_of_val::<[F16]>(data),
        };
        data + size_of_val::<[f32]>(&self.bias)
    }
}

/// The largest number of sources of one call, and of rows that a depthwise window sees.
pub(crate) const MAX_SOURCES: usize = 64;

/// The inputs and outputs of one call.
pub(crate) struct MatmulPixels<'a> {
    /// The runs of inputs of the first pixel, each `run_len` elements long. They make up the depth in this order.
    pub(crate) sources: &'a [&'a [f32]],
    /// The elements from a pixel's inputs to the next one's, in each source.
    pub(crate) step: usize,
    /// The elements of a run.
    pub(crate) run_len: usize,
    /// The number of pixels.
    pub(crate) count: usize,
    /// Added to the outputs. It has their layout.
    pub(crate) residual: Option<&'a [f32]>,
    /// The elements from an output pixel to the next.
    pub(crate) out_step: usize,
}

/// The size of the inputs that are processed for one block of channels before the next block: half of a small
/// second-level cache.
const CHUNK_BYTES: usize = 256 << 10;

/// Computes `pixels.count` output pixels into `out`.
///
/// # Panics
/// Panics if a slice is shorter than `pixels` requires, or if the depth differs from that of the weights.
pub(crate) fn matmul(
    weights: &MatmulWeights,
    epilogue: &Epilogue,
    pixels: &MatmulPixels<'_>,
    out: &mut [f32],
) {
    let Some(before_last) = pixels.count.checked_sub(1) else { return };
    let needed = before_last * pixels.out_step + weights.channels;
    assert!(pixels.sources.iter().all(|s| s.len() >= before_last * pixels.step + pixels.run_len), "inputs");
    assert_eq!(pixels.sources.len() * pixels.run_len, weights.depth, "the depth of the weights");
    assert!(out.len() >= needed && pixels.residual.is_none_or(|r| r.len() >= needed), "outputs");
    assert!(epilogue.slopes.as_ref().is_none_or(|s| s.len() == weights.bias.len()), "slopes");
    // SAFETY: the sources hold the runs of every pixel, `out` and the residual every output pixel; the constructors pad
    // weights, bias and slopes to whole vectors.
    unsafe { run(weights.isa, weights, epilogue, pixels, out.as_mut_ptr()) }
}

kernel! { fn run(weights: &MatmulWeights, epilogue: &Epilogue, pixels: &MatmulPixels<'_>, out: *mut f32) = generic }

/// # Safety
/// The conditions that [`matmul`] checks must hold.
#[inline(always)]
unsafe fn generic<S: Dot>(
    weights: &MatmulWeights,
    epilogue: &Epilogue,
    pixels: &MatmulPixels<'_>,
    out: *mut f32,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match &weights.data {
            Data::F32(data) => strips::<S, f32>(weights, data.as_ptr(), epilogue, pixels, out),
            Data::F16(data) => strips::<S, F16>(weights, data.as_ptr(), epilogue, pixels, out),
        }
    }
}

/// An element of a matrix in its stored precision.
trait Number: Copy {
    /// Reads a vector of elements.
    ///
    /// # Safety
    /// The conditions of [`Simd`] must hold.
    unsafe fn load<S: Simd>(from: *const Self) -> S;
}

impl Number for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S {
        // SAFETY: guaranteed by the caller.
        unsafe { S::load(from) }
    }
}

impl Number for F16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S {
        // SAFETY: guaranteed by the caller.
        unsafe { S::load_f16(from) }
    }
}

/// # Safety
/// The conditions that [`matmul`] checks must hold, and `all` must be the data of the weights.
#[inline(always)]
unsafe fn strips<S: Dot, W: Number>(
    weights: &MatmulWeights,
    all: *const W,
    epilogue: &Epilogue,
    pixels: &MatmulPixels<'_>,
    out: *mut f32,
) {
    let chunk = (CHUNK_BYTES / size_of::<f32>() / weights.depth.max(1)).max(4 * S::TILE_PIXELS[0]);
    let mut from = 0;
    while from < pixels.count {
        let to = if pixels.count - from < 2 * chunk { pixels.count } else { from + chunk };
        let mut first = 0;
        let mut data = all;
        for block in &weights.blocks {
            let output = BlockOutput {
                epilogue,
                residual: pixels.residual,
                step: pixels.out_step,
                first,
                channels: weights.channels,
                out,
            };
            let strip = Strip { pixels, data, bias: weights.bias.as_ptr(), output };
            // SAFETY: guaranteed by the caller; the blocks make up the weights' data.
            unsafe {
                match block {
                    Block::Vectors(1) => for_each_tile::<S, _, 1>(&strip, from, to),
                    Block::Vectors(2) => for_each_tile::<S, _, 2>(&strip, from, to),
                    Block::Vectors(_) => for_each_tile::<S, _, 3>(&strip, from, to),
                    Block::HalfVector => for_each_tile::<S::HalfWidth, _, 1>(&strip, from, to),
                }
                let wide = block.channels(weights.isa);
                data = data.add(wide * weights.depth);
                first += wide;
            }
        }
        from = to;
    }
}

/// One block of output channels.
struct Strip<'a, W> {
    pixels: &'a MatmulPixels<'a>,
    data: *const W,
    bias: *const f32,
    output: BlockOutput<'a>,
}

impl<W: Number> TileKernel for Strip<'_, W> {
    #[inline(always)]
    fn max_pixels<S: Dot>() -> [usize; 3] {
        S::TILE_PIXELS
    }

    #[inline(always)]
    unsafe fn tile<S: Dot, const P: usize, const N: usize>(&self, at: usize) {
        if const { P > S::TILE_PIXELS[N - 1] } {
            return; // Never reached; generates no code.
        }
        // SAFETY: guaranteed by the caller.
        unsafe {
            let step = self.pixels.step;
            let mut sums = [[S::zero(); N]; P];
            unroll!(I < N => {
                let bias = S::load(self.bias.add(self.output.first + I * S::LANES));
                unroll!(J < P => { sums[J][I] = bias; });
            });
            let mut data = self.data;
            for source in self.pixels.sources {
                let source = source.as_ptr().add(at * step);
                for k in 0..self.pixels.run_len {
                    let mut weights = [S::zero(); N];
                    unroll!(I < N => { weights[I] = W::load::<S>(data.add(I * S::LANES)); });
                    data = data.add(N * S::LANES);
                    unroll!(J < P => {
                        let value = S::splat(*source.add(J * step + k));
                        unroll!(I < N => { sums[J][I] = value.mul_add(weights[I], sums[J][I]); });
                    });
                }
            }
            self.output.store::<S, P, N>(at, sums);
        }
    }
}
