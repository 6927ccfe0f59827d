//! The search for the ranges within which a graph's activations become bytes.
//!
//! Quantization happens after training and needs only example pictures. [`RangeCalibrator`] runs them and observes the
//! inputs of the pointwise convolutions, on which mobile networks spend most of their time. [`RangeCalibrator::ranges`]
//! then works in two passes:
//!
//! 1. It chooses the ranges of the input channels of each convolution on its own. A separate range for each channel
//!    rounds the inputs least, but it leaves few steps for the weights of channels with small values, because those
//!    weights absorb the scale. One range for all channels has the opposite effect. The calibrator tries several
//!    mixtures of the two and cuts off more or less of the rare large values. It keeps the combination that is nearest
//!    to the f32 convolution on pixels of the pictures.
//! 2. From the first convolution to the last, it measures how far each output channel is off in the mean over the
//!    pictures, with all convolutions up to there in bytes. Rounded weights err in the same direction each time, and
//!    the error adds up from layer to layer. The shifts take it back.

use std::fmt;

use crate::conv::strategy::suits_bytes;
use crate::error::GraphError;
use crate::graph::{Graph, Value};
use crate::isa::Isa;
use crate::op::{Conv, Shape, TensorLayout};
use crate::plan::Plan;
use crate::quantize::ranges::{ActivationRanges, ConvRanges, convolutions};
use crate::session::PlanSession;

/// The number of pixels of each map that are kept for the choice of ranges.
const PIXELS_PER_MAP: usize = 32;

/// The exponents that are tried for the width of a channel's range: 1 is a separate range for each channel, 0 one range
/// for all. The first of equally good ones wins.
const OWN_EXPONENTS: [f32; 6] = [1.0, 0.875, 0.75, 0.625, 0.5, 0.25];

/// The shares of the observed range that are tried. Values beyond the share saturate.
const RANGE_SHARES: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

/// Finds the activation ranges of a graph by observing example inputs. Keeps a copy of the inputs.
///
/// ```
/// use passerby_cnn::{Conv, Graph, Isa, Plan, RangeCalibrator, Shape, TensorLayout, Window};
///
/// // A pointwise convolution of 4 to 16 channels.
/// let (mut graph, input) = Graph::new(Shape::new(4, 8, 8))?;
/// let window = Window::square(1, 1, 0);
/// let conv = Conv { channels: 16, groups: 1, window, weights: vec![0.5; 16 * 4], bias: vec![] };
/// let output = graph.conv(input, conv)?;
/// graph.output(output, TensorLayout::Nchw);
///
/// let mut calibrator = RangeCalibrator::new(&graph, Isa::preferred())?;
/// calibrator.input().fill(0.5); // an example picture
/// calibrator.observe();
/// let ranges = calibrator.ranges()?;
/// assert_eq!(ranges.len(), 1);
/// let plan = Plan::quantized(&graph, Isa::preferred(), &ranges)?;
/// # Ok::<(), passerby_cnn::GraphError>(())
/// ```
pub struct RangeCalibrator {
    isa: Isa,
    /// One graph for each size of input.
    sizes: Vec<SizeObservations>,
}

/// The graph for one size of input and the observations with it.
struct SizeObservations {
    graph: Graph,
    session: PlanSession,
    watched: Vec<ObservedInputs>,
    items: Vec<Vec<f32>>,
}

/// The observed inputs of a convolution.
#[derive(Clone)]
struct ObservedInputs {
    convolution: usize,
    lows: Vec<f32>,
    highs: Vec<f32>,
    /// Some pixels, one after another.
    pixels: Vec<f32>,
}

impl RangeCalibrator {
    /// Prepares the observation of the pointwise convolutions that work on maps of more than one pixel and have at
    /// least 16 output channels. If `isa` gains nothing by bytes ([`Isa::multiplies_bytes`]), there is no choice to
    /// make: [`RangeCalibrator::ranges`] returns the observed range of each channel and shifts of 0.
    ///
    /// # Errors
    /// Returns the errors of [`Plan::new`].
    pub fn new(graph: &Graph, isa: Isa) -> Result<Self, GraphError> {
        let mut seen = graph.clone();
        seen.outputs.clear();
        let mut watched = Vec::new();
        for (convolution, (node, conv)) in convolutions(graph).enumerate() {
            let (node, Some(&input)) = (&graph.nodes[node], graph.nodes[node].inputs.first()) else {
                continue;
            };
            if suits_bytes(conv) && node.shape.pixels() > 1 {
                seen.output(input, TensorLayout::Nhwc);
                let channels = graph.shape(input).channels;
                let lows = vec![f32::INFINITY; channels];
                let highs = vec![f32::NEG_INFINITY; channels];
                watched.push(ObservedInputs { convolution, lows, highs, pixels: Vec::new() });
            }
        }
        let session = Plan::new(&seen, isa)?.session();
        Ok(Self {
            isa,
            sizes: vec![SizeObservations { graph: graph.clone(), session, watched, items: Vec::new() }],
        })
    }

