//! One operator of a chain, and the rows that it reads and writes.

use std::ops::Range;

use crate::aligned::CACHE_LINE_BYTES;
use crate::isa::Isa;
use crate::kernel::byte_matmul::{ByteWeights, byte_matmul, quantize};
use crate::kernel::depthwise::{Band, DepthwiseOutput, DepthwiseTaps, depthwise};
use crate::kernel::layout::pad_row;
use crate::kernel::matmul::{MAX_SOURCES, MatmulPixels, MatmulWeights, matmul};
use crate::kernel::pool::{MaxWindow, max_row};
use crate::kernel::tile::Epilogue;

/// The rows of one map: all of them, or a ring of the last few.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowRing {
    /// The rows of the map.
    pub(crate) height: usize,
    /// The f32 elements of a row, or the same memory for a row of bytes.
    pub(crate) len: usize,
    /// The rows in memory. Row `y` is at `y % kept`.
    pub(crate) kept: usize,
}

impl RowRing {
    /// Returns the rows of a whole map.
    pub(crate) fn whole(height: usize, len: usize) -> Self {
        Self { height, len, kept: height }
    }

    fn row(&self, y: usize) -> Range<usize> {
        let start = y % self.kept * self.len;
        start..start + self.len
    }

    /// Returns the length of the memory for the rows, rounded up so that the next rows begin at a cache line.
    pub(crate) fn memory_len(&self) -> usize {
        (self.kept * self.len).next_multiple_of(CACHE_LINE_BYTES / size_of::<f32>())
    }

    /// Returns the number of rows from `y` on that lie one after another in memory.
    fn contiguous(&self, y: usize) -> usize {
        self.kept - y % self.kept
    }
}

/// How rows of output depend on rows of input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// The rows from the first tap to the last, both included.
    pub(crate) rows: usize,
    pub(crate) stride: usize,
    /// The number of rows by which the first window begins above the map.
    pub(crate) pad: usize,
}

impl Reach {
    /// Each row of output depends on the same row of input.
    pub(crate) const SAME: Self = Self { rows: 1, stride: 1, pad: 0 };

    /// Returns the rows of input, of which there are `height`, that these rows of output depend on.
    pub(crate) fn needs(&self, rows: &Range<usize>, height: usize) -> Range<usize> {
        let start = (rows.start * self.stride).saturating_sub(self.pad).min(height);
        let last = rows.end.saturating_sub(1);
        let end = (last * self.stride + self.rows).saturating_sub(self.pad).min(height);
        start..end.max(start)
    }
}

/// The operation of a link.
#[derive(Debug)]
pub(crate) enum LinkKind {
    /// Puts zeros around the map for the windows of the next link.
    Pad(PadRows),
    /// Multiplies each pixel by a matrix.
    Pointwise { weights: MatmulWeights, width: usize },
    /// Multiplies each pixel, as bytes, by a matrix of bytes. Quantizes the pixels first unless the link before has
    /// `quantized` them.
    Bytes { weights: ByteWeights, width: usize, quantized: bool },
    /// Multiplies each window of a map that needs no padding by a matrix.
    Window(DenseWindow),
    /// Applies a window to each channel.
    Depthwise(DepthwiseRows),
    /// Takes the maximum of each channel in a window that always lies on the map.
    Max { isa: Isa, window: MaxWindow },
}

/// Padding of each row, with rows of zeros above and below the map. A row consists of one or more parts that are padded
/// separately: the channels of a map in NCHW order, or the single row of a map in NHWC order.
#[derive(Debug)]
pub(crate) struct PadRows {
    pub(crate) parts: usize,
    /// The elements of a part.
    pub(crate) part_len: usize,
    /// The distance from a part to the next in the input.
    pub(crate) part_distance: usize,
    pub(crate) left: usize,
    pub(crate) right: usize,
}

/// A convolution of each channel with a window of its own.
#[derive(Debug)]
pub(crate) struct DepthwiseRows {
    pub(crate) taps: DepthwiseTaps,
    pub(crate) width: usize,
    pub(crate) out_width: usize,
    /// The columns from one position of the window to the next.
    pub(crate) stride: usize,
    pub(crate) dilation: (usize, usize),
    /// The number of columns by which the first window begins beyond the row.
    pub(crate) pad: usize,
}

/// A dense convolution over rows that already have their padding.
#[derive(Debug)]
pub(crate) struct DenseWindow {
    /// The matrix of each group and its epilogue.
    pub(crate) groups: Vec<(MatmulWeights, Epilogue)>,
    /// The beginning of each run of a window: its row, dilation included, and its element in the row. The runs are
    /// those of the first group. Those of the next group begin `group_step` elements later.
    pub(crate) runs: Vec<(usize, usize)>,
    /// The elements of a run.
    pub(crate) run_len: usize,
    /// The elements from a window to the next one.
    pub(crate) step: usize,
    pub(crate) group_step: usize,
    pub(crate) out_width: usize,
    pub(crate) out_channels: usize,
}

