//! The transforms of F(4x4, 3x3). They compute a tile of 4 x 4 outputs of a 3 x 3 window from 6 x 6 inputs with 36
//! multiplications a channel instead of 144 (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks",
//! arXiv 1509.09308, section 4.3, whose matrices are used here).

#![allow(
    clippy::out_of_bounds_indexing,
    unconditional_panic,
    reason = "the places that `unroll!` names beyond an array are never reached"
)]

use super::tile::{Epilogue, VectorEpilogue, pad_to_vectors};
use crate::aligned::AlignedVec;
use crate::isa::Isa;
use crate::simd::dispatch::{kernel, unroll};
use crate::simd::vector::Simd;

/// The number of points of a transformed tile.
pub(crate) const TILE_POINTS: usize = 36;
/// The outputs on a side of a tile.
pub(crate) const OUTPUT_TILE: usize = 4;
/// The inputs on a side of a tile.
pub(crate) const INPUT_TILE: usize = 6;

/// Transforms the window of one pair of channels: G g G^T, row by row.
pub(crate) fn transform_weights(taps: &[f32; 9]) -> [f32; TILE_POINTS] {
    const G: [[f32; 3]; INPUT_TILE] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let dot = |g: &[f32; 3], values: [f32; 3]| g[0] * values[0] + g[1] * values[1] + g[2] * values[2];
    let rows = G.map(|g| [0, 1, 2].map(|x| dot(&g, [taps[x], taps[3 + x], taps[6 + x]])));
    std::array::from_fn(|i| dot(&G[i % INPUT_TILE], rows[i / INPUT_TILE]))
}

/// Transforms tiles that lie side by side in six rows. Tile `t` begins at `rows[t * 4 * channels..]` of each row in
/// NHWC order. Its point `i` goes to `out[(i * tiles_in_all + first + t) * channels..]`.
///
/// # Panics
/// Panics if a slice is too short.
pub(crate) fn transform_input(
    isa: Isa,
    rows: &[&[f32]; INPUT_TILE],
    channels: usize,
    (first, tiles, all): (usize, usize, usize),
    out: &mut [f32],
) {
    let Some(before_last) = tiles.checked_sub(1) else { return };
    let needed = (before_last * OUTPUT_TILE + INPUT_TILE) * channels;
    assert!(rows.iter().all(|row| row.len() >= needed), "inputs");
    assert!(first + tiles <= all && out.len() >= TILE_POINTS * all * channels, "outputs");
    // SAFETY: each row holds the last pixel of the last tile, and `out` every point of every tile.
    unsafe { transform_input_tiles(isa, rows, channels, (first, tiles, all), out.as_mut_ptr()) }
}

kernel! {
    fn transform_input_tiles(
        rows: &[&[f32]; INPUT_TILE],
        channels: usize,
        tiles: (usize, usize, usize),
        out: *mut f32,
    ) = transform_input_generic
}

/// Computes B^T d for a column of six, or d B for a row.
///
/// # Safety
/// The conditions of [`Simd`] must hold.
#[inline(always)]
unsafe fn input_transform_1d<S: Simd>(d: [S; INPUT_TILE]) -> [S; INPUT_TILE] {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let two = S::splat(2.0);
        let four = S::splat(4.0);
        let five = S::splat(-5.0);
        let minus_four = S::splat(-4.0);
        // The common parts of pairs of rows.
        let a = d[2].mul_add(minus_four, d[4]);
        let b = d[1].mul_add(minus_four, d[3]);
        let c = d[4].sub(d[2]);
        let e = d[3].sub(d[1]).mul(two);
        [
            d[0].mul_add(four, d[2].mul_add(five, d[4])),
            a.add(b),
            a.sub(b),
            c.add(e),
            c.sub(e),
            d[1].mul_add(four, d[3].mul_add(five, d[5])),
        ]
    }
}

/// # Safety
/// The conditions that [`transform_input`] checks must hold.
#[inline(always)]
unsafe fn transform_input_generic<S: Simd>(
    rows: &[&[f32]; INPUT_TILE],
    channels: usize,
    (first, tiles, all): (usize, usize, usize),
    out: *mut f32,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        for t in 0..tiles {
            for channel in (0..channels).step_by(S::LANES) {
                let left = (channels - channel).min(S::LANES);
                let tail = S::tail(left);
                let at = t * OUTPUT_TILE * channels + channel;
                let mut columns = [[S::zero(); INPUT_TILE]; INPUT_TILE];
                unroll!(X < INPUT_TILE => {
                    let mut column = [S::zero(); INPUT_TILE];
                    unroll!(Y < INPUT_TILE => {
                        let from = rows[Y].as_ptr().add(at + X * channels);
                        column[Y] = if left < S::LANES { S::load_tail(from, tail) } else { S::load(from) };
                    });
                    columns[X] = input_transform_1d(column);
                });
                let to = out.add((first + t) * channels + channel);
                unroll!(Y < INPUT_TILE => {
                    let mut row = [S::zero(); INPUT_TILE];
                    unroll!(X < INPUT_TILE => { row[X] = columns[X][Y]; });
                    let row = input_transform_1d(row);
                    unroll!(X < INPUT_TILE => {
                        let to = to.add((Y * INPUT_TILE + X) * all * channels);
                        if left < S::LANES {
                            row[X].store_tail(to, tail);
                        } else {
                            row[X].store(to);
                        }
                    });
                });
            }
        }
    }
}

