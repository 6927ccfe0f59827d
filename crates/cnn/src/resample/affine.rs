//! Sampling of a picture through an affine map.

use super::color::ColorTransform;
use super::color::store_pixels;
use super::plane::SamplePlane;
use crate::isa::Isa;
use crate::simd::dispatch::kernel;
use crate::simd::vector::ByteSimd;

/// A picture and the affine map through which it is sampled.
#[derive(Clone, Copy)]
pub struct AffineSource<'a> {
    /// The samples: up to three planes, one of which has the first channel. A channel that is in no plane is 0.
    pub planes: &'a [SamplePlane<'a>],
    /// The columns of pixels.
    pub width: usize,
    /// The rows of pixels.
    pub height: usize,
    /// Maps target pixel (x, y) to pixel-index coordinates of the picture, in which an integer is the centre of a
    /// pixel. The first row computes the column and the second row the picture's row, each with the factor of x, the
    /// factor of y and a summand.
    pub map: [[f32; 3]; 2],
    /// If true, the outside is black and pixels at the edge fade into it. Otherwise the outermost samples are repeated.
    /// A position that is not finite is outside.
    pub black: bool,
}

/// Samples a square of `size` x `size` target pixels into three planes. Each target pixel is interpolated linearly
/// between the four samples around its position, each channel on its own grid.
///
/// # Panics
/// Panics if there are more than three planes, if a side of a plane is 0 or exceeds 2^24 samples, if samples lie
/// outside the bytes, or if `out` does not have 3 * `size` * `size` elements.
pub fn sample_affine(
    isa: Isa,
    source: &AffineSource<'_>,
    size: usize,
    colors: &ColorTransform,
    out: &mut [f32],
) {
    assert!(source.planes.len() <= 3, "at most three planes");
    let plane = size.checked_mul(size).filter(|plane| plane.checked_mul(3) == Some(out.len()));
    let plane = plane.expect("three numbers for each target pixel");
    // Gathers read four bytes at once, so a plane of fewer bytes is copied.
    let mut copies = [[0_u8; 4]; 3];
    let mut grids = [Grid::NONE; 3];
    for ((plane, copy), grid) in source.planes.iter().zip(&mut copies).zip(&mut grids) {
        plane.check();
        let sides = 1..=1 << f32::MANTISSA_DIGITS;
        assert!(sides.contains(&plane.rows) && sides.contains(&plane.columns), "sides of a plane");
        let data = match plane.data.len() {
            few @ 0..4 => {
                copy[..few].copy_from_slice(plane.data);
                &copy[..]
            }
            _ => plane.data,
        };
        *grid = Grid::new(plane, data);
    }
    let job = Job {
        grids: &grids[..source.planes.len()],
        size,
        plane,
        map: source.map,
        ends: [source.width as f32, source.height as f32],
        colors,
    };
    let fades = source.black && !job.inside();
    // SAFETY: each grid has at least four bytes, and `out` holds the target pixels.
    unsafe { run(isa, &job, fades, out.as_mut_ptr()) }
}

/// A [`SamplePlane`], ready to be read.
#[derive(Clone, Copy)]
struct Grid {
    data: *const u8,
    /// The offset of the last four bytes.
    last: usize,
    stride: usize,
    step: usize,
    /// The bytes from a sample to the next in its row and in its column, or 0 if there is only one.
    next: [usize; 2],
    /// The index of the last sample of each axis.
    ends: [f32; 2],
    block: (usize, usize),
    bytes: [Option<usize>; 3],
    /// True if the four bytes of a sample include the bytes that are needed of the next one.
    close: bool,
}

impl Grid {
    const NONE: Self = Self {
        data: std::ptr::null(),
        last: 0,
        stride: 0,
        step: 0,
        next: [0; 2],
        ends: [0.0; 2],
        block: (1, 1),
        bytes: [None; 3],
        close: true,
    };

