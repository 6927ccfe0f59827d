//! Convolutions that run together, row by row, so that what lies between them never leaves the cache.
//!
//! Each stage gives rows of a map. All but the last keep only the rows that the next stage still needs, in a ring; a
//! band of the last stage's rows is asked for, each stage before it computes what is missing, and the band is written
//! to the map that the chain is for. A chain of one stage is a plain convolution.

use std::ops::Range;

use crate::buffer::LINE;
use crate::kernel::depthwise::{Band, Place, Taps, depthwise};
use crate::kernel::dot::{ByteWeights, dot, quantize};
use crate::kernel::matmul::{Pixels, Weights, matmul};
use crate::kernel::tile::Finish;

/// Rows of one map: all of them, or a ring of the last few.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// Rows of the map.
    pub(crate) height: usize,
    /// Numbers in a row, or as much memory for a row of bytes.
    pub(crate) len: usize,
    /// Rows in memory; row `y` is at `y % kept`.
    pub(crate) kept: usize,
}

impl Rows {
    /// A whole map.
    pub(crate) fn all(height: usize, len: usize) -> Self {
        Self { height, len, kept: height }
    }

    fn at(&self, y: usize) -> Range<usize> {
        let start = y % self.kept * self.len;
        start..start + self.len
    }

    /// Numbers of the memory for the rows, with which the next rows begin at a cache line.
    fn place(&self) -> usize {
        (self.kept * self.len).next_multiple_of(LINE / size_of::<f32>())
    }

    /// How many rows from `y` on lie one after another in memory.
    fn together(&self, y: usize) -> usize {
        self.kept - y % self.kept
    }
}

/// How rows of output depend on rows of input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Rows from the first tap to the last, both counted.
    pub(crate) rows: usize,
    pub(crate) stride: usize,
    /// Rows by which the first window reaches beyond the map.
    pub(crate) pad: usize,
}

impl Reach {
    /// One row of input for each of output.
    pub(crate) const SAME: Self = Self { rows: 1, stride: 1, pad: 0 };

    /// The rows of input, of `height`, that rows of output are made of.
    fn needs(&self, rows: &Range<usize>, height: usize) -> Range<usize> {
        let start = (rows.start * self.stride).saturating_sub(self.pad).min(height);
        let last = rows.end.saturating_sub(1);
        let end = (last * self.stride + self.rows).saturating_sub(self.pad).min(height);
        start..end.max(start)
    }
}

/// What a stage does to its rows.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Puts zeros around each row, and rows of zeros above and below the map, for the windows of the next stage. A row is
    /// `parts` runs of `part` numbers that are padded each and lie `apart` in the input: the channels of a planar map, or
    /// the one row of an interleaved one.
    Frame { parts: usize, part: usize, apart: usize, left: usize, right: usize },
    /// A matrix for each pixel.
    Pointwise { weights: Weights, width: usize },
    /// A matrix of bytes for each pixel, whose numbers are turned into bytes first, unless the stage before gives these.
    Bytes { weights: ByteWeights, width: usize, given: bool },
    /// A matrix for each window of a map that needs no zeros around it.
    Window(Window),
    /// A window for each channel.
    Depthwise {
        taps: Taps,
        width: usize,
        out_width: usize,
        stride: usize,
        dilation: (usize, usize),
        pad: usize,
    },
}

/// A dense convolution over rows that already have their zeros.
#[derive(Debug)]
pub(crate) struct Window {
    /// A matrix for each group, and what happens to its outputs.
    pub(crate) groups: Vec<(Weights, Finish)>,
    /// Where in the rows below one another the runs of a window begin: row of the window (dilation included), and number
    /// in the row. For one group; the next group's lie `group_step` numbers further.
    pub(crate) runs: Vec<(usize, usize)>,
    /// Numbers in a run.
    pub(crate) run: usize,
    /// Numbers from a window to the next one.
    pub(crate) step: usize,
    pub(crate) group_step: usize,
    pub(crate) out_width: usize,
    pub(crate) out_channels: usize,
}

/// The most runs a window, or rows a depthwise window, may have.
pub(crate) const RUNS: usize = 64;

/// One operator of a chain.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) reach: Reach,
    pub(crate) finish: Finish,
    pub(crate) output: Rows,
}