    /// Returns the memory of the next item, in NCHW order. It has the size of the graph's input.
    pub fn input(&mut self) -> &mut [f32] {
        self.sizes[0].session.input()
    }

    /// Runs the item in [`RangeCalibrator::input`] and keeps a copy of it.
    pub fn observe(&mut self) {
        self.sizes[0].observe();
    }

    /// Adds the observations of another calibrator of the same network, with another size of input.
    ///
    /// # Errors
    /// Returns [`GraphError::Ranges`] and adds nothing if `other` belongs to another network.
    pub fn include(&mut self, other: Self) -> Result<(), GraphError> {
        let kind = |size: &SizeObservations| -> Vec<(usize, usize)> {
            size.watched.iter().map(|watched| (watched.convolution, watched.lows.len())).collect()
        };
        if other.sizes.iter().any(|size| kind(size) != kind(&self.sizes[0])) {
            return Err(GraphError::Ranges { reason: "the calibrator observed another network".into() });
        }
        self.sizes.extend(other.sizes);
        Ok(())
    }

    /// Returns the ranges that follow from all observations. Convolutions that observed no finite value have none. For
    /// a network of some hundred million products, this takes about a second for each hundred items.
    ///
    /// # Errors
    /// Returns the errors of [`Plan::new`].
    pub fn ranges(&self) -> Result<ActivationRanges, GraphError> {
        let mut ranges = ActivationRanges::default();
        for (at, watched) in self.sizes[0].watched.iter().enumerate() {
            let mut all = watched.clone();
            for size in &self.sizes[1..] {
                all.add(&size.watched[at]);
            }
            // A channel without a finite value has an empty range.
            for (low, high) in all.lows.iter_mut().zip(&mut all.highs).filter(|(low, high)| low > high) {
                *low = 0.0;
                *high = 0.0;
            }
            if !all.pixels.is_empty() {
                ranges.entries.push(self.choose(&all)?);
            }
        }
        if self.isa.multiplies_bytes() {
            self.shift(&mut ranges)?;
        }
        Ok(ranges)
    }

    /// Returns the ranges with which a convolution of bytes is nearest to the f32 convolution.
    fn choose(&self, watched: &ObservedInputs) -> Result<ConvRanges, GraphError> {
        let Some((_, conv)) = convolutions(&self.sizes[0].graph).nth(watched.convolution) else {
            return Err(GraphError::Ranges {
                reason: format!("the graph has no convolution {}", watched.convolution),
            });
        };
        if !self.isa.multiplies_bytes() {
            return Ok(watched.entry(1.0, 1.0, conv.channels));
        }
        let isolated = IsolatedConv::new(conv, &watched.pixels, self.isa)?;
        let mut best: Option<(f64, ConvRanges)> = None;
        for own in OWN_EXPONENTS {
            for share in RANGE_SHARES {
                let entry = watched.entry(own, share, conv.channels);
                let error = isolated.error(&entry)?;
                if best.as_ref().is_none_or(|(least, _)| error < *least) {
                    best = Some((error, entry));
                }
            }
        }
        Ok(best.map_or_else(|| watched.entry(1.0, 1.0, conv.channels), |(_, entry)| entry))
    }

    /// Sets the shifts, from the first convolution to the last.
    fn shift(&self, ranges: &mut ActivationRanges) -> Result<(), GraphError> {
        for at in 0..ranges.entries.len() {
            let upto = ActivationRanges { entries: ranges.entries[..=at].to_vec() };
            let entry = &mut ranges.entries[at];
            let mut sums = vec![0.0_f64; entry.shifts.len()];
            for size in &self.sizes {
                let graph = size.graph_up_to(entry.convolution);
                let exact = Plan::new(&graph, self.isa)?;
                let bytes = Plan::quantized(&graph, self.isa, &upto)?;
                size.sum(&exact, 1.0, &mut sums);
                size.sum(&bytes, -1.0, &mut sums);
            }
            let items: usize = self.sizes.iter().map(|size| size.items.len()).sum();
            for (shift, sum) in entry.shifts.iter_mut().zip(sums) {
                *shift = round_to_three_digits((sum / items.max(1) as f64) as f32);
            }
        }
        Ok(())
    }
}

/// Prints the number of observations, without any value.
impl fmt::Debug for RangeCalibrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: usize = self.sizes.iter().map(|size| size.items.len()).sum();
        write!(f, "calibration of {} convolutions by {items} items", self.sizes[0].watched.len())
    }
}

impl SizeObservations {
    fn observe(&mut self) {
        // A run may overwrite its input.
        self.items.push(self.session.input().to_vec());
        self.session.run();
        for (output, watched) in self.watched.iter_mut().enumerate() {
            watched.observe(self.session.output(output), self.items.len());
        }
    }

    /// Returns the graph up to a convolution, whose result is the only output.
    fn graph_up_to(&self, convolution: usize) -> Graph {
        let mut graph = self.graph.clone();
        graph.outputs.clear();
        if let Some((node, _)) = convolutions(&self.graph).nth(convolution) {
            graph.nodes.truncate(node + 1);
            graph.output(Value(node), TensorLayout::Nhwc);
        }
        graph
    }

