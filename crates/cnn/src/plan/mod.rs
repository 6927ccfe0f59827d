//! A graph compiled for one instruction set.

use std::fmt;
use std::sync::Arc;

use crate::error::GraphError;
use crate::graph::Graph;
use crate::isa::Isa;
use crate::plan::compiled::CompiledPlan;
use crate::plan::planner::compile;
use crate::plan::step::Step;
use crate::quantize::ranges::ActivationRanges;

mod arena;
pub(crate) mod compiled;
mod planner;
mod step;

/// A graph compiled for one instruction set: weights laid out for its kernels, operators joined if that saves memory
/// traffic, and a place for every buffer. A plan is immutable. A clone is cheap and shares the weights, so each worker
/// can have its own [`PlanSession`](crate::PlanSession) of the same plan.
#[derive(Clone)]
pub struct Plan {
    compiled: Arc<CompiledPlan>,
}

impl Plan {
    /// Compiles a graph for the instructions of `isa`.
    ///
    /// NaN propagates as in [`Graph::evaluate`]. A 3 x 3 convolution that runs by Winograd's algorithm may also spread
    /// it over the tile of 4 x 4 outputs.
    ///
    /// # Errors
    /// Returns [`GraphError::NoOutput`] if the graph has no output, and [`GraphError::Setting`] if more than 64 taps of
    /// a transposed convolution reach one pixel.
    pub fn new(graph: &Graph, isa: Isa) -> Result<Self, GraphError> {
        Ok(Self { compiled: Arc::new(compile(graph, isa, None)?) })
    }

    /// Compiles a graph in which the convolutions that `ranges` names multiply bytes.
    ///
    /// The plan quantizes the inputs of these convolutions within the range of each channel, and their weights
    /// separately for each output channel. It sums the products exactly, adds the shifts of `ranges` to the biases, and
    /// computes everything else in f32. NaN in such an input counts as the lowest value of its range. If `isa` gains
    /// nothing by bytes ([`Isa::multiplies_bytes`]), this is [`Plan::new`].
    ///
    /// # Errors
    /// Returns the errors of [`Plan::new`], and [`GraphError::Ranges`] if the ranges belong to another graph. The sizes
    /// of maps do not matter: ranges are valid for every input size of a network.
    pub fn quantized(graph: &Graph, isa: Isa, ranges: &ActivationRanges) -> Result<Self, GraphError> {
        ranges.check(graph)?;
        if !isa.multiplies_bytes() {
            return Self::new(graph, isa);
        }
        Ok(Self { compiled: Arc::new(compile(&ranges.shifted(graph), isa, Some(ranges))?) })
    }

    pub(crate) fn compiled(&self) -> &CompiledPlan {
        &self.compiled
    }

    /// Returns the instruction set that the plan was compiled for.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.compiled.isa
    }

    /// Returns the bytes of the weights, which all sessions share.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.compiled.steps.iter().map(Step::weight_bytes).sum()
    }

    /// Returns the bytes of memory of one session.
    #[must_use]
    pub fn session_bytes(&self) -> usize {
        self.compiled.memory_len * size_of::<f32>()
    }
}

/// Prints the steps, one a line.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan for {:?}, {} bytes a session", self.compiled.isa, self.session_bytes())?;
        self.compiled.steps.iter().try_for_each(|step| writeln!(f, "  {}", step.describe()))
    }
}
