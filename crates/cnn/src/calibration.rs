//! Finding the ranges within which a graph's numbers become bytes.
//!
//! Quantisation is done after training and needs pictures only. [`Calibration`] runs them and watches the inputs of the
//! pointwise convolutions, where a network of the mobile kind spends its time. [`Calibration::ranges`] then decides in two
//! passes over what was seen:
//!
//! 1. For each convolution by itself, the ranges of its input channels. A range of its own for each channel rounds the inputs
//!    least but leaves the weights of channels with small numbers few steps, as these take the scale in; one range for all
//!    channels is the reverse. Between the two, and with more or less of the rare large numbers cut off, what is nearest to the
//!    convolution in f32 on pixels of the pictures is taken.
//! 2. From the first convolution to the last, how far each output channel is off in the mean over the pictures, with all bytes
//!    up to there: rounded weights are off always the same way, which adds up from layer to layer. The shifts take it back.

use std::fmt;

use crate::graph::{Graph, Value};
use crate::op::{Conv, Order, Shape};
use crate::ranges::{Entry, Ranges, convolutions, suits};
use crate::{GraphError, Isa, Plan, Session};

/// Pixels that are kept of each map for the choice of ranges.
const PIXELS: usize = 32;

/// How much of its own range a channel has: 1 is all, 0 one range for all channels. The first of equals is taken.
const OWN: [f32; 6] = [1.0, 0.875, 0.75, 0.625, 0.5, 0.25];

/// Shares of the range seen that have bytes; what is beyond becomes its end.
const SHARES: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];

/// Finds the ranges of a graph by watching inputs pass. Keeps the inputs.
pub struct Calibration {
    isa: Isa,
    /// The graph for each size of input.
    sizes: Vec<Size>,
}

/// A graph for one size of input, and what it saw.
struct Size {
    graph: Graph,
    session: Session,
    watched: Vec<Watched>,
    items: Vec<Vec<f32>>,
}

/// A convolution's inputs.
#[derive(Clone)]
struct Watched {
    convolution: usize,
    lows: Vec<f32>,
    highs: Vec<f32>,
    /// Some pixels, one after another.
    pixels: Vec<f32>,
}

