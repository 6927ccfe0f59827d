//! The transforms of F(4x4, 3x3): a tile of 4 x 4 outputs of a 3 x 3 window from 6 x 6 inputs, with 36 multiplications a
//! channel instead of 144 (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308,
//! section 4.3, with its matrices).

#![allow(
    clippy::out_of_bounds_indexing,
    reason = "the places that `unroll!` names beyond an array are never reached"
)]

use super::tile::{Ending, Finish, padded};
use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Simd, kernel, unroll};

/// Places of a transformed tile.
pub(crate) const PLACES: usize = 36;
/// Outputs on a side of a tile.
pub(crate) const TILE: usize = 4;
/// Inputs on a side of a tile.
pub(crate) const SPAN: usize = 6;

/// The window of one pair of channels, transformed: G g G^T, row by row.
pub(crate) fn window(taps: &[f32; 9]) -> [f32; PLACES] {
    const G: [[f32; 3]; SPAN] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let dot = |g: &[f32; 3], values: [f32; 3]| g[0] * values[0] + g[1] * values[1] + g[2] * values[2];
    let rows = G.map(|g| [0, 1, 2].map(|x| dot(&g, [taps[x], taps[3 + x], taps[6 + x]])));
    std::array::from_fn(|i| dot(&G[i % SPAN], rows[i / SPAN]))
}

/// Transforms tiles that lie side by side in six rows. Tile `t` begins at `rows[t * 4 * channels..]` of each row, pixels one
/// after another; place `i` of it goes to `out[(i * tiles_in_all + first + t) * channels..]`.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn spread(
    isa: Isa,
    rows: &[&[f32]; SPAN],
    channels: usize,
    (first, tiles, all): (usize, usize, usize),
    out: &mut [f32],
) {
    let Some(before_last) = tiles.checked_sub(1) else { return };
    let needed = (before_last * TILE + SPAN) * channels;
    assert!(rows.iter().all(|row| row.len() >= needed), "inputs");
    assert!(first + tiles <= all && out.len() >= PLACES * all * channels, "outputs");
    // SAFETY: each row holds the last tile's last pixel, `out` every place of every tile.
    unsafe { spread_tiles(isa, rows, channels, (first, tiles, all), out.as_mut_ptr()) }
}

kernel! {
    fn spread_tiles(rows: &[&[f32]; SPAN], channels: usize, tiles: (usize, usize, usize), out: *mut f32) = spread_all
}