/// Stages that run together.
#[derive(Debug)]
pub(crate) struct Chain {
    input: Rows,
    stages: Vec<Stage>,
    /// Rows of the last stage computed at a time.
    band: usize,
}

impl Chain {
    /// A chain over a whole map. Stages come with whole maps as outputs; all but the last become rings, of bytes where a
    /// depthwise convolution comes before a matrix of bytes.
    ///
    /// The more rows there are in a band, the less often the depthwise stages read a row again, and the larger are the
    /// tiles of narrow maps; but the rings should stay in the second-level cache.
    pub(crate) fn new(input: Rows, mut stages: Vec<Stage>) -> Self {
        for i in 1..stages.len() {
            let (before, after) = stages.split_at_mut(i);
            if let (Kind::Depthwise { .. }, Kind::Bytes { given, .. }) =
                (&before[i - 1].kind, &mut after[0].kind)
            {
                *given = true;
                before[i - 1].output.len /= size_of::<f32>();
            }
        }
        let height = stages.last().map_or(1, |stage| stage.output.height);
        let mut chain = Self { input, stages, band: height };
        let mut band = height;
        loop {
            chain.rings(band);
            if band == 1 || chain.ring_numbers() * size_of::<f32>() <= RINGS_BYTES {
                return chain;
            }
            band = band.div_ceil(2);
        }
    }

    /// Makes rings for bands of so many rows: what they must hold is found by going through the bands once.
    fn rings(&mut self, band: usize) {
        self.band = band;
        let last = self.stages.len() - 1;
        let mut kept = vec![1; last];
        self.bands(|stages, wanted| {
            for stage in 1..stages.len() {
                let height = stages[stage - 1].output.height;
                let first = stages[stage].reach.needs(&wanted[stage], height).start;
                kept[stage - 1] = kept[stage - 1].max(wanted[stage - 1].end.saturating_sub(first));
            }
        });
        for (stage, kept) in self.stages.iter_mut().zip(kept) {
            stage.output.kept = kept.min(stage.output.height);
        }
    }

    /// Numbers needed for the rings, and behind them for bytes.
    pub(crate) fn scratch(&self) -> usize {
        let bytes = |stage: &Stage| match &stage.kind {
            Kind::Bytes { weights, width, given: false } => pixels_at_once(weights, *width) * weights.depth(),
            _ => 0,
        };
        let bytes = self.stages.iter().map(bytes).max().unwrap_or(0);
        self.ring_numbers() + bytes.div_ceil(size_of::<f32>())
    }

    fn ring_numbers(&self) -> usize {
        let last = self.stages.len() - 1;
        self.stages[..last].iter().map(|stage| stage.output.place()).sum()
    }

