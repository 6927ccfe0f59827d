//! One worker's state for a network.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::error::{ModelError, RunError};
use crate::onnxruntime::Run;
use crate::panics::catch_panics;
use crate::plan::{ModelPlan, Runner};
use crate::tensor::Tensor;
use crate::tract::TractSession;

/// One worker's state for a [`Model`](crate::Model) and items of one shape. It computes on the calling thread, so each
/// worker should have its own.
///
/// To run one item without a copy, write it into [`Session::input`] and call [`Session::run`]. [`Session::run_batch`]
/// runs the items of a batch one by one, so the outputs of an item never depend on the other items.
///
/// ```
/// use passerby_inference::Model;
///
/// let model = Model::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"))?;
/// let mut session = model.session([3, 6, 5])?; // channels, height, width
/// session.input().fill(1.0);
/// let outputs = session.run()?;
/// assert_eq!((outputs.len(), outputs.shape(0)), (2, &[1, 4][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    plan: Arc<ModelPlan>,
    state: EngineState,
}

enum EngineState {
    Cnn(passerby_cnn::PlanSession),
    Tract(Box<TractSession>),
    OnnxRuntime(Box<Run>),
}

/// The memory of a session, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUsage {
    /// The weights, which all sessions of one shape share.
    pub weight_bytes: usize,
    /// The buffers of this session.
    pub session_bytes: usize,
}

/// The outputs for one item, in the order of [`Model::outputs`](crate::Model::outputs).
#[derive(Clone, Copy)]
pub struct Outputs<'a> {
    session: &'a Session,
}

impl Session {
    pub(crate) fn new(plan: Arc<ModelPlan>) -> Result<Self, ModelError> {
        let state = catch_panics(|| -> Result<EngineState, String> {
            Ok(match &plan.runner {
                Runner::Cnn(plan) => EngineState::Cnn(plan.session()),
                Runner::Tract(tract) => EngineState::Tract(Box::new(tract.start(plan.item, &plan.outputs)?)),
                Runner::OnnxRuntime(network) => EngineState::OnnxRuntime(Box::new(network.start()?)),
            })
        });
        let state = state.map_err(|reason| match plan.backend {
            Backend::OnnxRuntime(device) => ModelError::Device { model: plan.model.clone(), device, reason },
            _ => ModelError::Plan { model: plan.model.clone(), item: plan.item, reason },
        })?;
        Ok(Self { plan, state })
    }

    /// Returns the name of the network: [`Model::name`](crate::Model::name).
    #[must_use]
    pub fn model_name(&self) -> &str {
        &self.plan.model
    }

    /// Returns the shape of one item: `[channels, height, width]`.
    #[must_use]
    pub fn item_shape(&self) -> [usize; 3] {
        self.plan.item
    }

    /// Returns the shape of each output for one item, in the order of [`Model::outputs`](crate::Model::outputs). The
    /// first axis, the batch, is 1.
    #[must_use]
    pub fn output_shapes(&self) -> &[Vec<usize>] {
        &self.plan.outputs
    }

