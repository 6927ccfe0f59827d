//! One step of a plan: an operator and its memory.

use std::ops::Range;

use crate::conv::chain::Chain;
use crate::conv::patches::Patches;
use crate::conv::transpose::ConvTranspose;
use crate::conv::winograd::Winograd;
use crate::kernel::{elementwise, layout, pool, resize};
use crate::op::{Binary, CoordinateMode, Interpolation, Pads, Pooling, Shape, Unary, Window};
use crate::plan::arena::NOWHERE;

/// The operation of a step. Maps are in NHWC order, except the input of the graph.
#[derive(Debug)]
pub(crate) enum Work {
    Chain(Chain),
    Patches(Patches),
    Winograd(Winograd),
    ConvTranspose(ConvTranspose),
    Unary(Unary, Shape),
    Binary(Binary, [Shape; 2], Shape),
    Pool(Pooling, Window, Shape, Shape),
    Mean,
    Sum(Shape),
    Softmax(Shape),
    Resize(Interpolation, CoordinateMode, Shape, Shape),
    Pad(Pads, f32, Shape, Shape),
    /// Copies a map into the channels from `first` on of a map with more channels.
    CopyChannels {
        channels: usize,
        out_channels: usize,
        first: usize,
    },
    /// Copies the channels from `first` on to a map with fewer channels.
    SliceChannels {
        channels: usize,
        first: usize,
        out_channels: usize,
    },
    /// Copies a map as it is to the elements from `at` on.
    CopyRows {
        at: usize,
    },
    /// Converts from NCHW to NHWC order.
    ToNhwc(Shape),
    /// Converts from NHWC to NCHW order.
    ToNchw(Shape),
}

/// A step and the places in the session's memory that it uses.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) input: Range<usize>,
    /// A residual, or the second operand.
    pub(crate) second: SecondInput,
    pub(crate) scratch: Range<usize>,
    pub(crate) output: Range<usize>,
}

/// The second input of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecondInput {
    None,
    /// The first input again.
    Same,
    At(Range<usize>),
}

impl Step {
    /// Runs the step in a session's memory.
    pub(crate) fn run(&self, memory: &mut [f32]) {
        let second = match &self.second {
            SecondInput::At(range) => range.clone(),
            SecondInput::None | SecondInput::Same => NOWHERE,
        };
        let places = [self.input.clone(), second, self.scratch.clone(), self.output.clone()];
        // Buffers that are needed together have places that do not overlap.
        let Ok([input, second, scratch, out]) = memory.get_disjoint_mut(places) else {
            unreachable!("the places of a plan overlap: {self:?}")
        };
        let second = match self.second {
            SecondInput::None => None,
            SecondInput::Same => Some(&*input),
            SecondInput::At(_) => Some(&*second),
        };
        self.apply(input, second, scratch, out);
    }

    fn apply(&self, input: &[f32], second: Option<&[f32]>, scratch: &mut [f32], out: &mut [f32]) {
        match &self.work {
            Work::Chain(chain) => chain.run(input, scratch, second, out),
            Work::Patches(patches) => patches.run(input, scratch, second, out),
            Work::Winograd(winograd) => winograd.run(input, scratch, second, out),
            Work::ConvTranspose(transpose) => transpose.run(input, scratch, second, out),
            Work::Unary(function, shape) => elementwise::unary(function, shape.channels, input, out),
            Work::Binary(function, [a, b], shape) => {
                elementwise::binary(*function, (*a, input), (*b, second.unwrap_or(input)), *shape, out);
            }
            Work::Pool(pooling, window, from, to) => pool::pool(*pooling, window, (*from, input), (*to, out)),
            Work::Mean => pool::mean(input, out),
            Work::Sum(shape) => pool::sum(shape.channels, input, out),
            Work::Softmax(shape) => pool::softmax(shape.channels, input, out),
            Work::Resize(interpolation, coordinates, from, to) => {
                resize::resize(*interpolation, *coordinates, (*from, input), (*to, out));
            }
            Work::Pad(pads, value, from, to) => layout::pad(pads, *value, (*from, input), (*to, out)),
            Work::CopyChannels { channels, out_channels, first } => {
                layout::copy_channels(*channels, input, *out_channels, *first, out);
            }
            Work::SliceChannels { channels, first, out_channels } => {
                layout::slice_channels(*channels, *first, input, *out_channels, out);
            }
            Work::CopyRows { at } => out[*at..][..input.len()].copy_from_slice(input),
            Work::ToNhwc(shape) => layout::to_nhwc(shape.channels, input, out),
            Work::ToNchw(shape) => layout::to_nchw(shape.channels, input, out),
        }
    }

    /// Returns the bytes of the weights.
    pub(crate) fn weight_bytes(&self) -> usize {
        match &self.work {
            Work::Chain(chain) => chain.weight_bytes(),
            Work::Patches(patches) => patches.weight_bytes(),
            Work::Winograd(winograd) => winograd.weight_bytes(),
            Work::ConvTranspose(transpose) => transpose.weight_bytes(),
            _ => 0,
        }
    }

    /// Describes the step for a reader.
    pub(crate) fn describe(&self) -> String {
        match &self.work {
            Work::Chain(chain) => chain.describe(),
            Work::Patches(patches) => format!("patches {} to {}", patches.input, patches.output),
            Work::Winograd(_) => "winograd".into(),
            Work::ConvTranspose(_) => "conv_transpose".into(),
            other => {
                let name = format!("{other:?}");
                name.split(['(', ' ']).next().unwrap_or_default().to_lowercase()
            }
        }
    }
}
