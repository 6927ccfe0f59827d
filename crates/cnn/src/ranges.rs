//! Which convolutions of a graph multiply bytes, and what the bytes of their inputs stand for.
//!
//! [`Calibration`](crate::Calibration) finds them; they can be kept as a text file.
//! [`Plan::quantized`](crate::Plan::quantized) uses them.

use std::fmt::Write as _;

use crate::GraphError;
use crate::graph::{Graph, Op};
use crate::kernel::dot::{Scale, TOGETHER};
use crate::op::Conv;
use crate::stage::is_pointwise;

/// The ranges of the inputs of some convolutions of a graph, and shifts of their outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranges {
    pub(crate) entries: Vec<Entry>,
}

/// One convolution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Which, counted from 0.
    pub(crate) convolution: usize,
    /// Of each input channel the lowest number that has a byte, and the highest.
    pub(crate) lows: Vec<f32>,
    pub(crate) highs: Vec<f32>,
    /// What is added to each output channel: how far bytes are off in the mean.
    pub(crate) shifts: Vec<f32>,
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
const HEADER: &str = "passerby-cnn ranges 2";

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

    /// Leaves convolution `convolution` of the graph, counted from 0, in f32.
    pub fn remove(&mut self, convolution: usize) {
        self.entries.retain(|entry| entry.convolution != convolution);
    }

    /// The convolutions it is for, counted from 0 in the order in which they were added to the graph.
    pub fn convolutions(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().map(|entry| entry.convolution)
    }

    /// As text: a header, `provenance` as comments, then a line for each convolution with its number, its input and output
    /// channels, the lowest number of each input channel, the highest of each, and the shift of each output channel.
    #[must_use]
    pub fn to_text(&self, provenance: &str) -> String {
        let mut text = format!("{HEADER}\n");
        for line in provenance.lines() {
            let _ = writeln!(text, "# {line}");
        }
        for Entry { convolution, lows, highs, shifts } in &self.entries {
            let _ = write!(text, "{convolution} {} {}", lows.len(), shifts.len());
            for number in lows.iter().chain(highs).chain(shifts) {
                let _ = write!(text, " {number}");
            }
            text.push('\n');
        }
        text
    }

    /// Reads what [`Ranges::to_text`] wrote.
    ///
    /// # Errors
    /// [`RangesError`] for another header, a line of too few or too many numbers, or a range that is none.
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
            let start: String = line.chars().take(40).collect();
            entries.push(
                Entry::parse(line).ok_or_else(|| wrong(format!("no convolution and ranges: {start}")))?,
            );
        }
        if text.lines().next().is_none() {
            return Err(RangesError { line: 1, what: "an empty text".into() });
        }
        Ok(Self { entries })
    }

    /// Whether these are ranges of this graph.
    pub(crate) fn check(&self, graph: &Graph) -> Result<(), GraphError> {
        let convolutions: Vec<(usize, &Conv)> = convolutions(graph).collect();
        for entry in &self.entries {
            let (inputs, outputs) = (entry.lows.len(), entry.shifts.len());
            let fits = convolutions.get(entry.convolution).is_some_and(|(node, conv)| {
                let input = graph.nodes[*node].inputs.first().map(|value| graph.shape(*value).channels);
                suits(conv) && input == Some(inputs) && conv.channels == outputs
            });
            if !fits {
                let what =
                    format!("convolution {} is no pointwise one of {inputs} to {outputs}", entry.convolution);
                return Err(GraphError::Ranges { what });
            }
        }
        Ok(())
    }

    /// The graph they are of, with the shifts added to the biases.
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

    pub(crate) fn scales(&self, convolution: usize) -> Option<Vec<Scale>> {
        let entry = self.entries.iter().find(|entry| entry.convolution == convolution)?;
        Some(entry.lows.iter().zip(&entry.highs).map(|(low, high)| Scale::of(*low, *high)).collect())
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut number = || words.next()?.parse::<usize>().ok();
        let (convolution, inputs, outputs) = (number()?, number()?, number()?);
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

/// The convolutions of a graph in their order, with the places of their nodes.
pub(crate) fn convolutions(graph: &Graph) -> impl Iterator<Item = (usize, &Conv)> {
    graph.nodes.iter().enumerate().filter_map(|(at, node)| match &node.op {
        Op::Conv(conv) => Some((at, conv)),
        _ => None,
    })
}

/// Outputs below which a convolution is a network's head: little work, and its errors are those of the answer.
const FEW: usize = 16;

/// Whether a convolution can multiply bytes, and is worth it.
pub(crate) fn suits(conv: &Conv) -> bool {
    let inputs = conv.weights.len() / conv.channels;
    is_pointwise(conv) && inputs.is_multiple_of(TOGETHER) && inputs <= 1 << 16 && conv.channels >= FEW
}
