//! A network: read, checked, and made ready once for each input shape.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use passerby_cnn::{Isa, Ranges};
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{
    Framework, InferenceModel, InferenceModelExt, RunOptions, TypedModel, TypedRunnableModel,
};
use tract_onnx::tract_hir::internal::{DatumType, InferenceFact, TractResult, tvec};

use crate::check;
use crate::guard::guarded;
use crate::half;
use crate::lower::lower;
use crate::onnxruntime::Network;
use crate::{Backend, Calibration, Engine, ModelError, Precision, Session, TensorSpec, Why};

/// How many plans a model keeps. Cameras of one installation rarely have more picture sizes than this;
/// a plan beyond it replaces the oldest, and sessions that use that one go on using it.
const PLANS_KEPT: usize = 8;

/// A network's weights and graph, immutable. A clone is cheap and shares them, so every worker may have one.
///
/// Networks have one f32 input of shape `[batch, channels, height, width]` and f32 outputs whose first axis is the
/// batch. Weights stored in half precision behind `Cast` nodes are turned into f32 when the file is read: every run
/// computes in f32. Shapes stated in the file for outputs and inner values are ignored; they follow from the
/// input's.
#[derive(Clone)]
pub struct Model {
    shared: Arc<Shared>,
    engine: Engine,
    ranges: Option<Arc<Ranges>>,
    precision: Precision,
    isa: Isa,
}

struct Shared {
    name: String,
    input: TensorSpec,
    outputs: Vec<TensorSpec>,
    onnx: Arc<Cow<'static, [u8]>>,
    /// As it was read, for the first plan. Later ones read it again: its weights are larger than the file, and a plan has
    /// its own.
    graph: Mutex<Option<InferenceModel>>,
    plans: Mutex<Vec<(Key, Arc<Plan>)>>,
}

impl Shared {
    /// The network as the file says it.
    fn graph(&self) -> TractResult<InferenceModel> {
        if let Some(graph) = self.graph.lock().take() {
            return Ok(graph);
        }
        let engine = reader();
        let proto = engine.proto_model_for_read(&mut &**self.onnx)?;
        in_single_precision(&engine, proto)
    }
}

/// The graph of what was read, with weights of half precision in single.
fn in_single_precision(engine: &Onnx, mut proto: ModelProto) -> TractResult<InferenceModel> {
    if let Some(graph) = &mut proto.graph {
        half::widen(graph);
    }
    engine.model_for_proto_model(&proto)
}

/// What reads ONNX files.
fn reader() -> Onnx {
    tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true)
}

/// What a plan is for: an item shape, an engine and its instructions, and the ranges where it multiplies bytes.
type Key = ([usize; 3], Engine, Isa, Option<Arc<Ranges>>);

/// The network made ready for items of one shape, a batch of one at a time.
pub(crate) struct Plan {
    pub(crate) model: String,
    pub(crate) item: [usize; 3],
    /// The shape of each output for one item; the first axis is 1.
    pub(crate) outputs: Vec<Vec<usize>>,
    pub(crate) backend: Backend,
    /// Why it is not on the device that was preferred.
    pub(crate) fallback: Option<String>,
    pub(crate) runner: Runner,
}

/// What computes a plan.
pub(crate) enum Runner {
    Cnn(passerby_cnn::Plan),
    Tract(Arc<TypedRunnableModel>),
    OnnxRuntime(Network),
}

impl Model {
    /// Reads a network from the bytes of an ONNX file, which the model keeps: give what is part of the program as it is,
    /// and it is not copied. `name` is what errors call it.
    ///
    /// # Errors
    /// [`ModelError::Empty`], [`ModelError::NotOnnx`] for bytes that are no sound ONNX model,
    /// [`ModelError::Unsupported`] for an operator, number type or storage this crate has not, and
    /// [`ModelError::Inputs`] for a network without exactly one input. No bytes make it panic.
    pub fn from_bytes(name: &str, onnx: impl Into<Cow<'static, [u8]>>) -> Result<Self, ModelError> {
        let (onnx, model) = (onnx.into(), || name.to_owned());
        if onnx.is_empty() {
            return Err(ModelError::Empty { model: model() });
        }
        let not_onnx = |reason| ModelError::NotOnnx { model: model(), reason };
        let engine = reader();
        let proto = guarded(|| engine.proto_model_for_read(&mut &*onnx)).map_err(not_onnx)?;
        let (input, outputs) = check::interface(name, &proto, |op| engine.op_register.0.contains_key(op))?;
        let graph = guarded(|| in_single_precision(&engine, proto)).map_err(not_onnx)?;
        let (graph, plans) = (Mutex::new(Some(graph)), Mutex::default());
        let shared = Shared { name: model(), input, outputs, onnx: Arc::new(onnx), graph, plans };
        Ok(Self {
            shared: Arc::new(shared),
            engine: Engine::Auto,
            ranges: None,
            precision: Precision::Float,
            isa: Isa::preferred(),
        })
    }

