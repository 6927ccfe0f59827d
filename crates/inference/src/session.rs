//! One worker's running network.

use std::fmt;
use std::sync::Arc;

use tract_onnx::prelude::{IntoTValue, Tensor as EngineTensor, TractResult};
use tract_onnx::tract_hir::internal::tvec;
use tract_onnx::tract_hir::tract_core::model::TypedSimpleState;

use crate::guard::guarded;
use crate::model::Plan;
use crate::{ModelError, RunError, Tensor};

/// One worker's state of a [`Model`](crate::Model) for items of one shape. It runs on the caller's thread alone;
/// make one for each worker.
///
/// A batch runs item by item: the engine is slower with larger batches than with single items, and so the answer
/// for an item never depends on the others of its batch.
pub struct Session {
    plan: Arc<Plan>,
    /// `None` after a failure, until the next run makes a new one.
    state: Option<TypedSimpleState>,
}

impl Session {
    pub(crate) fn new(plan: Arc<Plan>) -> Result<Self, ModelError> {
        let state = guarded(|| plan.runnable.spawn()).map_err(|reason| ModelError::Plan {
            model: plan.model.clone(),
            item: plan.item,
            reason,
        })?;
        Ok(Self { plan, state: Some(state) })
    }

    /// The shape of one item: `[channels, height, width]`.
    #[must_use]
    pub fn item(&self) -> [usize; 3] {
        self.plan.item
    }

    /// Runs the network on `n` items. `input` holds them one after another, each channel by channel, row by row.
    /// Gives one tensor an output, in the order of [`Model::outputs`](crate::Model::outputs), whose first axis is
    /// `n`. With `n` = 0 the tensors are empty and nothing runs.
    ///
    /// # Errors
    /// [`RunError::Length`] where `input` does not hold `n` items, [`RunError::Failed`] where the network fails on
    /// one: no item of the batch then has an answer.
    pub fn run(&mut self, n: usize, input: &[f32]) -> Result<Vec<Tensor>, RunError> {
        let plan = Arc::clone(&self.plan);
        let len: usize = plan.item.iter().product();
        if len.checked_mul(n) != Some(input.len()) {
            let (model, item, given) = (plan.model.clone(), plan.item, input.len());
            return Err(RunError::Length { model, items: n, item, given });
        }
        let mut data: Vec<Vec<f32>> = plan
            .outputs
            .iter()
            .map(|shape| Vec::with_capacity(n * shape.iter().product::<usize>()))
            .collect();
        for (index, item) in input.chunks_exact(len).enumerate() {
            let state = self.state.take();
            let state = guarded(|| one(&plan, state, item, &mut data))
                .map_err(|reason| RunError::Failed { model: plan.model.clone(), index, reason })?;
            self.state = Some(state);
        }
        let batched = |shape: &Vec<usize>| [&[n], &shape[1..]].concat();
        Ok(plan.outputs.iter().map(batched).zip(data).map(|(shape, data)| Tensor::new(shape, data)).collect())
    }
}

/// Runs one item, adds its answers to `data`, and gives the state back.
fn one(
    plan: &Arc<Plan>,
    state: Option<TypedSimpleState>,
    item: &[f32],
    data: &mut [Vec<f32>],
) -> TractResult<TypedSimpleState> {
    let mut state = state.map_or_else(|| plan.runnable.spawn(), Ok)?;
    let [c, h, w] = plan.item;
    let input = EngineTensor::from_shape(&[1, c, h, w], item)?;
    let answers = state.run(tvec![input.into_tvalue()])?;
    for (answer, data) in answers.iter().zip(data) {
        data.extend_from_slice(answer.try_as_plain_ram()?.as_slice::<f32>()?);
    }
    Ok(state)
}

/// The name and shape only.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} for {:?})", self.plan.model, self.plan.item)
    }
}
