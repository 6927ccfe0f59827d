//! The convolutions of a graph that multiply bytes, and the meaning of their input bytes.

use std::fmt::Write as _;

use crate::conv::strategy::suits_bytes;
use crate::error::GraphError;
use crate::graph::{Graph, Op};
use crate::kernel::byte_matmul::InputScale;
use crate::op::Conv;

/// The ranges of the inputs of some convolutions of a graph, and shifts of their outputs.
/// [`RangeCalibrator`](crate::RangeCalibrator) finds them, [`Plan::quantized`](crate::Plan::quantized) applies them,
/// and they can be stored as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivationRanges {
    pub(crate) entries: Vec<ConvRanges>,
}

/// The ranges of one convolution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvRanges {
    /// The index of the convolution in the graph.
    pub(crate) convolution: usize,
    /// The lowest and the highest value of each input channel that has a byte.
    pub(crate) lows: Vec<f32>,
    pub(crate) highs: Vec<f32>,
    /// The value that is added to each output channel to correct the mean error of the bytes.
    pub(crate) shifts: Vec<f32>,
}

/// The text is not a valid form of [`ActivationRanges`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ActivationRangesError {
    /// The line number, counted from 1.
    pub line: usize,
    /// The reason.
    pub reason: String,
}

/// The first line of the text form.
const HEADER: &str = "passerby-cnn ranges 2";

impl ActivationRanges {
    /// Returns the number of convolutions that have ranges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if no convolution has ranges.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes the ranges of a convolution, which then stays in f32. Convolutions are numbered from 0 in the order in
    /// which they were added to the graph.
    pub fn remove(&mut self, convolution: usize) {
        self.entries.retain(|entry| entry.convolution != convolution);
    }

    /// Returns the convolutions that have ranges, numbered from 0 in the order in which they were added to the graph.
    pub fn convolutions(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().map(|entry| entry.convolution)
    }

    /// Returns the text form: a header, `provenance` as comments, then one line for each convolution. A line has the
    /// number of the convolution, its input and output channels, the lowest value of each input channel, the highest
    /// value of each, and the shift of each output channel.
    #[must_use]
    pub fn to_text(&self, provenance: &str) -> String {
        let mut text = format!("{HEADER}\n");
        for line in provenance.lines() {
            let _ = writeln!(text, "# {line}");
        }
        for ConvRanges { convolution, lows, highs, shifts } in &self.entries {
            let _ = write!(text, "{convolution} {} {}", lows.len(), shifts.len());
            for number in lows.iter().chain(highs).chain(shifts) {
                let _ = write!(text, " {number}");
            }
            text.push('\n');
        }
        text
    }

    /// Parses the result of [`ActivationRanges::to_text`].
    ///
    /// # Errors
    /// Returns [`ActivationRangesError`] for another header, a line with the wrong number of values, or an invalid
    /// range.
    pub fn from_text(text: &str) -> Result<Self, ActivationRangesError> {
        let mut entries = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let invalid = |reason: String| ActivationRangesError { line: i + 1, reason };
            if i == 0 && line.trim_end() != HEADER {
                return Err(invalid(format!("expected \"{HEADER}\"")));
            }
            if i == 0 || line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let start: String = line.chars().take(40).collect();
            entries.push(
                ConvRanges::parse(line)
                    .ok_or_else(|| invalid(format!("expected a convolution and its ranges: {start}")))?,
            );
        }
        if text.lines().next().is_none() {
            return Err(ActivationRangesError { line: 1, reason: "the text is empty".into() });
        }
        Ok(Self { entries })
    }

    /// Checks that these ranges belong to this graph.
    pub(crate) fn check(&self, graph: &Graph) -> Result<(), GraphError> {
        let convolutions: Vec<(usize, &Conv)> = convolutions(graph).collect();
        for entry in &self.entries {
            let inputs = entry.lows.len();
            let outputs = entry.shifts.len();
            let fits = convolutions.get(entry.convolution).is_some_and(|(node, conv)| {
                let input = graph.nodes[*node].inputs.first().map(|value| graph.shape(*value).channels);
                suits_bytes(conv) && input == Some(inputs) && conv.channels == outputs
            });
            if !fits {
                let reason = format!(
                    "convolution {} is not pointwise from {inputs} to {outputs} channels",
                    entry.convolution
                );
                return Err(GraphError::Ranges { reason });
            }
        }
        Ok(())
    }

    /// Returns the graph with the shifts added to the biases.
    pub(crate) fn shifted(&self, graph: &Graph) -> Graph {
        let mut shifted = graph.clone();
        let convolutions = shifted.nodes.iter_mut().filter_map(|node| match &mut node.op {
            Op::Conv(conv) => Some(conv),
            _ => None,
        });
        for (at, conv) in convolutions.enumerate() {
            let Some(entry) = self.entries.iter().find(|entry| entry.convolution == at) else { continue };
            conv.bias.resize(conv.channels, 0.0);
            conv.bias.iter_mut().zip(&entry.shifts).for_each(|(bias, shift)| *bias += shift);
        }
        shifted
    }

    pub(crate) fn scales(&self, convolution: usize) -> Option<Vec<InputScale>> {
        let entry = self.entries.iter().find(|entry| entry.convolution == convolution)?;
        Some(entry.lows.iter().zip(&entry.highs).map(|(low, high)| InputScale::of(*low, *high)).collect())
    }
}

impl ConvRanges {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut number = || words.next()?.parse::<usize>().ok();
        let convolution = number()?;
        let inputs = number()?;
        let outputs = number()?;
        let numbers: Option<Vec<f32>> = words.map(|word| word.parse().ok()).collect();
        let numbers = numbers?;
        if inputs.checked_mul(2)?.checked_add(outputs)? != numbers.len() {
            return None;
        }
        let (ranges, shifts) = numbers.split_at(2 * inputs);
        let (lows, highs) = ranges.split_at(inputs);
        let sound = |(low, high): (&f32, &f32)| low <= high && low.is_finite() && (high - low).is_finite();
        let sound = lows.iter().zip(highs).all(sound) && shifts.iter().all(|shift| shift.is_finite());
        sound.then(|| Self { convolution, lows: lows.into(), highs: highs.into(), shifts: shifts.into() })
    }
}

/// Returns the convolutions of a graph in their order, with the indices of their nodes.
pub(crate) fn convolutions(graph: &Graph) -> impl Iterator<Item = (usize, &Conv)> {
    graph.nodes.iter().enumerate().filter_map(|(at, node)| match &node.op {
        Op::Conv(conv) => Some((at, conv)),
        _ => None,
    })
}
