//! One worker's running network.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tract_onnx::prelude::{IntoTValue, Tensor as EngineTensor, TractResult, TypedRunnableModel};
use tract_onnx::tract_hir::internal::tvec;
use tract_onnx::tract_hir::tract_core::model::TypedSimpleState;

use crate::guard::guarded;
use crate::model::{Plan, Runner};
use crate::onnxruntime::Run;
use crate::{Backend, ModelError, RunError, Tensor};

/// One worker's state of a [`Model`](crate::Model) for items of one shape. It runs on the caller's thread alone;
/// make one for each worker.
///
/// A single item is run without a copy by writing it into [`Session::input`] and calling [`Session::run_one`]. A batch
/// ([`Session::run`]) runs item by item, so the answer for an item never depends on the others of its batch.
pub struct Session {
    plan: Arc<Plan>,
    state: State,
}

enum State {
    Cnn(passerby_cnn::Session),
    Tract(Box<Tract>),
    OnnxRuntime(Box<Run>),
}

/// What a run on tract needs and gives.
struct Tract {
    runnable: Arc<TypedRunnableModel>,
    /// `None` after a failure, until the next run makes a new one.
    state: Option<TypedSimpleState>,
    input: Vec<f32>,
    outputs: Vec<Vec<f32>>,
}

/// How much memory a session takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Weights, shared by all sessions of one shape.
    pub shared: usize,
    /// Buffers of this session alone.
    pub own: usize,
}

/// The answers for one item, in the order of [`Model::outputs`](crate::Model::outputs).
#[derive(Clone, Copy)]
pub struct Outputs<'a> {
    session: &'a Session,
}

impl Session {
    pub(crate) fn new(plan: Arc<Plan>) -> Result<Self, ModelError> {
        let state = guarded(|| {
            Ok(match &plan.runner {
                Runner::Cnn(plan) => State::Cnn(plan.session()),
                Runner::Tract(runnable) => State::Tract(Box::new(Tract {
                    runnable: Arc::clone(runnable),
                    state: Some(runnable.spawn()?),
                    input: vec![0.0; plan.item.iter().product()],
                    outputs: plan.outputs.iter().map(|shape| vec![0.0; shape.iter().product()]).collect(),
                })),
                Runner::OnnxRuntime(network) => {
                    State::OnnxRuntime(Box::new(network.run().map_err(std::io::Error::other)?))
                }
            })
        });
        let state = state.map_err(|reason| match plan.backend {
            Backend::OnnxRuntime(device) => ModelError::Device { model: plan.model.clone(), device, reason },
            _ => ModelError::Plan { model: plan.model.clone(), item: plan.item, reason },
        })?;
        Ok(Self { plan, state })
    }

    /// What errors call the network: [`Model::name`](crate::Model::name).
    #[must_use]
    pub fn model(&self) -> &str {
        &self.plan.model
    }

    /// The shape of one item: `[channels, height, width]`.
    #[must_use]
    pub fn item(&self) -> [usize; 3] {
        self.plan.item
    }

    /// The shape of each output for one item, in the order of [`Model::outputs`](crate::Model::outputs); the first axis,
    /// the batch, is 1.
    #[must_use]
    pub fn shapes(&self) -> &[Vec<usize>] {
        &self.plan.outputs
    }

