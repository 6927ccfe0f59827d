//! One worker's memory for a plan.

use std::fmt;

use crate::buffer::Lines;
use crate::op::{Order, Shape};
use crate::{InputError, Plan};

/// One worker's memory for a [`Plan`]. A run allocates nothing and works on the thread that calls.
pub struct Session {
    plan: Plan,
    memory: Lines<f32>,
}

impl Session {
    pub(crate) fn new(plan: Plan) -> Self {
        let memory = Lines::zeroed(plan.shared.memory);
        Self { plan, memory }
    }

    /// The plan it is for.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where the next item goes, channel by channel, row by row. A run may leave anything there: it is written anew for each.
    pub fn input(&mut self) -> &mut [f32] {
        &mut self.memory[self.plan.shared.input.1.clone()]
    }

    /// Computes the outputs of the item in [`Session::input`].
    pub fn run(&mut self) {
        for step in &self.plan.shared.steps {
            step.run(&mut self.memory);
        }
    }

    /// Output `index` of the last run, in the order asked for when the graph was built.
    ///
    /// # Panics
    /// If there are not that many outputs.
    #[must_use]
    pub fn output(&self, index: usize) -> &[f32] {
        &self.memory[self.plan.shared.outputs[index].2.clone()]
    }

    /// The shape of output `index` and the order of its numbers.
    ///
    /// # Panics
    /// If there are not that many outputs.
    #[must_use]
    pub fn output_shape(&self, index: usize) -> (Shape, Order) {
        let (shape, order, _) = &self.plan.shared.outputs[index];
        (*shape, *order)
    }

    /// Runs `items` items that stand one after another in `input`, and appends the numbers of each output to the list in
    /// its place in `outputs`. Items run one at a time, so an item's numbers never depend on its neighbours.
    ///
    /// # Errors
    /// [`InputError`] where `input` does not hold that many items; nothing has run then.
    pub fn run_batch(
        &mut self,
        items: usize,
        input: &[f32],
        outputs: &mut [Vec<f32>],
    ) -> Result<(), InputError> {
        let item = self.plan.shared.input.0;
        if items.checked_mul(item.len()) != Some(input.len()) {
            return Err(InputError { items, item, given: input.len() });
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

    /// How long each step of a run takes on the item in [`Session::input`], with what it does: where the time goes.
    #[must_use]
    pub fn profile(&mut self) -> Vec<(String, std::time::Duration)> {
        let plan = self.plan.clone();
        let timed = plan.shared.steps.iter().map(|step| {
            let start = std::time::Instant::now();
            step.run(&mut self.memory);
            (step.name(), start.elapsed())
        });
        timed.collect()
    }
}

/// The plan and nothing of what was computed.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session of {:?}", self.plan)
    }
}