    /// Bytes of weights.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |stage: &Stage| match &stage.kind {
            Kind::Frame { .. } => 0,
            Kind::Pointwise { weights, .. } => weights.bytes(),
            Kind::Bytes { weights, .. } => weights.bytes(),
            Kind::Window(window) => window.groups.iter().map(|(weights, _)| weights.bytes()).sum(),
            Kind::Depthwise { taps, .. } => taps.bytes(),
        };
        self.stages.iter().map(bytes).sum()
    }

    /// What the chain does, for people.
    pub(crate) fn name(&self) -> String {
        let name = |stage: &Stage| match &stage.kind {
            Kind::Frame { .. } => "frame".into(),
            Kind::Pointwise { weights, width } => format!(
                "pointwise {} to {} at {}x{width}",
                weights.depth(),
                weights.channels(),
                stage.output.height
            ),
            Kind::Bytes { weights, width, .. } => format!(
                "bytes {} to {} at {}x{width}",
                weights.depth(),
                weights.channels(),
                stage.output.height
            ),
            Kind::Window(window) => format!(
                "window of {} runs to {} at {}x{}",
                window.runs.len(),
                window.out_channels,
                stage.output.height,
                window.out_width
            ),
            Kind::Depthwise { taps, out_width, .. } => {
                format!("depthwise {} at {}x{out_width}", taps.channels(), stage.output.height)
            }
        };
        self.stages.iter().map(name).collect::<Vec<String>>().join(", ")
    }

    /// Goes through the bands of the last stage: for each, the rows that each stage has to have afterwards. A range
    /// begins at the first row that is not computed yet.
    fn bands(&self, mut each: impl FnMut(&[Stage], &[Range<usize>])) {
        let last = self.stages.len() - 1;
        let height = self.stages[last].output.height;
        let mut wanted = [const { 0..0 }; STAGES];
        let wanted = &mut wanted[..=last];
        for start in (0..height).step_by(self.band) {
            wanted[last] = start..(start + self.band).min(height);
            for stage in (0..last).rev() {
                let done = wanted[stage].end;
                let height = self.stages[stage].output.height;
                // A stage that has nothing to do needs nothing.
                let next = &wanted[stage + 1];
                let needs =
                    if next.is_empty() { 0 } else { self.stages[stage + 1].reach.needs(next, height).end };
                wanted[stage] = done..needs.max(done);
            }
            each(&self.stages, wanted);
        }
    }

    /// Computes the last stage's map. `residual` is added there.
    pub(crate) fn run(&self, input: &[f32], scratch: &mut [f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let last = self.stages.len() - 1;
        let (scratch, spare) = scratch.split_at_mut(self.ring_numbers());
        let spare: &mut [u8] = bytemuck::cast_slice_mut(spare);
        self.bands(|stages, wanted| {
            let mut from = 0;
            let mut source = self.input;
            for (i, (stage, rows)) in stages.iter().zip(wanted).enumerate() {
                let to = from + stage.output.place();
                // The rings lie one after another: a stage reads the one before it and writes its own.
                if i == last {
                    let input = if i == 0 { input } else { &scratch[from - source.place()..from] };
                    stage.run(rows.clone(), &source, input, residual, spare, None, out);
                } else {
                    let (before, after) = scratch.split_at_mut(from);
                    let input = if i == 0 { input } else { &before[from - source.place()..] };
                    let bytes = stages[i + 1].takes_bytes();
                    stage.run(rows.clone(), &source, input, None, spare, bytes, &mut after[..to - from]);
                }
                from = to;
                source = stage.output;
            }
        });
    }
}

/// Bytes that pixels turned into bytes should have: they stay in a usual first-level cache.
const SPARE_BYTES: usize = 24 << 10;

/// How many pixels are turned into bytes at a time: enough for tiles of full size.
fn pixels_at_once(weights: &ByteWeights, width: usize) -> usize {
    (SPARE_BYTES / weights.depth()).max(64).min(width.max(64) * 8)
}

/// Bytes that the rings of a chain may have, if the band has more than one row: half of a usual second-level cache.
const RINGS_BYTES: usize = 512 << 10;

/// The most stages a chain may have.
pub(crate) const STAGES: usize = 12;

impl Stage {
    /// The weights that multiply the bytes that the stage before gives.
    fn takes_bytes(&self) -> Option<&ByteWeights> {
        match &self.kind {
            Kind::Bytes { weights, given: true, .. } => Some(weights),
            _ => None,
        }
    }

