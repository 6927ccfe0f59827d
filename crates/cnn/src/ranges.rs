//! Which convolutions of a graph multiply bytes, and in what range their inputs lie.
//!
//! Quantisation is done after training and needs pictures only: [`Calibration`] runs them and watches the inputs of the
//! pointwise convolutions, where a network of the mobile kind spends its time; [`Ranges`] is what it found, and can be kept as
//! a text file. [`Plan::quantized`](crate::Plan::quantized) uses it.

use std::fmt::Write as _;

use crate::graph::{Graph, Op};
use crate::kernel::dot::{Scale, TOGETHER};
use crate::op::{Conv, Order, Shape};
use crate::stage::is_pointwise;
use crate::{GraphError, Isa, Plan, Session, Value};

/// The ranges of the inputs of some convolutions of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranges {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// Which convolution, counted from 0.
    convolution: usize,
    /// Its input and output channels, to know the graph by.
    channels: (usize, usize),
    low: f32,
    high: f32,
}

/// Why a text is no [`Ranges`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct RangesError {
    /// Which line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// The first line of the text form.
const HEADER: &str = "passerby-cnn ranges 1";

impl Ranges {
    /// How many convolutions it is for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is for none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Widens the ranges to those of another calibration of the same network, such as one with another input size.
    pub fn include(&mut self, other: &Self) {
        for entry in &other.entries {
            match self.entries.iter_mut().find(|known| known.convolution == entry.convolution) {
                Some(known) => {
                    known.low = known.low.min(entry.low);
                    known.high = known.high.max(entry.high);
                }
                None => self.entries.push(entry.clone()),
            }
        }
        self.entries.sort_by_key(|entry| entry.convolution);
    }

    /// Leaves convolution `convolution` of the graph, counted from 0, in f32.
    pub fn remove(&mut self, convolution: usize) {
        self.entries.retain(|entry| entry.convolution != convolution);
    }

    /// The convolutions it is for, counted from 0 in the order in which they were added to the graph.
    pub fn convolutions(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().map(|entry| entry.convolution)
    }

    /// As text: a header, `provenance` as comments, then a line for each convolution with its number, input and output
    /// channels, and the lowest and highest input.
    #[must_use]
    pub fn to_text(&self, provenance: &str) -> String {
        let mut text = format!("{HEADER}\n");
        for line in provenance.lines() {
            let _ = writeln!(text, "# {line}");
        }
        for Entry { convolution, channels, low, high } in &self.entries {
            let _ = writeln!(text, "{convolution} {} {} {low} {high}", channels.0, channels.1);
        }
        text
    }

    /// Reads what [`Ranges::to_text`] wrote.
    ///
    /// # Errors
    /// [`RangesError`] for another header, a line that is not five numbers, or a range that is none.
    pub fn from_text(text: &str) -> Result<Self, RangesError> {
        let mut entries = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let wrong = |what: String| RangesError { line: i + 1, what };
            if i == 0 && line.trim_end() != HEADER {
                return Err(wrong(format!("not \"{HEADER}\"")));
            }
            if i == 0 || line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            entries
                .push(Entry::parse(line).ok_or_else(|| wrong(format!("no convolution and range: {line}")))?);
        }
        if text.lines().next().is_none() {
            return Err(RangesError { line: 1, what: "an empty text".into() });
        }
        Ok(Self { entries })
    }

    /// Whether these are ranges of this graph.
    pub(crate) fn check(&self, graph: &Graph) -> Result<(), GraphError> {
        let convolutions = convolutions(graph);
        for entry in &self.entries {
            let fits = convolutions.get(entry.convolution).is_some_and(|(conv, input, _)| {
                suits(conv) && (graph.shape(*input).channels, conv.channels) == entry.channels
            });
            if !fits {
                let (inputs, outputs) = entry.channels;
                let what =
                    format!("convolution {} is no pointwise one of {inputs} to {outputs}", entry.convolution);
                return Err(GraphError::Ranges { what });
            }
        }
        Ok(())
    }

    pub(crate) fn scale(&self, convolution: usize) -> Option<Scale> {
        let entry = self.entries.iter().find(|entry| entry.convolution == convolution)?;
        Some(Scale::of(entry.low, entry.high))
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut number = || words.next()?.parse().ok();
        let (convolution, inputs, outputs) = (number()?, number()?, number()?);
        let low: f32 = words.next()?.parse().ok()?;
        let high: f32 = words.next()?.parse().ok()?;
        let sound = low <= high && low.is_finite() && (high - low).is_finite() && words.next().is_none();
        sound.then_some(Self { convolution, channels: (inputs, outputs), low, high })
    }
}

/// The convolutions of a graph in their order, with the value that each reads and the shape that it gives.
fn convolutions(graph: &Graph) -> Vec<(&Conv, Value, Shape)> {
    let mut all = Vec::new();
    for node in &graph.nodes {
        if let (Op::Conv(conv), [input]) = (&node.op, node.inputs.as_slice()) {
            all.push((conv, *input, node.shape));
        }
    }
    all
}

/// Outputs below which a convolution is a network's head: little work, and its errors are those of the answer.
const FEW: usize = 16;

/// Whether a convolution can multiply bytes, and is worth it.
fn suits(conv: &Conv) -> bool {
    let inputs = conv.weights.len() / conv.channels;
    is_pointwise(conv) && inputs.is_multiple_of(TOGETHER) && inputs <= 1 << 16 && conv.channels >= FEW
}

/// Finds the ranges of a graph by watching inputs pass.
#[derive(Debug)]
pub struct Calibration {
    session: Session,
    entries: Vec<Entry>,
}

impl Calibration {
    /// Watches the pointwise convolutions of a graph that work on maps of more than one pixel and give 16 channels or more.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn new(graph: &Graph, isa: Isa) -> Result<Self, GraphError> {
        let mut watched = graph.clone();
        watched.outputs.clear();
        let mut entries = Vec::new();
        for (convolution, (conv, input, shape)) in convolutions(graph).into_iter().enumerate() {
            if suits(conv) && shape.pixels() > 1 {
                watched.output(input, Order::Interleaved);
                let channels = (graph.shape(input).channels, conv.channels);
                let (low, high) = (f32::INFINITY, f32::NEG_INFINITY);
                entries.push(Entry { convolution, channels, low, high });
            }
        }
        Ok(Self { session: Plan::new(&watched, isa)?.session(), entries })
    }

    /// Where the next item goes, channel by channel.
    pub fn input(&mut self) -> &mut [f32] {
        self.session.input()
    }

    /// Runs the item in [`Calibration::input`] and widens the ranges to what it made.
    pub fn observe(&mut self) {
        self.session.run();
        for (output, entry) in self.entries.iter_mut().enumerate() {
            for x in self.session.output(output).iter().filter(|x| x.is_finite()) {
                entry.low = entry.low.min(*x);
                entry.high = entry.high.max(*x);
            }
        }
    }

    /// What was found; nothing for convolutions that saw no number.
    #[must_use]
    pub fn ranges(&self) -> Ranges {
        let seen = self.entries.iter().filter(|entry| entry.low <= entry.high);
        Ranges { entries: seen.cloned().collect() }
    }
}