    /// Runs each item and adds the mean of each output channel, times `times`, to `sums`.
    fn sum(&self, plan: &Plan, times: f64, sums: &mut [f64]) {
        let mut session = plan.session();
        for item in &self.items {
            session.input().copy_from_slice(item);
            session.run();
            let map = session.output(0);
            let each = times / (map.len() / sums.len()) as f64;
            for pixel in map.chunks_exact(sums.len()) {
                sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += each * f64::from(*x));
            }
        }
    }
}

impl ObservedInputs {
    /// Widens the ranges to those of a map, and keeps some of its pixels. `turn` varies which ones.
    fn observe(&mut self, map: &[f32], turn: usize) {
        let channels = self.lows.len();
        for pixel in map.chunks_exact(channels) {
            for ((low, high), x) in self.lows.iter_mut().zip(&mut self.highs).zip(pixel) {
                if x.is_finite() {
                    *low = low.min(*x);
                    *high = high.max(*x);
                }
            }
        }
        let pixels = map.len() / channels;
        let count = pixels.min(PIXELS_PER_MAP);
        for i in 0..count {
            // The pixels are spread evenly over the map, beginning at another one each time.
            let at = (i * pixels / count + turn * 7919) % pixels;
            let pixel = &map[at * channels..][..channels];
            if pixel.iter().all(|x| x.is_finite()) {
                self.pixels.extend_from_slice(pixel);
            }
        }
    }

    fn add(&mut self, other: &Self) {
        for (low, x) in self.lows.iter_mut().zip(&other.lows) {
            *low = low.min(*x);
        }
        for (high, x) in self.highs.iter_mut().zip(&other.highs) {
            *high = high.max(*x);
        }
        self.pixels.extend_from_slice(&other.pixels);
    }

    /// Returns the ranges for the exponent `own` of [`OWN_EXPONENTS`] and this share of the observed range.
    fn entry(&self, own: f32, share: f32, outputs: usize) -> ConvRanges {
        let lows = self.lows.iter().map(|low| low.min(0.0) * share);
        let highs = self.highs.iter().map(|high| high.max(0.0) * share);
        let ranges: Vec<(f32, f32)> = lows.zip(highs).collect();
        let widest = ranges.iter().fold(0.0_f32, |widest, (low, high)| widest.max(high - low));
        // Both ends are scaled by the same factor, so that 0 stays the same byte.
        let wider = |(low, high): &(f32, f32)| {
            let part = ((high - low) / widest).max(1e-6);
            let factor = if high > low { part.powf(own - 1.0) } else { 1.0 };
            (round_to_three_digits(low * factor), round_to_three_digits(high * factor))
        };
        let (lows, highs) = ranges.iter().map(wider).unzip();
        ConvRanges { convolution: self.convolution, lows, highs, shifts: vec![0.0; outputs] }
    }
}

/// A convolution on its own, over some pixels.
struct IsolatedConv {
    isa: Isa,
    graph: Graph,
    input: Vec<f32>,
    exact: Vec<f32>,
}

impl IsolatedConv {
    fn new(conv: &Conv, pixels: &[f32], isa: Isa) -> Result<Self, GraphError> {
        let channels = conv.weights.len() / conv.channels;
        let count = pixels.len() / channels;
        let (mut graph, input) = Graph::new(Shape::new(channels, 1, count))?;
        let output = graph.conv(input, conv.clone())?;
        graph.output(output, TensorLayout::Nhwc);
        let planar = (0..channels).flat_map(|c| (0..count).map(move |i| pixels[i * channels + c]));
        let mut isolated = Self { isa, input: planar.collect(), exact: Vec::new(), graph };
        isolated.exact = isolated.run(&Plan::new(&isolated.graph, isa)?);
        Ok(isolated)
    }

    fn run(&self, plan: &Plan) -> Vec<f32> {
        let mut session = plan.session();
        session.input().copy_from_slice(&self.input);
        session.run();
        session.output(0).to_vec()
    }

    /// Returns the sum of squared errors without the mean error of each output channel, which a shift takes back.
    fn error(&self, entry: &ConvRanges) -> Result<f64, GraphError> {
        let ranges = ActivationRanges { entries: vec![ConvRanges { convolution: 0, ..entry.clone() }] };
        let bytes = self.run(&Plan::quantized(&self.graph, self.isa, &ranges)?);
        let channels = entry.shifts.len();
        let mut sums = vec![0.0_f64; channels];
        let mut squares = 0.0;
        for (i, (a, b)) in bytes.iter().zip(&self.exact).enumerate() {
            let error = f64::from(a - b);
            sums[i % channels] += error;
            squares += error * error;
        }
        let count = (bytes.len() / channels).max(1) as f64;
        Ok(squares - sums.iter().map(|sum| sum * sum / count).sum::<f64>())
    }
}

/// Returns the value rounded to three digits. No range is more exact than that.
fn round_to_three_digits(x: f32) -> f32 {
    format!("{x:.2e}").parse().unwrap_or(x)
}