/// One operator of a chain.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) kind: LinkKind,
    pub(crate) reach: Reach,
    pub(crate) epilogue: Epilogue,
    pub(crate) output: RowRing,
}

/// The input of one call of [`Link::run`].
pub(crate) struct LinkInput<'a> {
    /// How the rows lie in `data`.
    pub(crate) rows: RowRing,
    pub(crate) data: &'a [f32],
    /// Added to the output.
    pub(crate) residual: Option<&'a [f32]>,
}

/// The size of the buffer for quantized pixels. It fits into a typical first-level cache.
const QUANTIZED_BYTES: usize = 24 << 10;

/// Returns the number of pixels that are quantized at a time: enough for tiles of full size.
fn pixels_at_once(weights: &ByteWeights, width: usize) -> usize {
    (QUANTIZED_BYTES / weights.depth()).max(64).min(width.max(64) * 8)
}

impl Link {
    /// Returns the weights that multiply the bytes which the link before writes, or `None` if this link reads f32.
    pub(crate) fn byte_input(&self) -> Option<&ByteWeights> {
        match &self.kind {
            LinkKind::Bytes { weights, quantized: true, .. } => Some(weights),
            _ => None,
        }
    }

    /// Returns the bytes of memory that the link needs to quantize its input.
    pub(crate) fn quantized_bytes(&self) -> usize {
        match &self.kind {
            LinkKind::Bytes { weights, width, quantized: false } => {
                pixels_at_once(weights, *width) * weights.depth()
            }
            _ => 0,
        }
    }

    /// Returns the bytes of the weights.
    pub(crate) fn weight_bytes(&self) -> usize {
        match &self.kind {
            LinkKind::Pad(_) | LinkKind::Max { .. } => 0,
            LinkKind::Pointwise { weights, .. } => weights.bytes(),
            LinkKind::Bytes { weights, .. } => weights.bytes(),
            LinkKind::Window(window) => window.groups.iter().map(|(weights, _)| weights.bytes()).sum(),
            LinkKind::Depthwise(depthwise) => depthwise.taps.bytes(),
        }
    }

    /// Describes the link for a reader.
    pub(crate) fn describe(&self) -> String {
        let height = self.output.height;
        match &self.kind {
            LinkKind::Pad(_) => "pad".into(),
            LinkKind::Max { window, .. } => format!("maximum of {} at {height}", window.channels),
            LinkKind::Pointwise { weights, width } => {
                format!("pointwise {} to {} at {height}x{width}", weights.depth(), weights.channels())
            }
            LinkKind::Bytes { weights, width, .. } => {
                format!("bytes {} to {} at {height}x{width}", weights.depth(), weights.channels())
            }
            LinkKind::Window(window) => format!(
                "window of {} runs to {} at {height}x{}",
                window.runs.len(),
                window.out_channels,
                window.out_width
            ),
            LinkKind::Depthwise(DepthwiseRows { taps, out_width, .. }) => {
                format!("depthwise {} at {height}x{out_width}", taps.channels())
            }
        }
    }

    /// Computes rows of output. If `next` is given, the link writes them as the bytes that these weights multiply.
    /// `quantized` is memory for [`Link::quantized_bytes`].
    pub(crate) fn run(
        &self,
        rows: Range<usize>,
        input: &LinkInput<'_>,
        quantized: &mut [u8],
        next: Option<&ByteWeights>,
        out: &mut [f32],
    ) {
        match &self.kind {
            LinkKind::Pad(pad) => self.run_pad(pad, rows, input, out),
            LinkKind::Pointwise { weights, width } => self.run_pointwise(weights, *width, rows, input, out),
            LinkKind::Bytes { weights, width, quantized: given } => {
                let quantized = (!given).then_some(quantized);
                self.run_bytes(weights, *width, rows, input, quantized, out);
            }
            LinkKind::Window(window) => {
                for y in rows {
                    let row = |at: usize| &input.data[input.rows.row(y * self.reach.stride + at)];
                    let at = self.output.row(y);
                    window.run_row(row, input.residual.map(|r| &r[at.clone()]), &mut out[at]);
                }
            }
            LinkKind::Depthwise(window) => self.run_depthwise(window, rows, input, next, out),
            LinkKind::Max { isa, window } => {
                for y in rows {
                    let mut sources: [&[f32]; MAX_SOURCES] = [&[]; MAX_SOURCES];
                    for (i, source) in sources[..self.reach.rows].iter_mut().enumerate() {
                        *source = &input.data[input.rows.row(y * self.reach.stride + i)];
                    }
                    max_row(*isa, window, &sources[..self.reach.rows], &mut out[self.output.row(y)]);
                }
            }
        }
    }

    fn run_pad(&self, pad: &PadRows, rows: Range<usize>, input: &LinkInput<'_>, out: &mut [f32]) {
        let PadRows { parts, part_len, part_distance, left, right } = *pad;
        for y in rows {
            let row = &mut out[self.output.row(y)];
            let from = y.checked_sub(self.reach.pad).filter(|y| *y < input.rows.height);
            let wide = left + part_len + right;
            for (i, out) in row.chunks_exact_mut(wide).enumerate().take(parts) {
                let at = |y: usize| i * part_distance + y % input.rows.kept * part_len;
                let part = from.map(|y| &input.data[at(y)..][..part_len]);
                pad_row(part, left, right, out);
            }
        }
    }