impl Calibration {
    /// Watches the pointwise convolutions of a graph that work on maps of more than one pixel and give 16 channels or more.
    /// With an `isa` that gains nothing by bytes ([`Isa::multiplies_bytes`]) there is nothing to choose by: each channel gets
    /// the range that was seen, and shifts are 0.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn new(graph: &Graph, isa: Isa) -> Result<Self, GraphError> {
        let mut seen = graph.clone();
        seen.outputs.clear();
        let mut watched = Vec::new();
        for (convolution, (node, conv)) in convolutions(graph).enumerate() {
            let (node, Some(&input)) = (&graph.nodes[node], graph.nodes[node].inputs.first()) else {
                continue;
            };
            if suits(conv) && node.shape.pixels() > 1 {
                seen.output(input, Order::Interleaved);
                let channels = graph.shape(input).channels;
                let (lows, highs) = (vec![f32::INFINITY; channels], vec![f32::NEG_INFINITY; channels]);
                watched.push(Watched { convolution, lows, highs, pixels: Vec::new() });
            }
        }
        let session = Plan::new(&seen, isa)?.session();
        Ok(Self { isa, sizes: vec![Size { graph: graph.clone(), session, watched, items: Vec::new() }] })
    }

    /// Where the next item goes, channel by channel: one of the size that the graph has.
    pub fn input(&mut self) -> &mut [f32] {
        self.sizes[0].session.input()
    }

    /// Runs the item in [`Calibration::input`] and keeps it.
    pub fn observe(&mut self) {
        self.sizes[0].observe();
    }

    /// Adds what another calibration of the same network saw, one for another size of input.
    ///
    /// # Errors
    /// [`GraphError::Ranges`] for one of another network; nothing is added then.
    pub fn include(&mut self, other: Self) -> Result<(), GraphError> {
        let kind = |size: &Size| -> Vec<(usize, usize)> {
            size.watched.iter().map(|watched| (watched.convolution, watched.lows.len())).collect()
        };
        if other.sizes.iter().any(|size| kind(size) != kind(&self.sizes[0])) {
            return Err(GraphError::Ranges { what: "a calibration of another network".into() });
        }
        self.sizes.extend(other.sizes);
        Ok(())
    }

    /// What follows from everything seen; nothing for convolutions that saw no number. Takes a second or so for each hundred
    /// items of a network of some hundred million products.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn ranges(&self) -> Result<Ranges, GraphError> {
        let mut ranges = Ranges::default();
        for (at, watched) in self.sizes[0].watched.iter().enumerate() {
            let mut all = watched.clone();
            for size in &self.sizes[1..] {
                all.add(&size.watched[at]);
            }
            // A channel without a number is none with a range.
            for (low, high) in all.lows.iter_mut().zip(&mut all.highs).filter(|(low, high)| low > high) {
                (*low, *high) = (0.0, 0.0);
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

    /// The ranges with which a convolution is nearest to itself in f32.
    fn choose(&self, watched: &Watched) -> Result<Entry, GraphError> {
        let Some((_, conv)) = convolutions(&self.sizes[0].graph).nth(watched.convolution) else {
            return Err(GraphError::Ranges { what: format!("no convolution {}", watched.convolution) });
        };
        if !self.isa.multiplies_bytes() {
            return Ok(watched.entry(1.0, 1.0, conv.channels));
        }
        let alone = Alone::new(conv, &watched.pixels, self.isa)?;
        let mut best: Option<(f64, Entry)> = None;
        for own in OWN {
            for share in SHARES {
                let entry = watched.entry(own, share, conv.channels);
                let error = alone.error(&entry)?;
                if best.as_ref().is_none_or(|(least, _)| error < *least) {
                    best = Some((error, entry));
                }
            }
        }
        Ok(best.map_or_else(|| watched.entry(1.0, 1.0, conv.channels), |(_, entry)| entry))
    }

    /// Sets the shifts, from the first convolution to the last.
    fn shift(&self, ranges: &mut Ranges) -> Result<(), GraphError> {
        for at in 0..ranges.entries.len() {
            let upto = Ranges { entries: ranges.entries[..=at].to_vec() };
            let entry = &mut ranges.entries[at];
            let mut sums = vec![0.0_f64; entry.shifts.len()];
            for size in &self.sizes {
                let graph = size.upto(entry.convolution);
                let exact = Plan::new(&graph, self.isa)?;
                let bytes = Plan::quantized(&graph, self.isa, &upto)?;
                size.sum(&exact, 1.0, &mut sums);
                size.sum(&bytes, -1.0, &mut sums);
            }
            let items: usize = self.sizes.iter().map(|size| size.items.len()).sum();
            for (shift, sum) in entry.shifts.iter_mut().zip(sums) {
                *shift = short((sum / items.max(1) as f64) as f32);
            }
        }
        Ok(())
    }
}

/// How much it has seen, and no numbers.
impl fmt::Debug for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: usize = self.sizes.iter().map(|size| size.items.len()).sum();
        write!(f, "calibration of {} convolutions by {items} items", self.sizes[0].watched.len())
    }
}

impl Size {
    fn observe(&mut self) {
        // A run may write over its input.
        self.items.push(self.session.input().to_vec());
        self.session.run();
        for (output, watched) in self.watched.iter_mut().enumerate() {
            watched.observe(self.session.output(output), self.items.len());
        }
    }

    /// The graph up to a convolution, which is its output.
    fn upto(&self, convolution: usize) -> Graph {
        let mut graph = self.graph.clone();
        graph.outputs.clear();
        if let Some((node, _)) = convolutions(&self.graph).nth(convolution) {
            graph.nodes.truncate(node + 1);
            graph.output(Value(node), Order::Interleaved);
        }
        graph
    }

