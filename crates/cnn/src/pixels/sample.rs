//! Samples of a picture where an affine map says.

use super::finish::finish;
use super::{Colors, Plane};
use crate::Isa;
use crate::simd::{Bytes, kernel};

/// A picture of which each pixel is wanted as it is seen through an affine map.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Where the samples lie: up to three planes, one of which has the first channel. A channel that lies in none of
    /// them is 0.
    pub planes: &'a [Plane<'a>],
    /// Columns of pixels.
    pub width: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Where target pixel (x, y) lies, in pixel-index coordinates (an integer is a pixel's centre): for the column
    /// and for the row, the factor of x, the factor of y, and what is added.
    pub map: [[f32; 3]; 2],
    /// Whether what lies outside is black, so that pixels at the edge fade into it; else the outermost samples are
    /// repeated. A place that is not finite is outside.
    pub black: bool,
}

/// Reads a square of `size` x `size` target pixels into three planes: four samples around its place make up each,
/// linearly interpolated, each channel on its own grid of samples.
///
/// # Panics
/// If there are more than three planes, a plane has no samples, or more than 2^24 in a row or column, or not all of
/// them in its bytes, or `out` does not hold 3 * `size` * `size` numbers.
pub fn sample(isa: Isa, source: &Source<'_>, size: usize, colors: &Colors, out: &mut [f32]) {
    assert!(source.planes.len() <= 3, "at most three planes");
    let plane = size.checked_mul(size).filter(|plane| plane.checked_mul(3) == Some(out.len()));
    let plane = plane.expect("three numbers for each target pixel");
    // Gathers read four bytes at once: a plane of less is copied.
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
    // SAFETY: the grids' bytes are at least four each, and `out` holds the target pixels.
    unsafe { run(isa, &job, fades, out.as_mut_ptr()) }
}

/// A [`Plane`], ready to be read.
#[derive(Clone, Copy)]
struct Grid {
    data: *const u8,
    /// Where the last four bytes start.
    last: usize,
    stride: usize,
    step: usize,
    /// Bytes from a sample to the next one in its row and in its column; 0 where there is only one.
    next: [usize; 2],
    /// The last sample of an axis.
    ends: [f32; 2],
    block: (usize, usize),
    bytes: [Option<usize>; 3],
    /// Whether the four bytes of a sample contain what is wanted of the next one as well.
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

    /// `data` is that of the plane, or a copy of four bytes.
    fn new(plane: &Plane<'_>, data: &[u8]) -> Self {
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
    /// The four bytes from `row`, `byte` and `delta` on.
    ///
    /// # Safety
    /// The data are the grid's bytes up to `last` + 4, and the processor has the instructions.
    #[inline(always)]
    unsafe fn gather<S: Bytes>(&self, row: S::Words, byte: S::Words, delta: usize) -> S::Words {
        // SAFETY: passed on to the caller.
        unsafe { S::gather(self.data, self.last, row, self.stride, byte, delta) }
    }
}

struct Job<'a> {
    grids: &'a [Grid],
    size: usize,
    /// Numbers in a plane of the output.
    plane: usize,
    map: [[f32; 3]; 2],
    /// Columns and rows of pixels.
    ends: [f32; 2],
    colors: &'a Colors,
}

impl Job<'_> {
    /// Whether all target pixels lie between the centres of the outermost pixels, so that none fades.
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
/// As [`sample`] checks.
#[inline(always)]
unsafe fn generic<S: Bytes>(job: &Job<'_>, fades: bool, out: *mut f32) {
    const LANE: [f32; 16] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];
    // SAFETY: passed on to the caller; a vector has at most 16 numbers.
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
                finish(channels, cover, job.colors, out, job.plane, job.size - left);
            }
        }
    }
}

/// One coordinate of what the map makes of points, rounded as when it is applied to one of them.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn place<S: Bytes>([a, b, c]: [f32; 3], x: S, y: f32) -> S {
    // SAFETY: passed on to the caller.
    unsafe { S::splat(a).mul(x).add(S::splat(b * y)).add(S::splat(c)) }
}

/// How much of a pixel-wide span at `at` lies on an axis of `len` pixels, 0 to 1; 0 where `at` is no number.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn inside<S: Bytes>(at: S, len: f32) -> S {
    // SAFETY: passed on to the caller.
    unsafe {
        let one = S::splat(1.0);
        at.add(one).min(S::splat(len).sub(at)).max(S::zero()).min(one)
    }
}

/// Where target pixels lie on a grid of samples: for each, the sample at its upper left and how far it is from that
/// one towards the next, 0 to 1. That sample is never the last of a row or column that has two, so that the next
/// one is always there.
#[derive(Clone, Copy)]
struct Spots<S: Bytes> {
    x: S,
    row: S::Words,
    part_x: S,
    part_y: S,
}

impl<S: Bytes> Spots<S> {
    /// # Safety
    /// The processor has the instructions.
    #[inline(always)]
    unsafe fn find(at: [S; 2], grid: &Grid) -> Self {
        // SAFETY: passed on to the caller.
        unsafe {
            let (_, x, part_x) = along(at[0], grid.block.0, grid.ends[0]);
            let (row, _, part_y) = along(at[1], grid.block.1, grid.ends[1]);
            Self { x, row, part_x, part_y }
        }
    }

    /// Interpolates the grid's channels.
    ///
    /// # Safety
    /// The grid's data are its bytes up to `last` + 4, and the processor has the instructions.
    #[inline(always)]
    unsafe fn read(&self, grid: &Grid, channels: &mut [S; 3]) {
        // SAFETY: passed on to the caller.
        unsafe {
            let byte = if grid.step == 1 { self.x } else { self.x.mul(S::splat(grid.step as f32)) }.whole();
            let [next, below] = grid.next;
            let upper = grid.gather::<S>(self.row, byte, 0);
            let lower = grid.gather::<S>(self.row, byte, below);
            let (mut upper_next, mut lower_next) = (upper, lower);
            if !grid.close {
                upper_next = grid.gather::<S>(self.row, byte, next);
                lower_next = grid.gather::<S>(self.row, byte, below + next);
            }
            for (channel, byte) in channels.iter_mut().zip(grid.bytes) {
                let Some(byte) = byte else { continue };
                let pick = S::pick::<4>(byte);
                let pick_next = if grid.close { S::pick::<4>(byte + next) } else { pick };
                let upper = mix(S::byte(upper, pick), S::byte(upper_next, pick_next), self.part_x);
                let lower = mix(S::byte(lower, pick), S::byte(lower_next, pick_next), self.part_x);
                *channel = mix(upper, lower, self.part_y);
            }
        }
    }
}

/// One axis of [`Spots::find`]: the samples, twice, and how far from them. Outside the axis it is the outermost
/// sample; what is no number is the first.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn along<S: Bytes>(at: S, block: usize, end: f32) -> (S::Words, S, S) {
    // SAFETY: passed on to the caller; places are brought into the grid before their whole part is taken.
    unsafe {
        let at = if block == 1 { at } else { at.mul_add(S::splat(0.5), S::splat(-0.25)) };
        let at = at.max(S::zero()).min(S::splat(end));
        let words = at.min(S::splat((end - 1.0).max(0.0))).whole();
        let whole = S::number(words);
        (words, whole, at.sub(whole))
    }
}

/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn mix<S: Bytes>(a: S, b: S, part: S) -> S {
    // SAFETY: passed on to the caller.
    unsafe { b.sub(a).mul_add(part, a) }
}
