//! The matrix kernel: every dense convolution comes down to it.
//!
//! A pixel of output is the product of `depth` inputs with a matrix of `depth` x `channels` weights. The inputs
//! stand in one or several runs: one for a pointwise convolution, a row of the window each for a larger one. A tile
//! of P pixels by N vectors of channels stays in registers over the whole depth; each input is spread over a vector
//! once and used N times, each vector of weights is used P times.

use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Simd, kernel, unroll};

/// What happens to an output before it is stored: `after(before(product + bias) + residual)`.
#[derive(Clone, Debug)]
pub(crate) struct Finish {
    /// Bounds before the residual is added; infinite where there is no activation, or one with slopes.
    pub(crate) before: (f32, f32),
    /// For each channel, the factor of what is below zero. Padded to whole vectors.
    pub(crate) slopes: Option<Lines<f32>>,
    /// Bounds after the residual was added.
    pub(crate) after: (f32, f32),
}

/// Bounds that change nothing.
pub(crate) const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

impl Default for Finish {
    fn default() -> Self {
        Self { before: UNBOUNDED, slopes: None, after: UNBOUNDED }
    }
}

/// A matrix of weights and a bias, laid out for one instruction set: blocks of vectors of channels, in each for every depth
/// the block's weights. Channels are padded with zeros to whole vectors.
#[derive(Debug)]
pub(crate) struct Weights {
    isa: Isa,
    depth: usize,
    channels: usize,
    blocks: Vec<Block>,
    data: Lines<f32>,
    bias: Lines<f32>,
}

/// Channels that are computed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// 1 to 3 vectors.
    Vectors(usize),
    /// Half a vector.
    Half,
}

impl Weights {
    /// Lays out the weights that `weight(depth, channel)` gives.
    pub(crate) fn new(isa: Isa, depth: usize, bias: &[f32], weight: impl Fn(usize, usize) -> f32) -> Self {
        let channels = bias.len();
        let blocks = blocks(isa, channels);
        let wide = |block: &Block| match block {
            Block::Vectors(vectors) => vectors * isa.lanes(),
            Block::Half => isa.lanes() / 2,
        };
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
        Self { isa, depth, channels, blocks, data, bias: padded(isa, bias) }
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
        (self.data.len() + self.bias.len()) * size_of::<f32>()
    }
}

/// The numbers, followed by zeros up to a whole vector.
pub(crate) fn padded(isa: Isa, numbers: &[f32]) -> Lines<f32> {
    let mut lines = Lines::zeroed(numbers.len().next_multiple_of(isa.lanes()));
    lines[..numbers.len()].copy_from_slice(numbers);
    lines
}

/// Blocks of two vectors and an odd rest: one of three where the registers hold them with enough pixels beside, else one of
/// one; and half a vector for channels that need no more.
fn blocks(isa: Isa, channels: usize) -> Vec<Block> {
    let lanes = isa.lanes();
    let rest = channels % lanes;
    let half = isa.half().is_some_and(|half| (1..=half).contains(&rest));
    let vectors = if half { channels / lanes } else { channels.div_ceil(lanes) };
    let mut blocks = vec![Block::Vectors(2); vectors / 2];
    match blocks.last_mut() {
        Some(last) if vectors % 2 == 1 && isa.registers() >= 32 => *last = Block::Vectors(3),
        _ if vectors % 2 == 1 => blocks.push(Block::Vectors(1)),
        _ => {}
    }
    blocks.extend(half.then_some(Block::Half));
    blocks
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
unsafe fn generic<S: Simd>(weights: &Weights, finish: &Finish, pixels: &Pixels<'_>, out: *mut f32) {
    let chunk = (CHUNK_BYTES / size_of::<f32>() / weights.depth.max(1)).max(4 * S::PIXELS[0]);
    let mut from = 0;
    while from < pixels.count {
        let to = if pixels.count - from < 2 * chunk { pixels.count } else { from + chunk };
        let (mut first, mut data) = (0, weights.data.as_ptr());
        for block in &weights.blocks {
            let strip = Strip {
                pixels,
                finish,
                first,
                data,
                bias: weights.bias.as_ptr(),
                channels: weights.channels,
                out,
            };
            // SAFETY: passed on to the caller; the blocks make up the weights' data.
            unsafe {
                match block {
                    Block::Vectors(1) => strip.run::<S, 1>(from, to),
                    Block::Vectors(2) => strip.run::<S, 2>(from, to),
                    Block::Vectors(_) => strip.run::<S, 3>(from, to),
                    Block::Half => strip.run::<S::Half, 1>(from, to),
                }
                let wide = match block {
                    Block::Vectors(vectors) => vectors * S::LANES,
                    Block::Half => S::Half::LANES,
                };
                data = data.add(wide * weights.depth);
                first += wide;
            }
        }
        from = to;
    }
}

/// One block of output channels.
struct Strip<'a> {
    pixels: &'a Pixels<'a>,
    finish: &'a Finish,
    /// The block's first channel.
    first: usize,
    data: *const f32,
    bias: *const f32,
    channels: usize,
    out: *mut f32,
}