    /// Adds to `sums`, `times`, the mean of each channel of what the plan gives for each item.
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

impl Watched {
    /// Widens the ranges to those of a map, and keeps some of its pixels; `turn` says which.
    fn observe(&mut self, map: &[f32], turn: usize) {
        let channels = self.lows.len();
        for pixel in map.chunks_exact(channels) {
            for ((low, high), x) in self.lows.iter_mut().zip(&mut self.highs).zip(pixel) {
                if x.is_finite() {
                    (*low, *high) = (low.min(*x), high.max(*x));
                }
            }
        }
        let pixels = map.len() / channels;
        let count = pixels.min(PIXELS);
        for i in 0..count {
            // Evenly over the map, from another first one each time.
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

    /// The ranges where a channel has `own` of its own range, and a `share` of it has bytes.
    fn entry(&self, own: f32, share: f32, outputs: usize) -> Entry {
        let lows = self.lows.iter().map(|low| low.min(0.0) * share);
        let highs = self.highs.iter().map(|high| high.max(0.0) * share);
        let ranges: Vec<(f32, f32)> = lows.zip(highs).collect();
        let widest = ranges.iter().fold(0.0_f32, |widest, (low, high)| widest.max(high - low));
        // Wider by the same factor on both sides, so that the byte that is 0 stays the same.
        let wider = |(low, high): &(f32, f32)| {
            let part = ((high - low) / widest).max(1e-6);
            let factor = if high > low { part.powf(own - 1.0) } else { 1.0 };
            (short(low * factor), short(high * factor))
        };
        let (lows, highs) = ranges.iter().map(wider).unzip();
        Entry { convolution: self.convolution, lows, highs, shifts: vec![0.0; outputs] }
    }
}

/// A convolution by itself over some pixels.
struct Alone {
    isa: Isa,
    graph: Graph,
    input: Vec<f32>,
    exact: Vec<f32>,
}

impl Alone {
    fn new(conv: &Conv, pixels: &[f32], isa: Isa) -> Result<Self, GraphError> {
        let channels = conv.weights.len() / conv.channels;
        let count = pixels.len() / channels;
        let (mut graph, input) = Graph::new(Shape::new(channels, 1, count))?;
        let output = graph.conv(input, conv.clone())?;
        graph.output(output, Order::Interleaved);
        let planar = (0..channels).flat_map(|c| (0..count).map(move |i| pixels[i * channels + c]));
        let mut alone = Self { isa, input: planar.collect(), exact: Vec::new(), graph };
        alone.exact = alone.run(&Plan::new(&alone.graph, isa)?);
        Ok(alone)
    }

    fn run(&self, plan: &Plan) -> Vec<f32> {
        let mut session = plan.session();
        session.input().copy_from_slice(&self.input);
        session.run();
        session.output(0).to_vec()
    }

    /// The sum of squared errors, but for each output channel's mean error, which a shift takes back.
    fn error(&self, entry: &Entry) -> Result<f64, GraphError> {
        let ranges = Ranges { entries: vec![Entry { convolution: 0, ..entry.clone() }] };
        let bytes = self.run(&Plan::quantized(&self.graph, self.isa, &ranges)?);
        let channels = entry.shifts.len();
        let (mut sums, mut squares) = (vec![0.0_f64; channels], 0.0);
        for (i, (a, b)) in bytes.iter().zip(&self.exact).enumerate() {
            let error = f64::from(a - b);
            sums[i % channels] += error;
            squares += error * error;
        }
        let count = (bytes.len() / channels).max(1) as f64;
        Ok(squares - sums.iter().map(|sum| sum * sum / count).sum::<f64>())
    }
}

/// The number in three digits, which is as exact as any of these is.
fn short(x: f32) -> f32 {
    format!("{x:.2e}").parse().unwrap_or(x)
}