    fn run_pointwise(
        &self,
        weights: &MatmulWeights,
        width: usize,
        rows: Range<usize>,
        input: &LinkInput<'_>,
        out: &mut [f32],
    ) {
        let mut y = rows.start;
        while y < rows.end {
            let count = (rows.end - y).min(input.rows.contiguous(y)).min(self.output.contiguous(y));
            let from = input.rows.row(y).start;
            let to = self.output.row(y).start;
            let sources = [&input.data[from..][..count * input.rows.len]];
            let len = count * self.output.len;
            let pixels = MatmulPixels {
                sources: &sources,
                step: weights.depth(),
                run_len: weights.depth(),
                count: count * width,
                residual: input.residual.map(|r| &r[to..][..len]),
                out_step: weights.channels(),
            };
            matmul(weights, &self.epilogue, &pixels, &mut out[to..][..len]);
            y += count;
        }
    }

    /// Multiplies bytes. Quantizes the input into `quantized`, or takes it as bytes if that is `None`.
    fn run_bytes(
        &self,
        weights: &ByteWeights,
        width: usize,
        rows: Range<usize>,
        input: &LinkInput<'_>,
        mut quantized: Option<&mut [u8]>,
        out: &mut [f32],
    ) {
        let depth = weights.depth();
        let channels = weights.channels();
        let mut y = rows.start;
        while y < rows.end {
            let count = (rows.end - y).min(input.rows.contiguous(y)).min(self.output.contiguous(y));
            let from = input.rows.row(y).start;
            let to = self.output.row(y).start;
            let all = count * width;
            let mut done = 0;
            while done < all {
                let count = (all - done).min(pixels_at_once(weights, width));
                let bytes = match &mut quantized {
                    None => &bytemuck::cast_slice(&input.data[from..])[done * depth..][..count * depth],
                    Some(quantized) => {
                        let bytes = &mut quantized[..count * depth];
                        quantize(weights, &input.data[from + done * depth..][..count * depth], bytes);
                        &*bytes
                    }
                };
                let at = to + done * channels..to + (done + count) * channels;
                let residual = input.residual.map(|r| &r[at.clone()]);
                byte_matmul(weights, &self.epilogue, count, bytes, residual, &mut out[at]);
                done += count;
            }
            y += count;
        }
    }

    fn run_depthwise(
        &self,
        window: &DepthwiseRows,
        rows: Range<usize>,
        input: &LinkInput<'_>,
        next: Option<&ByteWeights>,
        out: &mut [f32],
    ) {
        // Takes as many rows at a time as stand together and have enough sources.
        let most = (MAX_SOURCES - self.reach.rows) / self.reach.stride + 1;
        let mut y = rows.start;
        while y < rows.end {
            let count = (rows.end - y).min(self.output.contiguous(y)).min(most);
            let seen = (count - 1) * self.reach.stride + self.reach.rows;
            let mut sources = [None; MAX_SOURCES];
            for (i, row) in sources[..seen].iter_mut().enumerate() {
                let from = (y * self.reach.stride + i).checked_sub(self.reach.pad);
                let inside = from.filter(|y| *y < input.rows.height);
                *row = inside.map(|y| &input.data[input.rows.row(y)]);
            }
            let from = self.output.row(y).start;
            let at = from..from + count * self.output.len;
            let band = Band {
                sources: &sources[..seen],
                rows: count,
                width: window.width,
                out_width: window.out_width,
                stride: (self.reach.stride, window.stride),
                dilation: window.dilation,
                pad: window.pad,
                residual: input.residual.map(|r| &r[at.clone()]),
            };
            let out = match next {
                Some(weights) => DepthwiseOutput::Bytes(weights, bytemuck::cast_slice_mut(&mut out[at])),
                None => DepthwiseOutput::Floats(&mut out[at]),
            };
            depthwise(&window.taps, &self.epilogue, &band, out);
            y += count;
        }
    }
}

impl DenseWindow {
    /// Computes a row of output. `row` returns rows of input, counted from the first row that the window sees.
    fn run_row<'a>(&self, row: impl Fn(usize) -> &'a [f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let mut sources: [&[f32]; MAX_SOURCES] = [&[]; MAX_SOURCES];
        let mut first = 0;
        for (group, (weights, epilogue)) in self.groups.iter().enumerate() {
            for (source, (y, x)) in sources.iter_mut().zip(&self.runs) {
                *source = &row(*y)[x + group * self.group_step..];
            }
            let pixels = MatmulPixels {
                sources: &sources[..self.runs.len()],
                step: self.step,
                run_len: self.run_len,
                count: self.out_width,
                residual: residual.map(|r| &r[first..]),
                out_step: self.out_channels,
            };
            matmul(weights, epilogue, &pixels, &mut out[first..]);
            first += weights.channels();
        }
    }
}