    /// What runs the network, and why.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.plan.backend
    }

    /// Why the network is not on the device that [`Engine::Prefer`](crate::Engine::Prefer) asks for; `None` where it is, or
    /// where none was asked for.
    #[must_use]
    pub fn fallback(&self) -> Option<&str> {
        self.plan.fallback.as_deref()
    }

    /// How much memory it takes. `None` on tract and ONNX Runtime, which do not say.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        match &self.state {
            State::Cnn(session) => {
                let plan = session.plan();
                Some(Memory { shared: plan.weight_bytes(), own: plan.session_bytes() })
            }
            State::Tract(_) | State::OnnxRuntime(_) => None,
        }
    }

    /// How long each step of a run takes on the item in [`Session::input`], with what it does: where the time goes. `None` on
    /// tract and ONNX Runtime.
    #[must_use]
    pub fn profile(&mut self) -> Option<Vec<(String, Duration)>> {
        match &mut self.state {
            State::Cnn(session) => Some(session.profile()),
            State::Tract(_) | State::OnnxRuntime(_) => None,
        }
    }

    /// Where the next item goes, channel by channel, row by row. It holds zeros at first; what it holds after a run is
    /// not said.
    pub fn input(&mut self) -> &mut [f32] {
        match &mut self.state {
            State::Cnn(session) => session.input(),
            State::Tract(tract) => &mut tract.input,
            State::OnnxRuntime(run) => &mut run.input,
        }
    }

    /// Runs the network on the item in [`Session::input`].
    ///
    /// # Errors
    /// [`RunError::Failed`] where the network fails on it.
    pub fn run_one(&mut self) -> Result<Outputs<'_>, RunError> {
        self.compute(0)?;
        Ok(Outputs { session: self })
    }

    /// Runs the network on `n` items. `input` holds them one after another, each channel by channel, row by row.
    /// Gives one tensor an output, in the order of [`Model::outputs`](crate::Model::outputs), whose first axis is
    /// `n`. With `n` = 0 the tensors are empty and nothing runs.
    ///
    /// # Errors
    /// [`RunError::Length`] where `input` does not hold `n` items, [`RunError::Failed`] where the network fails on
    /// one: no item of the batch then has an answer.
    pub fn run(&mut self, n: usize, input: &[f32]) -> Result<Vec<Tensor>, RunError> {
        let len: usize = self.plan.item.iter().product();
        if len.checked_mul(n) != Some(input.len()) {
            let (model, item, given) = (self.plan.model.clone(), self.plan.item, input.len());
            return Err(RunError::Length { model, items: n, item, given });
        }
        let shapes = self.plan.outputs.iter();
        let mut data: Vec<Vec<f32>> =
            shapes.map(|shape| Vec::with_capacity(n * shape.iter().product::<usize>())).collect();
        for (index, item) in input.chunks_exact(len).enumerate() {
            self.input().copy_from_slice(item);
            self.compute(index)?;
            let outputs = Outputs { session: self };
            for (at, data) in data.iter_mut().enumerate() {
                data.extend_from_slice(outputs.data(at));
            }
        }
        let batched = |shape: &Vec<usize>| [&[n], &shape[1..]].concat();
        let shapes = self.plan.outputs.iter().map(batched);
        Ok(shapes.zip(data).map(|(shape, data)| Tensor::new(shape, data)).collect())
    }

    /// Computes the item in the input, the one of this index of its batch.
    fn compute(&mut self, index: usize) -> Result<(), RunError> {
        let done = match &mut self.state {
            State::Cnn(session) => {
                let done = guarded(|| {
                    session.run();
                    Ok(())
                });
                if done.is_err() {
                    *session = session.plan().session();
                }
                done
            }
            State::Tract(tract) => tract.run(self.plan.item),
            State::OnnxRuntime(run) => run.compute(),
        };
        done.map_err(|reason| RunError::Failed { model: self.plan.model.clone(), index, reason })
    }
}

impl Tract {
    fn run(&mut self, [c, h, w]: [usize; 3]) -> Result<(), String> {
        let Self { runnable, state, input, outputs } = self;
        let spawned = state.take();
        let used = guarded(|| -> TractResult<TypedSimpleState> {
            let mut state = spawned.map_or_else(|| runnable.spawn(), Ok)?;
            let input = EngineTensor::from_shape(&[1, c, h, w], input)?;
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

impl<'a> Outputs<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.session.plan.outputs.len()
    }

    /// Whether there are none, which is never so.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The numbers of output `index`, the last axis running fastest.
    ///
    /// # Panics
    /// If there is no such output.
    #[must_use]
    pub fn data(self, index: usize) -> &'a [f32] {
        match &self.session.state {
            State::Cnn(session) => session.output(index),
            State::Tract(tract) => &tract.outputs[index],
            State::OnnxRuntime(run) => &run.outputs[index],
        }
    }

    /// The shape of output `index`; the first axis, the batch, is 1.
    ///
    /// # Panics
    /// If there is no such output.
    #[must_use]
    pub fn shape(self, index: usize) -> &'a [usize] {
        &self.session.plan.outputs[index]
    }
}

/// The shapes only.
impl fmt::Debug for Outputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outputs({:?})", self.session.shapes())
    }
}

/// The name, shape and backend only.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} for {:?} on {})", self.plan.model, self.plan.item, self.plan.backend)
    }
}