    /// Reads a network from an ONNX file; errors call it by its path.
    ///
    /// # Errors
    /// [`ModelError::Io`] where the file cannot be read, else as [`Model::from_bytes`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|cause| ModelError::Io { path: path.into(), cause })?;
        Self::from_bytes(&path.display().to_string(), bytes)
    }

    /// What errors call the network.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The input: `[batch, channels, height, width]`.
    #[must_use]
    pub fn input(&self) -> &TensorSpec {
        &self.shared.input
    }

    /// The outputs, in the order in which [`Session::run`] gives them. Their shapes are what the file says, which
    /// need not be true.
    #[must_use]
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.shared.outputs
    }

    /// The same network, shared, whose sessions run on this engine. Which one a session got is said by
    /// [`Session::backend`].
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Self {
        Self { engine, ..self.clone() }
    }

    /// The same network, shared, whose sessions on `passerby-cnn` use the vector instructions called `name` (`avx512`, `avx2`,
    /// `neon`, `portable`) and not the fastest: to compare them. `None` where this processor has not them. Which a session
    /// got is said by [`Session::backend`].
    #[must_use]
    pub fn with_isa(&self, name: &str) -> Option<Self> {
        Some(Self { isa: Isa::named(name)?, ..self.clone() })
    }

    /// The same network, shared, with the ranges that a [`Calibration`] of it found, as text. Without them it computes in
    /// [`Precision::Float`] only, which it goes on to do until [`Model::with_precision`] says otherwise.
    ///
    /// # Errors
    /// [`ModelError::Ranges`] for a text that is none. Ranges of another network show when a session is made.
    pub fn with_ranges(&self, text: &str) -> Result<Self, ModelError> {
        let ranges = Ranges::from_text(text).map_err(|e| self.not_in_int8(e.to_string()))?;
        Ok(Self { ranges: Some(Arc::new(ranges)), ..self.clone() })
    }

    /// The same network, shared, whose sessions compute in these numbers.
    ///
    /// # Errors
    /// [`ModelError::Ranges`] for [`Precision::Int8`] without [`Model::with_ranges`] before.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        if precision == Precision::Int8 && self.ranges.is_none() {
            return Err(self.not_in_int8("no ranges are known: calibrate it".into()));
        }
        Ok(Self { precision, ..self })
    }

    /// In what numbers its sessions compute, but for those on a device of ONNX Runtime: these compute in float.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Watches what this network computes for items of the shape `item`, to find its ranges.
    ///
    /// # Errors
    /// As [`Model::session`], and [`ModelError::Ranges`] for a network that `passerby-cnn` does not cover, or one without a
    /// pointwise convolution.
    pub fn calibration(&self, item: [usize; 3]) -> Result<Calibration, ModelError> {
        check::accepts(self.name(), self.input(), item)?;
        let failed = |reason| ModelError::Plan { model: self.name().to_owned(), item, reason };
        let (typed, _) = guarded(|| self.typed(item)).map_err(failed)?;
        let graph = guarded(|| Ok(lower(&typed))).map_err(failed)?;
        let graph = graph.map_err(|why| self.not_in_int8(why.to_string()))?;
        let inner = passerby_cnn::Calibration::new(&graph, self.isa);
        Ok(Calibration::new(inner.map_err(|e| self.not_in_int8(e.to_string()))?, self.name()))
    }

    fn not_in_int8(&self, what: String) -> ModelError {
        ModelError::Ranges { model: self.name().to_owned(), what }
    }

    /// The ranges that its sessions use.
    fn ranges_in_use(&self) -> Option<&Arc<Ranges>> {
        self.ranges.as_ref().filter(|_| self.precision == Precision::Int8)
    }

    /// One worker's state for items of the shape `item`, `[channels, height, width]`.
    ///
    /// The plan for a shape is made once, which takes some tens of milliseconds (on tract up to a second or so), and
    /// shared by all sessions of that shape; a session after the first costs its buffers. The model keeps its last
    /// eight plans, and makes one at a time. On a device of ONNX Runtime every session reads the network anew and has its
    /// own copy of the weights there.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for a shape that the input does not take, [`ModelError::Plan`] where the layers do not
    /// fit together at it, [`ModelError::Ranges`] where [`Precision::Int8`] is asked for with ranges of another network
    /// or of one that runs on tract, and [`ModelError::Device`] where a device is required that cannot be had.
    pub fn session(&self, item: [usize; 3]) -> Result<Session, ModelError> {
        let plan = self.plan(item)?;
        let made = Session::new(Arc::clone(&plan));
        if made.is_err() && matches!(plan.backend, Backend::OnnxRuntime(_)) {
            // A device that was there when the plan was made may be lost: plan anew for what there is now.
            self.shared.plans.lock().retain(|(_, kept)| !Arc::ptr_eq(kept, &plan));
            return Session::new(self.plan(item)?);
        }
        made
    }

    /// As [`Model::session`], for a network whose first output should be `expected` numbers for an item: what a worker asks
    /// of a network that somebody gives it.
    ///
    /// # Errors
    /// As [`Model::session`], and [`ModelError::Output`] where the output has another shape.
    pub fn session_giving(&self, item: [usize; 3], expected: usize) -> Result<Session, ModelError> {
        let session = self.session(item)?;
        let found = session.shapes().first().map_or(&[][..], |shape| &shape[1..]);
        if found != [expected] {
            return Err(ModelError::Output {
                model: self.name().to_owned(),
                output: self.outputs().first().map(|o| o.name.clone()).unwrap_or_default(),
                found: found.to_vec(),
                expected,
            });
        }
        Ok(session)
    }

    /// The plan for a shape. Held under a lock while it is made, so that workers that start together make it once.
    fn plan(&self, item: [usize; 3]) -> Result<Arc<Plan>, ModelError> {
        let key = (item, self.engine, self.isa, self.ranges_in_use().cloned());
        let mut plans = self.shared.plans.lock();
        if let Some((_, plan)) = plans.iter().find(|(other, _)| *other == key) {
            return Ok(Arc::clone(plan));
        }
        check::accepts(self.name(), self.input(), item)?;
        let plan = self.planned(item)?;
        if plans.len() == PLANS_KEPT {
            plans.remove(0);
        }
        let plan = Arc::new(plan);
        plans.push((key, Arc::clone(&plan)));
        Ok(plan)
    }

    fn planned(&self, item: [usize; 3]) -> Result<Plan, ModelError> {
        let model = || self.name().to_owned();
        let failed = |reason| ModelError::Plan { model: model(), item, reason };
        let (typed, outputs) = guarded(|| self.typed(item)).map_err(failed)?;
        let mut fallback = None;
        if let Engine::Prefer(device) | Engine::Require(device) = self.engine {
            match Network::new(Arc::clone(&self.shared.onnx), device, item, outputs.clone()) {
                Ok(network) => {
                    let (backend, runner) = (Backend::OnnxRuntime(device), Runner::OnnxRuntime(network));
                    return Ok(Plan { model: model(), item, outputs, backend, fallback, runner });
                }
                Err(reason) if self.engine == Engine::Require(device) => {
                    return Err(ModelError::Device { model: model(), device, reason });
                }
                Err(reason) => fallback = Some(format!("not on {device}: {reason}")),
            }
        }
        let (backend, runner) = match self.lowered(&typed) {
            Ok(plan) => {
                let isa = plan.isa();
                let precision = if isa.multiplies_bytes() { self.precision } else { Precision::Float };
                (Backend::Cnn { isa: isa.name(), precision }, Runner::Cnn(plan))
            }
            Err(why) if self.precision == Precision::Int8 => return Err(self.not_in_int8(why.to_string())),
            Err(why) => {
                // One thread a session: workers are the parallelism, and the engine's own threads lose to them.
                let options = RunOptions::default();
                let runnable = guarded(|| typed.into_optimized()?.into_runnable_with_options(&options));
                let runnable = runnable.map_err(failed)?;
                (Backend::Tract(why), Runner::Tract(runnable))
            }
        };
        Ok(Plan { model: model(), item, outputs, backend, fallback, runner })
    }

    /// The network with every type and shape known, and the shapes of its outputs. Shapes are fixed before anything is
    /// planned: with a free one neither layouts nor buffers can be.
    fn typed(&self, item: [usize; 3]) -> TractResult<(TypedModel, Vec<Vec<usize>>)> {
        let [c, h, w] = item;
        let fact = InferenceFact::dt_shape(DatumType::F32, tvec![1, c, h, w]);
        let mut graph = self.shared.graph()?;
        graph.set_input_fact(0, fact)?;
        let typed = graph.into_typed()?;
        let mut outputs = Vec::new();
        for outlet in typed.output_outlets()? {
            let fact = typed.outlet_fact(*outlet)?;
            let shape: Option<Vec<usize>> = fact.shape.as_concrete().map(<[usize]>::to_vec);
            let shape = shape.filter(|s| s.first() == Some(&1) && fact.datum_type == DatumType::F32);
            outputs.push(shape.ok_or_else(|| {
                std::io::Error::other(format!(
                    "an output is {fact:?}, not f32 with the batch as its first axis"
                ))
            })?);
        }
        Ok((typed, outputs))
    }

    /// The plan of `passerby-cnn`, or why there is none.
    fn lowered(&self, typed: &TypedModel) -> Result<passerby_cnn::Plan, Why> {
        if self.engine == Engine::Tract {
            return Err(Why::Asked);
        }
        let uncovered = |what: String| Why::Uncovered {
            node: self.name().to_owned(),
            operator: "the whole network".into(),
            what,
        };
        let plan = guarded(|| {
            let planned = lower(typed).map(|graph| {
                let plan = match self.ranges_in_use() {
                    Some(ranges) => passerby_cnn::Plan::quantized(&graph, self.isa, ranges),
                    None => passerby_cnn::Plan::new(&graph, self.isa),
                };
                plan.map_err(|e| uncovered(e.to_string()))
            });
            Ok(planned.and_then(|planned| planned))
        });
        plan.unwrap_or_else(|panic| Err(uncovered(panic)))
    }
}