    /// Creates a grid. `data` is that of the plane, or a copy of four bytes.
    fn new(plane: &SamplePlane<'_>, data: &[u8]) -> Self {
        let next =
            [if plane.columns > 1 { plane.step } else { 0 }, if plane.rows > 1 { plane.stride } else { 0 }];
        Self {
            data: data.as_ptr(),
            last: data.len() - 4,
            stride: plane.stride,
            step: plane.step,
            next,
            ends: [(plane.columns - 1) as f32, (plane.rows - 1) as f32],
            block: plane.block,
            bytes: plane.bytes,
            close: plane.bytes.iter().flatten().all(|byte| byte + next[0] < 4),
        }
    }
}

impl Grid {
    /// Returns the four bytes from `row`, `byte` and `delta` on.
    ///
    /// # Safety
    /// The data must be the grid's bytes up to `last` + 4, and the processor must have the instructions.
    #[inline(always)]
    unsafe fn gather<S: ByteSimd>(&self, row: S::Words, byte: S::Words, delta: usize) -> S::Words {
        // SAFETY: guaranteed by the caller.
        unsafe { S::gather(self.data, self.last, row, self.stride, byte, delta) }
    }
}

struct Job<'a> {
    grids: &'a [Grid],
    size: usize,
    /// The elements of a plane of the output.
    plane: usize,
    map: [[f32; 3]; 2],
    /// The columns and rows of pixels.
    ends: [f32; 2],
    colors: &'a ColorTransform,
}

impl Job<'_> {
    /// Returns true if all target pixels lie between the centres of the outermost pixels, so that no pixel fades.
    fn inside(&self) -> bool {
        let far = self.size.saturating_sub(1) as f32;
        [(0.0, 0.0), (far, 0.0), (0.0, far), (far, far)].into_iter().all(|(x, y)| {
            let inside = |[a, b, c]: [f32; 3], end: f32| (0.0..=end - 1.0).contains(&(a * x + b * y + c));
            inside(self.map[0], self.ends[0]) && inside(self.map[1], self.ends[1])
        })
    }
}

kernel! { fn run(job: &Job<'_>, fades: bool, out: *mut f32) = generic }

/// # Safety
/// The conditions that [`sample_affine`] checks must hold.
#[inline(always)]
unsafe fn generic<S: ByteSimd>(job: &Job<'_>, fades: bool, out: *mut f32) {
    const LANE: [f32; 16] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];
    // SAFETY: guaranteed by the caller; a vector has at most 16 elements.
    unsafe {
        let lane = S::load(LANE.as_ptr());
        for y in 0..job.size {
            for left in (0..job.size).step_by(S::LANES) {
                let x = lane.add(S::splat(left as f32));
                let at = [place(job.map[0], x, y as f32), place(job.map[1], x, y as f32)];
                let mut spots: Option<((usize, usize), Spots<S>)> = None;
                let mut channels = [S::zero(); 3];
                for grid in job.grids {
                    let found = match spots {
                        Some((block, found)) if block == grid.block => found,
                        _ => Spots::find(at, grid),
                    };
                    spots = Some((grid.block, found));
                    found.read(grid, &mut channels);
                }
                let cover = if fades {
                    Some(inside(at[0], job.ends[0]).mul(inside(at[1], job.ends[1])))
                } else {
                    None
                };
                let out = out.add(y * job.size + left);
                store_pixels(channels, cover, job.colors, out, job.plane, job.size - left);
            }
        }
    }
}

/// Computes one coordinate of the mapped points. It rounds in the same order as for a single point.
///
/// # Safety
/// The processor must have the instructions.
#[inline(always)]
unsafe fn place<S: ByteSimd>([a, b, c]: [f32; 3], x: S, y: f32) -> S {
    // SAFETY: guaranteed by the caller.
    unsafe { S::splat(a).mul(x).add(S::splat(b * y)).add(S::splat(c)) }
}

/// Returns the part of a pixel-wide span at `at` that lies on an axis of `len` pixels, 0 to 1. Returns 0 if `at` is
/// NaN.
///
/// # Safety
/// The processor must have the instructions.
#[inline(always)]
unsafe fn inside<S: ByteSimd>(at: S, len: f32) -> S {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let one = S::splat(1.0);
        at.add(one).min(S::splat(len).sub(at)).max(S::zero()).min(one)
    }
}

