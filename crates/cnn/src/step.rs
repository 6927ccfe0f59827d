//! One step of a plan: an operator with its memory.

use std::ops::Range;

use crate::arena::NOWHERE;
use crate::chain::Chain;
use crate::deconv::Deconv;
use crate::kernel::{points, pool, resize, shuffle};
use crate::op::{Binary, Coordinates, Interpolation, Pads, Pool, Shape, Unary, Window};
use crate::patches::Patches;
use crate::winograd::Winograd;

/// What a step computes. Maps are pixel by pixel, but for the graph's input.
#[derive(Debug)]
pub(crate) enum Work {
    Chain(Chain),
    Patches(Patches),
    Winograd(Winograd),
    Deconv(Deconv),
    Unary(Unary, Shape),
    Binary(Binary, [Shape; 2], Shape),
    Pool(Pool, Window, Shape, Shape),
    Mean,
    Sum(Shape),
    Softmax(Shape),
    Resize(Interpolation, Coordinates, Shape, Shape),
    Pad(Pads, f32, Shape, Shape),
    /// Copies a map's channels into a map of more, from this one on.
    Merge {
        channels: usize,
        out_channels: usize,
        first: usize,
    },
    /// Copies numbers as they are to this place.
    Append {
        at: usize,
    },
    /// From channel by channel to pixel by pixel.
    Interleave(Shape),
    /// From pixel by pixel to channel by channel.
    Planar(Shape),
}

/// A step and the places of the session's memory that it uses.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) input: Range<usize>,
    /// The second input: a residual, or the other value of two.
    pub(crate) other: Other,
    pub(crate) scratch: Range<usize>,
    pub(crate) output: Range<usize>,
}

/// A step's second input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    None,
    /// The first input again.
    Same,
    At(Range<usize>),
}

impl Step {
    /// Runs the step in a session's memory.
    pub(crate) fn run(&self, memory: &mut [f32]) {
        let other = match &self.other {
            Other::At(range) => range.clone(),
            Other::None | Other::Same => NOWHERE,
        };
        let places = [self.input.clone(), other, self.scratch.clone(), self.output.clone()];
        // The plan gives buffers that are needed together places that do not overlap.
        let Ok([input, other, scratch, out]) = memory.get_disjoint_mut(places) else {
            unreachable!("a plan's places overlap: {self:?}")
        };
        let other = match self.other {
            Other::None => None,
            Other::Same => Some(&*input),
            Other::At(_) => Some(&*other),
        };
        self.apply(input, other, scratch, out);
    }

    fn apply(&self, input: &[f32], other: Option<&[f32]>, scratch: &mut [f32], out: &mut [f32]) {
        match &self.work {
            Work::Chain(chain) => chain.run(input, scratch, other, out),
            Work::Patches(patches) => patches.run(input, scratch, other, out),
            Work::Winograd(winograd) => winograd.run(input, scratch, other, out),
            Work::Deconv(deconv) => deconv.run(input, scratch, other, out),
            Work::Unary(function, shape) => points::unary(function, shape.channels, input, out),
            Work::Binary(function, [a, b], shape) => {
                points::binary(*function, (*a, input), (*b, other.unwrap_or(input)), *shape, out);
            }
            Work::Pool(kind, window, from, to) => pool::pool(*kind, window, (*from, input), (*to, out)),
            Work::Mean => pool::mean(input, out),
            Work::Sum(shape) => pool::sum(shape.channels, input, out),
            Work::Softmax(shape) => pool::softmax(shape.channels, input, out),
            Work::Resize(interpolation, coordinates, from, to) => {
                resize::resize(*interpolation, *coordinates, (*from, input), (*to, out));
            }
            Work::Pad(pads, value, from, to) => shuffle::pad(pads, *value, (*from, input), (*to, out)),
            Work::Merge { channels, out_channels, first } => {
                shuffle::merge(*channels, input, *out_channels, *first, out);
            }
            Work::Append { at } => out[*at..][..input.len()].copy_from_slice(input),
            Work::Interleave(shape) => shuffle::interleave(shape.channels, input, out),
            Work::Planar(shape) => shuffle::planar(shape.channels, input, out),
        }
    }

    /// Bytes of weights.
    pub(crate) fn bytes(&self) -> usize {
        match &self.work {
            Work::Chain(chain) => chain.bytes(),
            Work::Patches(patches) => patches.bytes(),
            Work::Winograd(winograd) => winograd.bytes(),
            Work::Deconv(deconv) => deconv.bytes(),
            _ => 0,
        }
    }

    /// What the step does, for people.
    pub(crate) fn name(&self) -> String {
        match &self.work {
            Work::Chain(chain) => chain.name(),
            Work::Patches(patches) => format!("patches {} to {}", patches.input, patches.output),
            Work::Winograd(_) => "winograd".into(),
            Work::Deconv(_) => "deconv".into(),
            other => {
                let name = format!("{other:?}");
                name.split(['(', ' ']).next().unwrap_or_default().to_lowercase()
            }
        }
    }
}
