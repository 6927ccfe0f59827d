//! A network: read, checked, and planned once for each input shape.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use passerby_cnn::{ActivationRanges, Isa, Plan, RangeCalibrator};
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{Framework, InferenceModel, InferenceModelExt, RunOptions, TypedModel};
use tract_onnx::tract_hir::internal::{DatumType, InferenceFact, TractResult, tvec};

use crate::backend::{Backend, Engine, Precision, TractReason};
use crate::calibration::Calibration;
use crate::error::ModelError;
use crate::half_precision;
use crate::lower::lower;
use crate::onnxruntime::Network;
use crate::panics::catch_panics;
use crate::plan::{ModelPlan, Runner};
use crate::session::Session;
use crate::tensor::TensorSpec;
use crate::validate;

/// The number of plans that a model keeps. The cameras of one installation rarely have more image sizes. A further plan
/// replaces the oldest one, which existing sessions continue to use.
const MAX_PLANS: usize = 8;

/// The immutable weights and graph of a network. A clone is cheap and shares them, so each worker can have one.
///
/// A network must have one f32 input of shape `[batch, channels, height, width]` and f32 outputs whose first axis is
/// the batch. Weights that are stored in half precision behind `Cast` nodes become f32 when the file is read, so every
/// run computes in f32. Shapes that the file states for outputs and inner values are ignored, because they follow from
/// the input's.
#[derive(Clone)]
pub struct Model {
    shared: Arc<SharedModel>,
    engine: Engine,
    ranges: Option<Arc<ActivationRanges>>,
    precision: Precision,
    isa: Isa,
}

struct SharedModel {
    name: String,
    input: TensorSpec,
    outputs: Vec<TensorSpec>,
    onnx: Arc<Cow<'static, [u8]>>,
    /// The graph that was read with the file, for the first plan. Later plans read the file again, because these
    /// weights are larger than the file and each plan has its own copy.
    graph: Mutex<Option<InferenceModel>>,
    plans: Mutex<Vec<(PlanKey, Arc<ModelPlan>)>>,
}

impl SharedModel {
    /// Returns the graph of the network.
    fn graph(&self) -> TractResult<InferenceModel> {
        if let Some(graph) = self.graph.lock().take() {
            return Ok(graph);
        }
        let engine = onnx_reader();
        let proto = engine.proto_model_for_read(&mut &**self.onnx)?;
        infer_in_single_precision(&engine, proto)
    }
}

/// Builds the graph with all half-precision weights converted to single precision.
fn infer_in_single_precision(engine: &Onnx, mut proto: ModelProto) -> TractResult<InferenceModel> {
    if let Some(graph) = &mut proto.graph {
        half_precision::widen(graph);
    }
    engine.model_for_proto_model(&proto)
}

/// Returns the reader of ONNX files.
fn onnx_reader() -> Onnx {
    tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true)
}

/// The parameters of a plan: item shape, engine, instruction set, and the ranges if it multiplies bytes.
type PlanKey = ([usize; 3], Engine, Isa, Option<Arc<ActivationRanges>>);

impl Model {
    /// Reads a network from the bytes of an ONNX file and keeps them. If the bytes are a static slice, they are not
    /// copied. Errors use `name` for the network.
    ///
    /// # Errors
    /// Returns [`ModelError::Empty`] if there are no bytes, [`ModelError::NotOnnx`] if they are not a valid ONNX model,
    /// [`ModelError::Unsupported`] for an unknown operator, data type or storage, and [`ModelError::Inputs`] if the
    /// network does not have exactly one input. Malformed bytes never cause a panic.
    pub fn from_bytes(name: &str, onnx: impl Into<Cow<'static, [u8]>>) -> Result<Self, ModelError> {
        let onnx = onnx.into();
        let model = || name.to_owned();
        if onnx.is_empty() {
            return Err(ModelError::Empty { model: model() });
        }
        let not_onnx = |reason| ModelError::NotOnnx { model: model(), reason };
        let engine = onnx_reader();
        let proto = catch_panics(|| engine.proto_model_for_read(&mut &*onnx)).map_err(not_onnx)?;
        let (input, outputs) = validate::interface(name, &proto, |op| engine.op_register.0.contains_key(op))?;
        let graph = catch_panics(|| infer_in_single_precision(&engine, proto)).map_err(not_onnx)?;
        let graph = Mutex::new(Some(graph));
        let plans = Mutex::default();
        let shared = SharedModel { name: model(), input, outputs, onnx: Arc::new(onnx), graph, plans };
        Ok(Self {
            shared: Arc::new(shared),
            engine: Engine::Auto,
            ranges: None,
            precision: Precision::Float,
            isa: Isa::preferred(),
        })
    }

