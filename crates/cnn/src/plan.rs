//! A graph made ready to run.

use std::sync::Arc;

use crate::graph::Graph;
use crate::{GraphError, Isa, Shape};

/// A graph made ready for one item shape and one instruction set. Immutable; a clone shares it.
#[derive(Clone, Debug)]
pub struct Plan {
    graph: Arc<Graph>,
}

impl Plan {
    /// Makes a graph ready to run with the instructions of `isa`.
    ///
    /// # Errors
    /// [`GraphError::NoOutput`] for a graph without one.
    pub fn new(graph: &Graph, isa: Isa) -> Result<Self, GraphError> {
        let _ = isa;
        if graph.outputs.is_empty() {
            return Err(GraphError::NoOutput);
        }
        Ok(Self { graph: Arc::new(graph.clone()) })
    }

    /// A worker's state for this plan.
    #[must_use]
    pub fn session(&self) -> Session {
        Session { plan: self.clone(), input: vec![0.0; self.graph.input_shape().len()], outputs: vec![] }
    }
}

/// One worker's memory for a plan.
#[derive(Debug)]
pub struct Session {
    plan: Plan,
    input: Vec<f32>,
    outputs: Vec<Vec<f32>>,
}

impl Session {
    /// Where the next item goes, channel by channel.
    pub fn input(&mut self) -> &mut [f32] {
        &mut self.input
    }

    /// Computes the outputs of the item in [`Session::input`].
    pub fn run(&mut self) {
        self.outputs = self.plan.graph.evaluate(&self.input);
    }

    /// Output `index` of the last run.
    #[must_use]
    pub fn output(&self, index: usize) -> &[f32] {
        &self.outputs[index]
    }

    /// The shape of output `index`.
    #[must_use]
    pub fn output_shape(&self, index: usize) -> Shape {
        self.plan.graph.shape(self.plan.graph.outputs[index].0)
    }
}
