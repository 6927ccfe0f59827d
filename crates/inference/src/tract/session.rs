//! Sessions on tract.

use std::sync::Arc;

use tract_onnx::prelude::{IntoTValue, Tensor as EngineTensor, TractResult, TypedRunnableModel};
use tract_onnx::tract_hir::internal::tvec;
use tract_onnx::tract_hir::tract_core::model::TypedSimpleState;

use crate::panics::catch_panics;

/// A network that tract runs.
pub(crate) struct TractPlan(Arc<TypedRunnableModel>);

/// The state of a session on tract.
pub(crate) struct TractSession {
    runnable: Arc<TypedRunnableModel>,
    /// `None` after a failure. The next run creates a new state.
    state: Option<TypedSimpleState>,
    item: [usize; 3],
    pub(crate) input: Vec<f32>,
    pub(crate) outputs: Vec<Vec<f32>>,
}

impl TractPlan {
    pub(crate) fn new(runnable: Arc<TypedRunnableModel>) -> Self {
        Self(runnable)
    }

    #[cfg(test)]
    pub(crate) fn runnable(&self) -> &TypedRunnableModel {
        &self.0
    }

    /// Returns one worker's state for items and outputs of these shapes.
    pub(crate) fn start(&self, item: [usize; 3], outputs: &[Vec<usize>]) -> Result<TractSession, String> {
        let state = catch_panics(|| self.0.spawn())?;
        Ok(TractSession {
            runnable: Arc::clone(&self.0),
            state: Some(state),
            item,
            input: vec![0.0; item.iter().product()],
            outputs: outputs.iter().map(|shape| vec![0.0; shape.iter().product()]).collect(),
        })
    }
}

impl TractSession {
    /// Computes the outputs of the item in the input.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        let Self { runnable, state, item: [c, h, w], input, outputs } = self;
        let spawned = state.take();
        let used = catch_panics(|| -> TractResult<TypedSimpleState> {
            let mut state = spawned.map_or_else(|| runnable.spawn(), Ok)?;
            let input = EngineTensor::from_shape(&[1, *c, *h, *w], input)?;
            let answers = state.run(tvec![input.into_tvalue()])?;
            for (answer, output) in answers.iter().zip(outputs) {
                output.clear();
                output.extend_from_slice(answer.try_as_plain_ram()?.as_slice::<f32>()?);
            }
            Ok(state)
        })?;
        *state = Some(used);
        Ok(())
    }
}
