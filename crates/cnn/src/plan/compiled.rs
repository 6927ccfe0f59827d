//! The steps of a plan and the places of its inputs and outputs.

use std::ops::Range;

use crate::isa::Isa;
use crate::op::{Shape, TensorLayout};
use crate::plan::step::Step;

/// The shared part of a plan. Ranges are places in a session's memory.
pub(crate) struct CompiledPlan {
    pub(crate) isa: Isa,
    pub(crate) input_shape: Shape,
    pub(crate) input: Range<usize>,
    pub(crate) outputs: Vec<PlanOutput>,
    pub(crate) steps: Vec<Step>,
    /// The length of a session's memory, in f32 elements.
    pub(crate) memory_len: usize,
}

/// An output of a plan.
pub(crate) struct PlanOutput {
    pub(crate) shape: Shape,
    pub(crate) layout: TensorLayout,
    pub(crate) place: Range<usize>,
}