/// The name and interface only.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.shared.name)
            .field("input", &self.shared.input)
            .field("outputs", &self.shared.outputs)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_in_half_precision_are_f32_in_the_plan() {
        let model = Model::from_bytes("conv", include_bytes!("../tests/data/conv.onnx")).unwrap();
        let plan = model.with_engine(Engine::Tract).plan([3, 6, 5]).unwrap();
        let Runner::Tract(runnable) = &plan.runner else { panic!("{}", plan.backend) };
        for node in runnable.model().nodes() {
            assert_ne!(node.op.name(), "Cast", "{node}");
            assert!(node.outputs.iter().all(|o| o.fact.datum_type != DatumType::F16), "{node}");
        }
    }

    #[test]
    fn a_shape_is_planned_once_and_old_plans_go() {
        let model = Model::from_bytes("conv", include_bytes!("../tests/data/conv.onnx")).unwrap();
        let first = model.plan([3, 8, 8]).unwrap();
        assert!(Arc::ptr_eq(&first, &model.clone().plan([3, 8, 8]).unwrap()));
        for side in 9..9 + PLANS_KEPT {
            model.plan([3, side, side]).unwrap();
        }
        assert_eq!(model.shared.plans.lock().len(), PLANS_KEPT);
        assert!(!Arc::ptr_eq(&first, &model.plan([3, 8, 8]).unwrap()));
        let asked = model.with_engine(Engine::Tract).plan([3, 8, 8]).unwrap();
        assert_eq!(asked.backend, Backend::Tract(Why::Asked));
        let portable = model.with_isa("portable").unwrap().plan([3, 8, 8]).unwrap();
        assert!(matches!(portable.backend, Backend::Cnn { isa: "portable", .. }), "{}", portable.backend);
        assert!(model.with_isa("none such").is_none());
    }
}
