//! One worker's memory for a plan.

use std::fmt;
use std::time::{Duration, Instant};

use crate::aligned::AlignedVec;
use crate::error::BatchLengthError;
use crate::op::{Shape, TensorLayout};
use crate::plan::Plan;

/// One worker's memory for a [`Plan`]. A run does not allocate and computes on the calling thread.
pub struct PlanSession {
    plan: Plan,
    memory: AlignedVec<f32>,
}

impl Plan {
    /// Creates a worker's session: the memory for one item. Sessions share the weights and nothing that changes.
    #[must_use]
    pub fn session(&self) -> PlanSession {
        let memory = AlignedVec::zeroed(self.compiled().memory_len);
        PlanSession { plan: self.clone(), memory }
    }
}

impl PlanSession {
    /// Returns the plan of the session.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the memory of the next item, in NCHW order. A run may overwrite it, so the caller must write every
    /// element before each run.
    pub fn input(&mut self) -> &mut [f32] {
        &mut self.memory[self.plan.compiled().input.clone()]
    }

    /// Computes the outputs of the item in [`PlanSession::input`].
    pub fn run(&mut self) {
        for step in &self.plan.compiled().steps {
            step.run(&mut self.memory);
        }
    }

    /// Returns output `index` of the last run, in the layout that was requested when the graph was built.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of outputs.
    #[must_use]
    pub fn output(&self, index: usize) -> &[f32] {
        &self.memory[self.plan.compiled().outputs[index].place.clone()]
    }

    /// Returns the shape and layout of output `index`.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of outputs.
    #[must_use]
    pub fn output_shape(&self, index: usize) -> (Shape, TensorLayout) {
        let output = &self.plan.compiled().outputs[index];
        (output.shape, output.layout)
    }

    /// Runs `items` items that stand one after another in `input`, and appends the values of each output to the list at
    /// its index in `outputs`. Items run one at a time, so the outputs of an item never depend on other items.
    ///
    /// # Errors
    /// Returns [`BatchLengthError`] if `input` does not have the length of that number of items. Nothing has run then.
    pub fn run_batch(
        &mut self,
        items: usize,
        input: &[f32],
        outputs: &mut [Vec<f32>],
    ) -> Result<(), BatchLengthError> {
        let item = self.plan.compiled().input_shape;
        if items.checked_mul(item.len()) != Some(input.len()) {
            return Err(BatchLengthError { items, item, given: input.len() });
        }
        for input in input.chunks_exact(item.len()) {
            self.input().copy_from_slice(input);
            self.run();
            for (index, output) in outputs.iter_mut().enumerate() {
                output.extend_from_slice(self.output(index));
            }
        }
        Ok(())
    }

    /// Runs the item in [`PlanSession::input`] and returns a description of each step with the time it took.
    #[must_use]
    pub fn profile(&mut self) -> Vec<(String, Duration)> {
        let plan = self.plan.clone();
        let timed = plan.compiled().steps.iter().map(|step| {
            let start = Instant::now();
            step.run(&mut self.memory);
            (step.describe(), start.elapsed())
        });
        timed.collect()
    }
}

/// Prints the plan, without any computed value.
impl fmt::Debug for PlanSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session of {:?}", self.plan)
    }
}