    /// Returns the engine that runs the network.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.plan.backend
    }

    /// Returns the reason why the network is not on the device of [`Engine::Prefer`](crate::Engine::Prefer). Returns
    /// `None` if it is on that device, or if no device is preferred.
    #[must_use]
    pub fn fallback(&self) -> Option<&str> {
        self.plan.fallback.as_deref()
    }

    /// Returns the memory of the session, or `None` on tract and ONNX Runtime, which do not report it.
    ///
    /// ```
    /// use passerby_inference::Model;
    ///
    /// let model = Model::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"))?;
    /// let memory = model.session([3, 6, 5])?.memory().expect("the network runs on passerby-cnn");
    /// println!("{} bytes shared, {} bytes a worker", memory.weight_bytes, memory.session_bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn memory(&self) -> Option<MemoryUsage> {
        match &self.state {
            EngineState::Cnn(session) => {
                let plan = session.plan();
                Some(MemoryUsage { weight_bytes: plan.weight_bytes(), session_bytes: plan.session_bytes() })
            }
            EngineState::Tract(_) | EngineState::OnnxRuntime(_) => None,
        }
    }

    /// Runs the item in [`Session::input`] and returns a description of each step with the time it took. Returns `None`
    /// on tract and ONNX Runtime.
    #[must_use]
    pub fn profile(&mut self) -> Option<Vec<(String, Duration)>> {
        match &mut self.state {
            EngineState::Cnn(session) => Some(session.profile()),
            EngineState::Tract(_) | EngineState::OnnxRuntime(_) => None,
        }
    }

    /// Returns the memory of the next item: channel by channel, row by row. It is zero at first. A run may overwrite
    /// it, so the caller must write every element before each run.
    pub fn input(&mut self) -> &mut [f32] {
        match &mut self.state {
            EngineState::Cnn(session) => session.input(),
            EngineState::Tract(tract) => &mut tract.input,
            EngineState::OnnxRuntime(run) => &mut run.input,
        }
    }

    /// Runs the network on the item in [`Session::input`] and returns its outputs.
    ///
    /// # Errors
    /// Returns [`RunError::Failed`] if the network fails on the item. The session can be used again.
    pub fn run(&mut self) -> Result<Outputs<'_>, RunError> {
        self.compute(0)?;
        Ok(Outputs { session: self })
    }

    /// Runs the network on `n` items. `input` holds them one after another, each channel by channel, row by row.
    /// Returns one tensor for each output, in the order of [`Model::outputs`](crate::Model::outputs). The first axis of
    /// a tensor is `n`. If `n` is 0, the tensors are empty and nothing runs.
    ///
    /// ```
    /// use passerby_inference::Model;
    ///
    /// let model = Model::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"))?;
    /// let mut session = model.session([3, 6, 5])?;
    /// let tensors = session.run_batch(2, &vec![1.0; 2 * 3 * 6 * 5])?;
    /// assert_eq!(tensors[0].shape(), [2, 4]);
    /// assert_eq!(tensors[0].item(0), tensors[0].item(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`RunError::Length`] if `input` does not hold `n` items, and [`RunError::Failed`] if the network fails
    /// on one of them. In both cases no item has outputs, and the session can be used again.
    pub fn run_batch(&mut self, n: usize, input: &[f32]) -> Result<Vec<Tensor>, RunError> {
        let len: usize = self.plan.item.iter().product();
        if len.checked_mul(n) != Some(input.len()) {
            let model = self.plan.model.clone();
            return Err(RunError::Length { model, items: n, item: self.plan.item, given: input.len() });
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

    /// Computes the item in the input. `index` is its index in the batch, for the error.
    fn compute(&mut self, index: usize) -> Result<(), RunError> {
        let done = match &mut self.state {
            EngineState::Cnn(session) => {
                let done = catch_panics(|| {
                    session.run();
                    Ok::<_, String>(())
                });
                if done.is_err() {
                    *session = session.plan().session();
                }
                done
            }
            EngineState::Tract(tract) => tract.run(),
            EngineState::OnnxRuntime(run) => run.compute(),
        };
        done.map_err(|reason| RunError::Failed { model: self.plan.model.clone(), index, reason })
    }
}

/// Array views, with the feature `ndarray`.
#[cfg(feature = "ndarray")]
impl Session {
    /// Returns [`Session::input`] as an array of the axes channel, row and column, without a copy.
    ///
    /// ```
    /// use ndarray::s;
    /// use passerby_inference::Model;
    ///
    /// let model = Model::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"))?;
    /// let mut session = model.session([3, 6, 5])?;
    /// let mut input = session.input_view_mut();
    /// input.fill(0.0);
    /// input.slice_mut(s![0, .., ..]).fill(255.0); // the first channel
    /// assert_eq!(session.run()?.view(0).shape(), [1, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn input_view_mut(&mut self) -> ndarray::ArrayViewMut3<'_, f32> {
        let shape = self.plan.item;
        ndarray::ArrayViewMut3::from_shape(shape, self.input()).expect("the input has the shape of an item")
    }
}

impl<'a> Outputs<'a> {
    /// Returns the number of outputs.
    #[must_use]
    pub fn len(self) -> usize {
        self.session.plan.outputs.len()
    }

    /// Always returns false: every network has an output.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the values of output `index`. The last axis varies fastest.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of outputs.
    #[must_use]
    pub fn data(self, index: usize) -> &'a [f32] {
        match &self.session.state {
            EngineState::Cnn(session) => session.output(index),
            EngineState::Tract(tract) => &tract.outputs[index],
            EngineState::OnnxRuntime(run) => &run.outputs[index],
        }
    }

    /// Returns the shape of output `index`. The first axis, the batch, is 1.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of outputs.
    #[must_use]
    pub fn shape(self, index: usize) -> &'a [usize] {
        &self.session.plan.outputs[index]
    }
}

/// Array views, with the feature `ndarray`.
#[cfg(feature = "ndarray")]
impl<'a> Outputs<'a> {
    /// Returns output `index` as an array, without a copy. The first axis, the batch, is 1.
    ///
    /// ```
    /// use passerby_inference::Model;
    ///
    /// let model = Model::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"))?;
    /// let mut session = model.session([3, 6, 5])?;
    /// session.input().fill(1.0);
    /// let features = session.run()?.view(1);
    /// assert_eq!(features.shape(), [1, 4, 6, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// Panics if `index` is not below the number of outputs.
    #[must_use]
    pub fn view(self, index: usize) -> ndarray::ArrayViewD<'a, f32> {
        crate::tensor::view(self.shape(index), self.data(index))
    }
}

/// Prints the shapes only.
impl fmt::Debug for Outputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outputs({:?})", self.session.output_shapes())
    }
}

/// Prints the name, shape and backend only.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} for {:?} on {})", self.plan.model, self.plan.item, self.plan.backend)
    }
}