/// A bias, padded to whole vectors, and the epilogue of the outputs.
#[derive(Debug)]
pub(crate) struct OutputTransform {
    isa: Isa,
    channels: usize,
    bias: AlignedVec<f32>,
    epilogue: Epilogue,
}

impl OutputTransform {
    pub(crate) fn new(isa: Isa, bias: &[f32], epilogue: Epilogue) -> Self {
        Self { isa, channels: bias.len(), bias: pad_to_vectors(isa, bias), epilogue }
    }

    /// Returns the elements from a pixel of products to the next: whole vectors.
    pub(crate) fn step(&self) -> usize {
        self.bias.len()
    }
}

/// The destination of the outputs of tiles.
pub(crate) struct OutputTiles<'a> {
    /// The first tile of those in `products`, the number of tiles side by side, and the number of all tiles.
    pub(crate) tiles: (usize, usize, usize),
    /// The rows of output, at most four, and the pixels in a row.
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Added to the outputs.
    pub(crate) residual: Option<&'a [f32]>,
}

/// Transforms products back into up to four rows of output. Point `i` of tile `t` is at `products[(i * all + first + t)
/// * step..]`.
///
/// # Panics
/// Panics if a slice is too short.
pub(crate) fn transform_output(
    transform: &OutputTransform,
    products: &[f32],
    tiles: &OutputTiles<'_>,
    out: &mut [f32],
) {
    let (first, count, all) = tiles.tiles;
    let needed = tiles.rows * tiles.width * transform.channels;
    assert!(first + count <= all && products.len() >= TILE_POINTS * all * transform.step(), "products");
    assert!(tiles.rows <= OUTPUT_TILE && tiles.width <= count * OUTPUT_TILE, "tiles");
    assert!(out.len() >= needed && tiles.residual.is_none_or(|r| r.len() >= needed), "outputs");
    assert!(transform.epilogue.slopes.as_ref().is_none_or(|s| s.len() == transform.bias.len()), "slopes");
    // SAFETY: `products` holds every point of every tile in whole vectors; outputs beyond the rows and the width are
    // not written.
    unsafe { transform_output_tiles(transform.isa, transform, products, tiles, out.as_mut_ptr()) }
}

kernel! {
    fn transform_output_tiles(
        transform: &OutputTransform,
        products: &[f32],
        tiles: &OutputTiles<'_>,
        out: *mut f32,
    ) = transform_output_generic
}

/// Computes A^T m for a column of six, or m A for a row.
///
/// # Safety
/// The conditions of [`Simd`] must hold.
#[inline(always)]
unsafe fn output_transform_1d<S: Simd>(m: [S; INPUT_TILE]) -> [S; OUTPUT_TILE] {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let two = S::splat(2.0);
        let four = S::splat(4.0);
        let eight = S::splat(8.0);
        let a = m[1].add(m[2]);
        let b = m[1].sub(m[2]);
        let c = m[3].add(m[4]);
        let d = m[3].sub(m[4]);
        [m[0].add(a).add(c), d.mul_add(two, b), c.mul_add(four, a), d.mul_add(eight, b).add(m[5])]
    }
}

/// # Safety
/// The conditions that [`transform_output`] checks must hold.
#[inline(always)]
unsafe fn transform_output_generic<S: Simd>(
    transform: &OutputTransform,
    products: &[f32],
    tiles: &OutputTiles<'_>,
    out: *mut f32,
) {
    let channels = transform.channels;
    let step = transform.step();
    let epilogue = &transform.epilogue;
    let (first, count, all) = tiles.tiles;
    // SAFETY: guaranteed by the caller.
    unsafe {
        let ending = VectorEpilogue::<S>::new(epilogue);
        for t in 0..count {
            let wide = (tiles.width - (t * OUTPUT_TILE).min(tiles.width)).min(OUTPUT_TILE);
            for channel in (0..channels).step_by(S::LANES) {
                let left = (channels - channel).min(S::LANES);
                let tail = (left < S::LANES).then(|| S::tail(left));
                let bias = S::load(transform.bias.as_ptr().add(channel));
                let ending = ending.at(epilogue, channel);
                let from = products.as_ptr().add((first + t) * step + channel);
                let mut columns = [[S::zero(); OUTPUT_TILE]; INPUT_TILE];
                unroll!(X < INPUT_TILE => {
                    let mut column = [S::zero(); INPUT_TILE];
                    unroll!(Y < INPUT_TILE => { column[Y] = S::load(from.add((Y * INPUT_TILE + X) * all * step)); });
                    columns[X] = output_transform_1d(column);
                });
                unroll!(Y < OUTPUT_TILE => {
                    if Y < tiles.rows {
                        let mut row = [S::zero(); INPUT_TILE];
                        unroll!(X < INPUT_TILE => { row[X] = columns[X][Y]; });
                        let row = output_transform_1d(row);
                        unroll!(X < OUTPUT_TILE => {
                            if X < wide {
                                let place = (Y * tiles.width + t * OUTPUT_TILE + X) * channels + channel;
                                ending.store(row[X].add(bias), tiles.residual, out, place, tail);
                            }
                        });
                    }
                });
            }
        }
    }
}