/// The positions of target pixels on a grid of samples: the sample to the upper left and the distance from it to the
/// next, 0 to 1. If a row or column has at least two samples, that sample is never the last one, so the next one always
/// exists.
#[derive(Clone, Copy)]
struct Spots<S: ByteSimd> {
    x: S,
    row: S::Words,
    part_x: S,
    part_y: S,
}

impl<S: ByteSimd> Spots<S> {
    /// Finds the positions of target pixels on a grid.
    ///
    /// # Safety
    /// The processor must have the instructions.
    #[inline(always)]
    unsafe fn find(at: [S; 2], grid: &Grid) -> Self {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let (_, x, part_x) = along(at[0], grid.block.0, grid.ends[0]);
            let (row, _, part_y) = along(at[1], grid.block.1, grid.ends[1]);
            Self { x, row, part_x, part_y }
        }
    }

    /// Interpolates the channels of the grid.
    ///
    /// # Safety
    /// The data must be the grid's bytes up to `last` + 4, and the processor must have the instructions.
    #[inline(always)]
    unsafe fn read(&self, grid: &Grid, channels: &mut [S; 3]) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let byte =
                if grid.step == 1 { self.x } else { self.x.mul(S::splat(grid.step as f32)) }.truncate();
            let [next, below] = grid.next;
            let upper = grid.gather::<S>(self.row, byte, 0);
            let lower = grid.gather::<S>(self.row, byte, below);
            let mut upper_next = upper;
            let mut lower_next = lower;
            if !grid.close {
                upper_next = grid.gather::<S>(self.row, byte, next);
                lower_next = grid.gather::<S>(self.row, byte, below + next);
            }
            for (channel, byte) in channels.iter_mut().zip(grid.bytes) {
                let Some(byte) = byte else { continue };
                let pick = S::byte_selector::<4>(byte);
                let pick_next = if grid.close { S::byte_selector::<4>(byte + next) } else { pick };
                let upper =
                    mix(S::select_byte(upper, pick), S::select_byte(upper_next, pick_next), self.part_x);
                let lower =
                    mix(S::select_byte(lower, pick), S::select_byte(lower_next, pick_next), self.part_x);
                *channel = mix(upper, lower, self.part_y);
            }
        }
    }
}

/// Computes one axis of [`Spots::find`]: the samples, as integers and as f32, and the distances from them. Outside the
/// axis it returns the outermost sample, and for NaN the first.
///
/// # Safety
/// The processor must have the instructions.
#[inline(always)]
unsafe fn along<S: ByteSimd>(at: S, block: usize, end: f32) -> (S::Words, S, S) {
    // SAFETY: guaranteed by the caller; positions are limited to the grid before they are truncated.
    unsafe {
        let at = if block == 1 { at } else { at.mul_add(S::splat(0.5), S::splat(-0.25)) };
        let at = at.max(S::zero()).min(S::splat(end));
        let words = at.min(S::splat((end - 1.0).max(0.0))).truncate();
        let whole = S::words_to_f32(words);
        (words, whole, at.sub(whole))
    }
}

/// Interpolates linearly from `a` to `b`.
///
/// # Safety
/// The processor must have the instructions.
#[inline(always)]
unsafe fn mix<S: ByteSimd>(a: S, b: S, part: S) -> S {
    // SAFETY: guaranteed by the caller.
    unsafe { b.sub(a).mul_add(part, a) }
}
