//! The matrix kernel: every dense convolution comes down to it.
//!
//! A pixel of output is the product of `depth` inputs with a matrix of `depth` x `channels` weights. The inputs
//! stand in one or several runs: one for a pointwise convolution, a row of the window each for a larger one. A tile
//! of P pixels by N vectors of channels stays in registers over the whole depth; each input is spread over a vector
//! once and used N times, each vector of weights is used P times.

use super::tile::{Block, Finish, Output, Tile, blocks, padded, walk};
use crate::Isa;
use crate::buffer::Lines;
use crate::half::Half;
use crate::simd::{Dot, Simd, kernel, unroll};

/// A matrix of weights and a bias, laid out for one instruction set: blocks of vectors of channels, in each for every depth
/// the block's weights. Channels are padded with zeros to whole vectors.
#[derive(Debug)]
pub(crate) struct Weights {
    isa: Isa,
    depth: usize,
    channels: usize,
    blocks: Vec<Block>,
    data: Data,
    bias: Lines<f32>,
}

/// The numbers of a matrix.
#[derive(Debug)]
enum Data {
    Single(Lines<f32>),
    Half(Lines<Half>),
}

impl Weights {
    /// Lays out the weights that `weight(depth, channel)` gives.
    pub(crate) fn new(isa: Isa, depth: usize, bias: &[f32], weight: impl Fn(usize, usize) -> f32) -> Self {
        let channels = bias.len();
        let blocks = blocks(isa, channels);
        let wide = |block: &Block| block.channels(isa);
        let all: usize = blocks.iter().map(wide).sum();
        let mut data = Lines::zeroed(all * depth);
        let (mut at, mut first) = (0, 0);
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
        Self { isa, depth, channels, blocks, data: Data::Single(data), bias: padded(isa, bias) }
    }

    /// The same weights, in half the memory where half precision has each of them: for few pixels, which take less time than
    /// reading the weights does. The outputs are the same.
    pub(crate) fn compact(mut self) -> Self {
        if let Data::Single(data) = &self.data {
            let halves: Option<Vec<Half>> = data.iter().map(|weight| Half::new(*weight)).collect();
            if let Some(halves) = halves {
                let mut lines = Lines::zeroed(halves.len());
                lines.copy_from_slice(&halves);
                self.data = Data::Half(lines);
            }
        }
        self
    }

    /// How many inputs make up an output.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// How many channels an output pixel has.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let data = match &self.data {
            Data::Single(data) => size_of_val::<[f32]>(data),
            Data::Half(data) => size_of_val::<[Half]>(data),
        };
        data + size_of_val::<[f32]>(&self.bias)
    }
}

/// Where the pixels of one call come from and go to.
pub(crate) struct Pixels<'a> {
    /// The runs of inputs of the first pixel, each `run` numbers long; they make up the depth in this order.
    pub(crate) sources: &'a [&'a [f32]],
    /// Numbers from a pixel's inputs to the next one's, in each source.
    pub(crate) step: usize,
    /// Numbers in a run.
    pub(crate) run: usize,
    /// How many pixels.
    pub(crate) count: usize,
    /// What is added to the outputs, laid out as they are.
    pub(crate) residual: Option<&'a [f32]>,
    /// Numbers from an output pixel to the next.
    pub(crate) out_step: usize,
}

/// How much of the inputs is gone through for a block of channels before the next block: half of a small
/// second-level cache.
const CHUNK_BYTES: usize = 256 << 10;

/// Computes `pixels.count` output pixels into `out`.
///
/// # Panics
/// If a slice is too short for what `pixels` says, or the depth is not that of the weights.
pub(crate) fn matmul(weights: &Weights, finish: &Finish, pixels: &Pixels<'_>, out: &mut [f32]) {
    let Some(before_last) = pixels.count.checked_sub(1) else { return };
    let needed = before_last * pixels.out_step + weights.channels;
    assert!(pixels.sources.iter().all(|s| s.len() >= before_last * pixels.step + pixels.run), "inputs");
    assert_eq!(pixels.sources.len() * pixels.run, weights.depth, "the depth of the weights");
    assert!(out.len() >= needed && pixels.residual.is_none_or(|r| r.len() >= needed), "outputs");
    assert!(finish.slopes.as_ref().is_none_or(|s| s.len() == weights.bias.len()), "slopes");
    // SAFETY: the sources hold every pixel's runs, `out` and the residual every output pixel; weights, bias and
    // slopes are padded to whole vectors by their constructors.
    unsafe { run(weights.isa, weights, finish, pixels, out.as_mut_ptr()) }
}

kernel! { fn run(weights: &Weights, finish: &Finish, pixels: &Pixels<'_>, out: *mut f32) = generic }

/// # Safety
/// As [`matmul`] checks.
#[inline(always)]
unsafe fn generic<S: Dot>(weights: &Weights, finish: &Finish, pixels: &Pixels<'_>, out: *mut f32) {
    // SAFETY: passed on to the caller.
    unsafe {
        match &weights.data {
            Data::Single(data) => strips::<S, f32>(weights, data.as_ptr(), finish, pixels, out),
            Data::Half(data) => strips::<S, Half>(weights, data.as_ptr(), finish, pixels, out),
        }
    }
}

/// A number of a matrix as it is kept.
trait Number: Copy {
    /// Reads a vector of them.
    ///
    /// # Safety
    /// As the methods of [`Simd`].
    unsafe fn load<S: Simd>(from: *const Self) -> S;
}

impl Number for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S {
        // SAFETY: passed on to the caller.
        unsafe { S::load(from) }
    }
}

impl Number for Half {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S {
        // SAFETY: passed on to the caller.
        unsafe { S::load_half(from) }
    }
}

/// # Safety
/// As [`matmul`] checks, and `all` is the weights' data.
#[inline(always)]
unsafe fn strips<S: Dot, W: Number>(
    weights: &Weights,
    all: *const W,
    finish: &Finish,
    pixels: &Pixels<'_>,
    out: *mut f32,
) {
    let chunk = (CHUNK_BYTES / size_of::<f32>() / weights.depth.max(1)).max(4 * S::PIXELS[0]);
    let mut from = 0;
    while from < pixels.count {
        let to = if pixels.count - from < 2 * chunk { pixels.count } else { from + chunk };
        let (mut first, mut data) = (0, all);
        for block in &weights.blocks {
            let output = Output {
                finish,
                residual: pixels.residual,
                step: pixels.out_step,
                first,
                channels: weights.channels,
                out,
            };
            let strip = Strip { pixels, data, bias: weights.bias.as_ptr(), output };
            // SAFETY: passed on to the caller; the blocks make up the weights' data.
            unsafe {
                match block {
                    Block::Vectors(1) => walk::<S, _, 1>(&strip, from, to),
                    Block::Vectors(2) => walk::<S, _, 2>(&strip, from, to),
                    Block::Vectors(_) => walk::<S, _, 3>(&strip, from, to),
                    Block::Half => walk::<S::Half, _, 1>(&strip, from, to),
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
    pixels: &'a Pixels<'a>,
    data: *const W,
    bias: *const f32,
    output: Output<'a>,
}

impl<W: Number> Tile for Strip<'_, W> {
    #[inline(always)]
    fn most<S: Dot>() -> [usize; 3] {
        S::PIXELS
    }

    #[inline(always)]
    unsafe fn tile<S: Dot, const P: usize, const N: usize>(&self, at: usize) {
        if P > S::PIXELS[N - 1] {
            return; // Never asked for; makes no code.
        }
        // SAFETY: passed on to the caller.
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
                for k in 0..self.pixels.run {
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