    /// Computes rows of output; with `bytes` as those that these weights multiply.
    #[allow(clippy::too_many_arguments, reason = "what a stage reads and where it writes")]
    fn run(
        &self,
        rows: Range<usize>,
        source: &Rows,
        input: &[f32],
        residual: Option<&[f32]>,
        spare: &mut [u8],
        bytes: Option<&ByteWeights>,
        out: &mut [f32],
    ) {
        match &self.kind {
            Kind::Frame { parts, part, apart, left, right } => {
                for y in rows {
                    let row = &mut out[self.output.at(y)];
                    let from = y.checked_sub(self.reach.pad).filter(|y| *y < source.height);
                    let wide = left + part + right;
                    for (i, out) in row.chunks_exact_mut(wide).enumerate().take(*parts) {
                        let part = from.map(|y| &input[i * apart + y % source.kept * part..][..*part]);
                        frame(part, *left, *right, out);
                    }
                }
            }
            Kind::Pointwise { weights, width } => {
                let mut y = rows.start;
                while y < rows.end {
                    let count = (rows.end - y).min(source.together(y)).min(self.output.together(y));
                    let (from, to) = (source.at(y).start, self.output.at(y).start);
                    let sources = [&input[from..][..count * source.len]];
                    let len = count * self.output.len;
                    let pixels = Pixels {
                        sources: &sources,
                        step: weights.depth(),
                        run: weights.depth(),
                        count: count * width,
                        residual: residual.map(|r| &r[to..][..len]),
                        out_step: weights.channels(),
                    };
                    matmul(weights, &self.finish, &pixels, &mut out[to..][..len]);
                    y += count;
                }
            }
            Kind::Bytes { weights, width, given } => {
                let (depth, channels) = (weights.depth(), weights.channels());
                let mut y = rows.start;
                while y < rows.end {
                    let count = (rows.end - y).min(source.together(y)).min(self.output.together(y));
                    let (from, to) = (source.at(y).start, self.output.at(y).start);
                    let (mut done, all) = (0, count * width);
                    while done < all {
                        let count = (all - done).min(pixels_at_once(weights, *width));
                        let bytes = if *given {
                            &bytemuck::cast_slice(&input[from..])[done * depth..][..count * depth]
                        } else {
                            let bytes = &mut spare[..count * depth];
                            quantize(weights, &input[from + done * depth..][..count * depth], bytes);
                            &*bytes
                        };
                        let at = to + done * channels..to + (done + count) * channels;
                        let residual = residual.map(|r| &r[at.clone()]);
                        dot(weights, &self.finish, count, bytes, residual, &mut out[at]);
                        done += count;
                    }
                    y += count;
                }
            }
            Kind::Window(window) => {
                for y in rows {
                    let row = |at: usize| &input[source.at(y * self.reach.stride + at)];
                    let at = self.output.at(y);
                    window.row(row, residual.map(|r| &r[at.clone()]), &mut out[at]);
                }
            }
            Kind::Depthwise { taps, width, out_width, stride, dilation, pad } => {
                // As many rows at a time as stand together and have sources enough.
                let most = (RUNS - self.reach.rows) / self.reach.stride + 1;
                let mut y = rows.start;
                while y < rows.end {
                    let count = (rows.end - y).min(self.output.together(y)).min(most);
                    let seen = (count - 1) * self.reach.stride + self.reach.rows;
                    let mut sources = [None; RUNS];
                    for (i, row) in sources[..seen].iter_mut().enumerate() {
                        let from = (y * self.reach.stride + i).checked_sub(self.reach.pad);
                        *row = from.filter(|y| *y < source.height).map(|y| &input[source.at(y)]);
                    }
                    let from = self.output.at(y).start;
                    let at = from..from + count * self.output.len;
                    let band = Band {
                        sources: &sources[..seen],
                        rows: count,
                        width: *width,
                        out_width: *out_width,
                        stride: (self.reach.stride, *stride),
                        dilation: *dilation,
                        pad: *pad,
                        residual: residual.map(|r| &r[at.clone()]),
                    };
                    let out = match bytes {
                        Some(weights) => Place::Bytes(weights, bytemuck::cast_slice_mut(&mut out[at])),
                        None => Place::Numbers(&mut out[at]),
                    };
                    depthwise(taps, &self.finish, &band, out);
                    y += count;
                }
            }
        }
    }
}

impl Window {
    /// Computes a row of output; `row` gives rows of input, counted from the first one that the window sees.
    pub(crate) fn row<'a>(
        &self,
        row: impl Fn(usize) -> &'a [f32],
        residual: Option<&[f32]>,
        out: &mut [f32],
    ) {
        let mut sources: [&[f32]; RUNS] = [&[]; RUNS];
        let mut first = 0;
        for (group, (weights, finish)) in self.groups.iter().enumerate() {
            for (source, (y, x)) in sources.iter_mut().zip(&self.runs) {
                *source = &row(*y)[x + group * self.group_step..];
            }
            let pixels = Pixels {
                sources: &sources[..self.runs.len()],
                step: self.step,
                run: self.run,
                count: self.out_width,
                residual: residual.map(|r| &r[first..]),
                out_step: self.out_channels,
            };
            matmul(weights, finish, &pixels, &mut out[first..]);
            first += weights.channels();
        }
    }
}

/// A row, or zeros, with `left` and `right` zeros around it.
pub(crate) fn frame(row: Option<&[f32]>, left: usize, right: usize, out: &mut [f32]) {
    let Some(row) = row else { return out.fill(0.0) };
    let end = out.len() - right;
    out[..left].fill(0.0);
    out[left..end].copy_from_slice(row);
    out[end..].fill(0.0);
}