    /// Reads a network from an ONNX file. Errors use the path for the network.
    ///
    /// # Errors
    /// Returns [`ModelError::Io`] if the file cannot be read, and otherwise the errors of [`Model::from_bytes`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|cause| ModelError::Io { path: path.into(), cause })?;
        Self::from_bytes(&path.display().to_string(), bytes)
    }

    /// Returns the name that errors use for the network.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Returns the input: `[batch, channels, height, width]`.
    #[must_use]
    pub fn input(&self) -> &TensorSpec {
        &self.shared.input
    }

    /// Returns the outputs in the order of [`Session::run_batch`]. Their shapes are those of the file, which may be
    /// wrong.
    #[must_use]
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.shared.outputs
    }

    /// Returns the same network with another engine for its sessions. [`Session::backend`] returns the engine of a
    /// session.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Self {
        Self { engine, ..self.clone() }
    }

    /// Returns the same network, whose sessions on `passerby-cnn` use the vector instructions called `name` (`avx512`,
    /// `avx2`, `neon` or `portable`) instead of the fastest ones. Returns `None` if this processor does not have them.
    /// Use it to compare instruction sets.
    #[must_use]
    pub fn with_isa(&self, name: &str) -> Option<Self> {
        Some(Self { isa: Isa::named(name)?, ..self.clone() })
    }

    /// Returns the same network with the ranges of [`Calibration::to_text`]. They have no effect until
    /// [`Model::with_precision`] selects [`Precision::Int8`], which requires them.
    ///
    /// # Errors
    /// Returns [`ModelError::Ranges`] if the text is not valid. If the ranges belong to another network,
    /// [`Model::session`] fails.
    pub fn with_ranges(&self, text: &str) -> Result<Self, ModelError> {
        let ranges = ActivationRanges::from_text(text).map_err(|e| self.no_int8(e.to_string()))?;
        Ok(Self { ranges: Some(Arc::new(ranges)), ..self.clone() })
    }

    /// Returns the same network with this arithmetic for its sessions.
    ///
    /// # Errors
    /// Returns [`ModelError::Ranges`] for [`Precision::Int8`] if the network has no ranges.
    pub fn with_precision(self, precision: Precision) -> Result<Self, ModelError> {
        if precision == Precision::Int8 && self.ranges.is_none() {
            return Err(self.no_int8("it has no ranges: calibrate it".into()));
        }
        Ok(Self { precision, ..self })
    }

    /// Returns the arithmetic of the sessions. Sessions on a device of ONNX Runtime always compute in float.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Creates a calibration, which finds the activation ranges of this network with items of the shape `item`.
    ///
    /// # Errors
    /// Returns the errors of [`Model::session`], and [`ModelError::Ranges`] if `passerby-cnn` does not support the
    /// network.
    pub fn calibration(&self, item: [usize; 3]) -> Result<Calibration, ModelError> {
        validate::check_item(self.name(), self.input(), item)?;
        let failed = |reason| ModelError::Plan { model: self.name().to_owned(), item, reason };
        let (typed, _) = catch_panics(|| self.typed_model(item)).map_err(failed)?;
        let graph = catch_panics(|| Ok(lower(&typed))).map_err(failed)?;
        let graph = graph.map_err(|why| self.no_int8(why.to_string()))?;
        let inner = RangeCalibrator::new(&graph, self.isa);
        Ok(Calibration::new(inner.map_err(|e| self.no_int8(e.to_string()))?, self.name()))
    }

    fn no_int8(&self, reason: String) -> ModelError {
        ModelError::Ranges { model: self.name().to_owned(), reason }
    }

    /// Returns the ranges that the sessions use.
    fn ranges_in_use(&self) -> Option<&Arc<ActivationRanges>> {
        self.ranges.as_ref().filter(|_| self.precision == Precision::Int8)
    }

    /// Creates one worker's session for items of the shape `item`, `[channels, height, width]`.
    ///
    /// The first session of a shape plans the network, which takes some tens of milliseconds, or up to about a second
    /// on tract. All sessions of that shape share the plan, so a later session only costs its buffers. The model keeps
    /// its last eight plans and makes one at a time. On a device of ONNX Runtime, each session reads the network again
    /// and has its own copy of the weights on the device.
    ///
    /// # Errors
    /// Returns [`ModelError::Shape`] if the input does not accept the shape, [`ModelError::Plan`] if the layers do not
    /// fit together at it, [`ModelError::Ranges`] if [`Precision::Int8`] is selected but the ranges belong to another
    /// network or the network runs on tract, and [`ModelError::Device`] if a required device is not available.
    pub fn session(&self, item: [usize; 3]) -> Result<Session, ModelError> {
        let plan = self.plan(item)?;
        let made = Session::new(Arc::clone(&plan));
        if made.is_err() && matches!(plan.backend, Backend::OnnxRuntime(_)) {
            // A device that was available when the plan was made may be lost. Plan again for the present state.
            self.shared.plans.lock().retain(|(_, kept)| !Arc::ptr_eq(kept, &plan));
            return Session::new(self.plan(item)?);
        }
        made
    }

    /// Creates a session as [`Model::session`] does, and checks that the first output has `expected` values for an
    /// item. Stages should use it for networks that their user provides.
    ///
    /// # Errors
    /// Returns the errors of [`Model::session`], and [`ModelError::Output`] if the output has another shape.
    pub fn session_with_outputs(&self, item: [usize; 3], expected: usize) -> Result<Session, ModelError> {
        let session = self.session(item)?;
        let found = session.output_shapes().first().map_or(&[][..], |shape| &shape[1..]);
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

    /// Returns the plan for a shape. A lock is held while it is made, so that workers that start together make it once.
    fn plan(&self, item: [usize; 3]) -> Result<Arc<ModelPlan>, ModelError> {
        let key = (item, self.engine, self.isa, self.ranges_in_use().cloned());
        let mut plans = self.shared.plans.lock();
        if let Some((_, plan)) = plans.iter().find(|(other, _)| *other == key) {
            return Ok(Arc::clone(plan));
        }
        validate::check_item(self.name(), self.input(), item)?;
        let plan = self.make_plan(item)?;
        if plans.len() == MAX_PLANS {
            plans.remove(0);
        }
        let plan = Arc::new(plan);
        plans.push((key, Arc::clone(&plan)));
        Ok(plan)
    }

    fn make_plan(&self, item: [usize; 3]) -> Result<ModelPlan, ModelError> {
        let model = || self.name().to_owned();
        let failed = |reason| ModelError::Plan { model: model(), item, reason };
        let (typed, outputs) = catch_panics(|| self.typed_model(item)).map_err(failed)?;
        let mut fallback = None;
        if let Engine::Prefer(device) | Engine::Require(device) = self.engine {
            match Network::new(Arc::clone(&self.shared.onnx), device, item, outputs.clone()) {
                Ok(network) => {
                    let backend = Backend::OnnxRuntime(device);
                    let runner = Runner::OnnxRuntime(network);
                    return Ok(ModelPlan { model: model(), item, outputs, backend, fallback, runner });
                }
                Err(reason) if self.engine == Engine::Require(device) => {
                    return Err(ModelError::Device { model: model(), device, reason });
                }
                Err(reason) => fallback = Some(format!("not on {device}: {reason}")),
            }
        }
        let (backend, runner) = match self.cnn_plan(&typed) {
            Ok(plan) => {
                let isa = plan.isa();
                let precision = if isa.multiplies_bytes() { self.precision } else { Precision::Float };
                (Backend::Cnn { isa: isa.name(), precision }, Runner::Cnn(plan))
            }
            Err(why) if self.precision == Precision::Int8 => return Err(self.no_int8(why.to_string())),
            Err(why) => {
                // One thread a session, because workers are the parallelism and tract's own threads are slower.
                let options = RunOptions::default();
                let runnable = catch_panics(|| typed.into_optimized()?.into_runnable_with_options(&options));
                let runnable = runnable.map_err(failed)?;
                (Backend::Tract(why), Runner::Tract(runnable))
            }
        };
        Ok(ModelPlan { model: model(), item, outputs, backend, fallback, runner })
    }

    /// Returns the network with all types and shapes known, and the shapes of its outputs. Shapes must be fixed before
    /// anything is planned, because layouts and buffers depend on them.
    fn typed_model(&self, item: [usize; 3]) -> TractResult<(TypedModel, Vec<Vec<usize>>)> {
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
                    "an output is {fact:?}, expected f32 with the batch as its first axis"
                ))
            })?);
        }
        Ok((typed, outputs))
    }

    /// Returns the plan of `passerby-cnn`, or the reason why it does not support the network.
    fn cnn_plan(&self, typed: &TypedModel) -> Result<Plan, TractReason> {
        if self.engine == Engine::Tract {
            return Err(TractReason::Requested);
        }
        let unsupported = |reason: String| TractReason::Unsupported {
            node: self.name().to_owned(),
            operator: "the whole network".into(),
            reason,
        };
        let plan = catch_panics(|| {
            let planned = lower(typed).map(|graph| {
                let plan = match self.ranges_in_use() {
                    Some(ranges) => Plan::quantized(&graph, self.isa, ranges),
                    None => Plan::new(&graph, self.isa),
                };
                plan.map_err(|e| unsupported(e.to_string()))
            });
            Ok(planned.and_then(|planned| planned))
        });
        plan.unwrap_or_else(|panic| Err(unsupported(panic)))
    }
}

/// Prints the name and interface only.
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
    fn half_precision_weights_are_f32_in_the_plan() {
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
        for side in 9..9 + MAX_PLANS {
            model.plan([3, side, side]).unwrap();
        }
        assert_eq!(model.shared.plans.lock().len(), MAX_PLANS);
        assert!(!Arc::ptr_eq(&first, &model.plan([3, 8, 8]).unwrap()));
        let asked = model.with_engine(Engine::Tract).plan([3, 8, 8]).unwrap();
        assert_eq!(asked.backend, Backend::Tract(TractReason::Requested));
        let portable = model.with_isa("portable").unwrap().plan([3, 8, 8]).unwrap();
        assert!(matches!(portable.backend, Backend::Cnn { isa: "portable", .. }), "{}", portable.backend);
        assert!(model.with_isa("none such").is_none());
    }
}