/// B^T d for a column of six, or d B for a row.
///
/// # Safety
/// As the methods of [`Simd`].
#[inline(always)]
unsafe fn spread_six<S: Simd>(d: [S; SPAN]) -> [S; SPAN] {
    // SAFETY: passed on to the caller.
    unsafe {
        let (two, four, five) = (S::splat(2.0), S::splat(4.0), S::splat(-5.0));
        let minus_four = S::splat(-4.0);
        // Common parts of the rows in pairs.
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
/// As [`spread`] checks.
#[inline(always)]
unsafe fn spread_all<S: Simd>(
    rows: &[&[f32]; SPAN],
    channels: usize,
    (first, tiles, all): (usize, usize, usize),
    out: *mut f32,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        for t in 0..tiles {
            for channel in (0..channels).step_by(S::LANES) {
                let left = (channels - channel).min(S::LANES);
                let tail = S::tail(left);
                let at = t * TILE * channels + channel;
                let mut columns = [[S::zero(); SPAN]; SPAN];
                unroll!(X < SPAN => {
                    let mut column = [S::zero(); SPAN];
                    unroll!(Y < SPAN => {
                        let from = rows[Y].as_ptr().add(at + X * channels);
                        column[Y] = if left < S::LANES { S::load_tail(from, tail) } else { S::load(from) };
                    });
                    columns[X] = spread_six(column);
                });
                let to = out.add((first + t) * channels + channel);
                unroll!(Y < SPAN => {
                    let mut row = [S::zero(); SPAN];
                    unroll!(X < SPAN => { row[X] = columns[X][Y]; });
                    let row = spread_six(row);
                    unroll!(X < SPAN => {
                        let to = to.add((Y * SPAN + X) * all * channels);
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

/// A bias, padded to whole vectors, and what happens to outputs.
#[derive(Debug)]
pub(crate) struct Closing {
    isa: Isa,
    channels: usize,
    bias: Lines<f32>,
    finish: Finish,
}

impl Closing {
    pub(crate) fn new(isa: Isa, bias: &[f32], finish: Finish) -> Self {
        Self { isa, channels: bias.len(), bias: padded(isa, bias), finish }
    }

    /// Numbers from a pixel of products to the next: whole vectors.
    pub(crate) fn step(&self) -> usize {
        self.bias.len()
    }
}

/// Where the outputs of tiles go.
pub(crate) struct Tiles<'a> {
    /// The first tile of those in `products`, how many lie side by side, and how many there are in all.
    pub(crate) tiles: (usize, usize, usize),
    /// Rows of output there are, up to four, and pixels in a row.
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// What is added to the outputs.
    pub(crate) residual: Option<&'a [f32]>,
}

/// Turns products back into up to four rows of output: place `i` of tile `t` is at
/// `products[(i * all + first + t) * step..]`.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn gather(closing: &Closing, products: &[f32], tiles: &Tiles<'_>, out: &mut [f32]) {
    let (first, count, all) = tiles.tiles;
    let needed = tiles.rows * tiles.width * closing.channels;
    assert!(first + count <= all && products.len() >= PLACES * all * closing.step(), "products");
    assert!(tiles.rows <= TILE && tiles.width <= count * TILE, "tiles");
    assert!(out.len() >= needed && tiles.residual.is_none_or(|r| r.len() >= needed), "outputs");
    assert!(closing.finish.slopes.as_ref().is_none_or(|s| s.len() == closing.bias.len()), "slopes");
    // SAFETY: `products` holds every place of every tile in whole vectors; outputs beyond the rows and the width are not
    // written.
    unsafe { gather_tiles(closing.isa, closing, products, tiles, out.as_mut_ptr()) }
}

kernel! { fn gather_tiles(closing: &Closing, products: &[f32], tiles: &Tiles<'_>, out: *mut f32) = gather_all }

/// A^T m for a column of six, or m A for a row.
///
/// # Safety
/// As the methods of [`Simd`].
#[inline(always)]
unsafe fn gather_six<S: Simd>(m: [S; SPAN]) -> [S; TILE] {
    // SAFETY: passed on to the caller.
    unsafe {
        let (two, four, eight) = (S::splat(2.0), S::splat(4.0), S::splat(8.0));
        let (a, b) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (c, d) = (m[3].add(m[4]), m[3].sub(m[4]));
        [m[0].add(a).add(c), d.mul_add(two, b), c.mul_add(four, a), d.mul_add(eight, b).add(m[5])]
    }
}

/// # Safety
/// As [`gather`] checks.
#[inline(always)]
unsafe fn gather_all<S: Simd>(closing: &Closing, products: &[f32], tiles: &Tiles<'_>, out: *mut f32) {
    let (channels, step, finish) = (closing.channels, closing.step(), &closing.finish);
    let (first, count, all) = tiles.tiles;
    // SAFETY: passed on to the caller.
    unsafe {
        let ending = Ending::<S>::new(finish);
        for t in 0..count {
            let wide = (tiles.width - (t * TILE).min(tiles.width)).min(TILE);
            for channel in (0..channels).step_by(S::LANES) {
                let left = (channels - channel).min(S::LANES);
                let tail = (left < S::LANES).then(|| S::tail(left));
                let bias = S::load(closing.bias.as_ptr().add(channel));
                let ending = ending.at(finish, channel);
                let from = products.as_ptr().add((first + t) * step + channel);
                let mut columns = [[S::zero(); TILE]; SPAN];
                unroll!(X < SPAN => {
                    let mut column = [S::zero(); SPAN];
                    unroll!(Y < SPAN => { column[Y] = S::load(from.add((Y * SPAN + X) * all * step)); });
                    columns[X] = gather_six(column);
                });
                unroll!(Y < TILE => {
                    if Y < tiles.rows {
                        let mut row = [S::zero(); SPAN];
                        unroll!(X < SPAN => { row[X] = columns[X][Y]; });
                        let row = gather_six(row);
                        unroll!(X < TILE => {
                            if X < wide {
                                let place = (Y * tiles.width + t * TILE + X) * channels + channel;
                                ending.store(row[X].add(bias), tiles.residual, out, place, tail);
                            }
                        });
                    }
                });
            }
        }
    }
}