impl Strip<'_> {
    /// # Safety
    /// As [`generic`].
    #[inline(always)]
    unsafe fn run<S: Simd, const N: usize>(&self, from: usize, to: usize) {
        let most = S::PIXELS[N - 1];
        let mut at = from;
        while at < to {
            // Two tiles of about the same size at the end instead of a full one and a small one, whose few
            // accumulators would wait for one another.
            let count = match to - at {
                left if left <= most => left,
                left if left < 2 * most => left.div_ceil(2),
                _ => most,
            };
            // SAFETY: passed on to the caller; `count` <= `most`.
            unsafe {
                match count {
                    1 => self.tile::<S, 1, N>(at),
                    2 => self.tile::<S, 2, N>(at),
                    3 => self.tile::<S, 3, N>(at),
                    4 => self.tile::<S, 4, N>(at),
                    5 => self.tile::<S, 5, N>(at),
                    6 => self.tile::<S, 6, N>(at),
                    7 => self.tile::<S, 7, N>(at),
                    8 => self.tile::<S, 8, N>(at),
                    9 => self.tile::<S, 9, N>(at),
                    10 => self.tile::<S, 10, N>(at),
                    11 => self.tile::<S, 11, N>(at),
                    12 => self.tile::<S, 12, N>(at),
                    13 => self.tile::<S, 13, N>(at),
                    _ => self.tile::<S, 14, N>(at),
                }
            }
            at += count;
        }
    }

    /// # Safety
    /// As [`generic`], for the P pixels from `at` on.
    #[inline(always)]
    unsafe fn tile<S: Simd, const P: usize, const N: usize>(&self, at: usize) {
        if P > S::PIXELS[N - 1] {
            return; // Never asked for; makes no code.
        }
        // SAFETY: passed on to the caller.
        unsafe {
            let step = self.pixels.step;
            let mut sums = [[S::zero(); N]; P];
            unroll!(I < N => {
                let bias = S::load(self.bias.add(self.first + I * S::LANES));
                unroll!(J < P => { sums[J][I] = bias; });
            });
            let mut data = self.data;
            for source in self.pixels.sources {
                let source = source.as_ptr().add(at * step);
                for k in 0..self.pixels.run {
                    let mut weights = [S::zero(); N];
                    unroll!(I < N => { weights[I] = S::load(data.add(I * S::LANES)); });
                    data = data.add(N * S::LANES);
                    unroll!(J < P => {
                        let value = S::splat(*source.add(J * step + k));
                        unroll!(I < N => { sums[J][I] = value.mul_add(weights[I], sums[J][I]); });
                    });
                }
            }
            self.store::<S, P, N>(at, sums);
        }
    }

    /// # Safety
    /// As [`generic`], for the P pixels from `at` on.
    #[inline(always)]
    unsafe fn store<S: Simd, const P: usize, const N: usize>(&self, at: usize, sums: [[S; N]; P]) {
        let finish = self.finish;
        // SAFETY: passed on to the caller; the last vector is written as far as there are channels.
        unsafe {
            let (low, high) = (S::splat(finish.before.0), S::splat(finish.before.1));
            let (after_low, after_high) = (S::splat(finish.after.0), S::splat(finish.after.1));
            unroll!(I < N => {
                let channel = self.first + I * S::LANES;
                let left = self.channels.saturating_sub(channel);
                let tail = S::tail(left.min(S::LANES));
                let slope = finish.slopes.as_ref().map(|slopes| S::load(slopes.as_ptr().add(channel)));
                unroll!(J < P => {
                    let place = (at + J) * self.pixels.out_step + channel;
                    let mut value = sums[J][I];
                    value = match slope {
                        Some(slope) => value.min(S::zero()).mul_add(slope, value.max(S::zero())),
                        None => value.max(low).min(high),
                    };
                    if let Some(residual) = self.pixels.residual {
                        let residual = residual.as_ptr().add(place);
                        let residual =
                            if left < S::LANES { S::load_tail(residual, tail) } else { S::load(residual) };
                        value = value.add(residual).max(after_low).min(after_high);
                    }
                    if left < S::LANES {
                        value.store_tail(self.out.add(place), tail);
                    } else {
                        value.store(self.out.add(place));
                    }
                });
            });
        }
    }
}
