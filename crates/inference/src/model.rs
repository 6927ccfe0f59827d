//! A network: read, checked, and planned once for each input shape.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use passerby_cnn::{ActivationRanges, Graph, Isa, Plan, RangeCalibrator};

use crate::backend::{Backend, Engine, Precision, TractReason};
use crate::calibration::Calibration;
use crate::error::ModelError;
use crate::graph_network::{self, GraphNetwork};
use crate::interface::{Interface, LoweredNetwork};
use crate::onnxruntime::Network;
use crate::panics::catch_panics;
use crate::plan::{ModelPlan, Runner};
use crate::session::Session;
use crate::tensor::{TensorSpec, check_item};
use crate::tract::{OnnxNetwork, TypedNetwork};

/// The number of plans that a model keeps. The cameras of one installation rarely have more image sizes, and a detector
/// looks at a few more. A further plan replaces the least recently asked one, which existing sessions continue to use.
const MAX_PLANS: usize = 16;

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
    source: Source,
    plans: Mutex<Vec<(PlanKey, Arc<ModelPlan>)>>,
}

/// The reader of a network's operators.
enum Source {
    Onnx(OnnxNetwork),
    Graph(Box<GraphNetwork>),
}

/// A network for items of one shape.
enum ItemNetwork {
    Onnx(TypedNetwork),
    Graph(LoweredNetwork),
}

impl ItemNetwork {
    /// Returns the shape of each output for one item, or the reason why the network has none.
    fn output_shapes(&self) -> Result<Vec<Vec<usize>>, String> {
        match self {
            Self::Onnx(typed) => Ok(typed.output_shapes()),
            Self::Graph(lowered) => lowered.output_shapes(),
        }
    }

    /// Returns the graph, or the reason why `passerby-cnn` does not support the network.
    fn graph(&self) -> Result<Cow<'_, Graph>, TractReason> {
        match self {
            Self::Onnx(typed) => Ok(Cow::Owned(typed.lower()?.graph)),
            Self::Graph(lowered) => Ok(Cow::Borrowed(&lowered.graph)),
        }
    }
}

/// The parameters of a plan: item shape, engine, instruction set, and the ranges if it multiplies bytes.
type PlanKey = ([usize; 3], Engine, Isa, Option<Arc<ActivationRanges>>);

impl Model {
    /// Reads a network from the bytes of an ONNX file and keeps them. If the bytes are a static slice, they are not
    /// copied. Errors use `name` for the network. It needs the feature `tract`.
    ///
    /// # Errors
    /// Returns [`ModelError::NoTract`] without the feature `tract`, [`ModelError::Empty`] if there are no bytes, [`ModelError::NotOnnx`] if they are not a valid ONNX model,
    /// [`ModelError::Unsupported`] for an unknown operator, data type or storage, and [`ModelError::Inputs`] if the
    /// network does not have exactly one input. Malformed bytes never cause a panic.
    pub fn from_bytes(name: &str, onnx: impl Into<Cow<'static, [u8]>>) -> Result<Self, ModelError> {
        let onnx = Arc::new(onnx.into());
        if onnx.is_empty() {
            return Err(ModelError::Empty { model: name.to_owned() });
        }
        let (network, input, outputs) = OnnxNetwork::read(name, Arc::clone(&onnx))?;
        Ok(Self::new(name, onnx, input, outputs, Source::Onnx(network)))
    }

    /// Reads a network from the bytes of a graph file and of the ONNX file that it was written for, without tract. The
    /// result is equal to that of [`Model::from_bytes`] to the last bit and is ready sooner. The graph file has the
    /// operators, as `passerby-cnn` runs them, and the ONNX file has the weights. [`Model::to_graph_bytes`] writes graph
    /// files. If the bytes are static slices, they are not copied. Errors use `name` for the network.
    ///
    /// The network accepts the shapes whose sides are multiples of those that the graph file was written for.
    ///
    /// # Errors
    /// Returns [`ModelError::GraphFile`] if the graph file is damaged or belongs to another ONNX file. Malformed bytes
    /// never cause a panic.
    pub fn from_graph_bytes(
        name: &str,
        graph: impl Into<Cow<'static, [u8]>>,
        onnx: impl Into<Cow<'static, [u8]>>,
    ) -> Result<Self, ModelError> {
        let onnx = Arc::new(onnx.into());
        let network = GraphNetwork::read(graph.into(), Arc::clone(&onnx));
        let network = network.map_err(|reason| ModelError::GraphFile { model: name.to_owned(), reason })?;
        let Interface { input, outputs, .. } = network.interface.clone();
        Ok(Self::new(name, onnx, input, outputs, Source::Graph(Box::new(network))))
    }

    fn new(
        name: &str,
        onnx: Arc<Cow<'static, [u8]>>,
        input: TensorSpec,
        outputs: Vec<TensorSpec>,
        source: Source,
    ) -> Self {
        let plans = Mutex::default();
        Self {
            shared: Arc::new(SharedModel { name: name.to_owned(), input, outputs, onnx, source, plans }),
            engine: Engine::Auto,
            ranges: None,
            precision: Precision::Float,
            isa: Isa::preferred(),
        }
    }

    /// Returns the bytes of a graph file, with which [`Model::from_graph_bytes`] loads this network without tract.
    /// `items` are shapes of items, `[channels, height, width]`. The graph file is compared with the network at each of
    /// them, and it accepts the shapes whose sides are multiples of their greatest common divisors. For a network with
    /// free sides, give at least two shapes, one of which is large.
    ///
    /// ```
    /// # #[cfg(feature = "tract")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use passerby_inference::Model;
    ///
    /// let onnx = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx"))?;
    /// let model = Model::from_bytes("conv", onnx.clone())?;
    /// let graph = model.to_graph_bytes(&[[3, 32, 32], [3, 6, 5]])?;
    /// let same = Model::from_graph_bytes("conv", graph, onnx)?;
    /// assert_eq!(same.outputs(), model.outputs());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tract"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Model::session`], and [`ModelError::GraphFile`] if `passerby-cnn` does not support the
    /// network, if `items` is empty, or if the settings of the operators depend on the shape in another way than that
    /// maps grow with it.
    pub fn to_graph_bytes(&self, items: &[[usize; 3]]) -> Result<Vec<u8>, ModelError> {
        let failed = |reason| ModelError::GraphFile { model: self.name().to_owned(), reason };
        let mut networks = Vec::new();
        for item in items {
            let lowered = match self.item_network(*item)? {
                ItemNetwork::Onnx(typed) => typed.lower().map_err(|why| failed(why.to_string()))?,
                ItemNetwork::Graph(lowered) => lowered,
            };
            networks.push((*item, lowered));
        }
        let interface = Interface {
            multiples: graph_network::multiples(items),
            input: self.shared.input.clone(),
            outputs: self.shared.outputs.clone(),
            axes: vec![],
        };
        graph_network::write(&interface, networks, &self.shared.onnx).map_err(failed)
    }

    /// Reads a network from an ONNX file. Errors use the path for the network. It needs the feature `tract`.
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
        let network = self.item_network(item)?;
        let graph = network.graph().map_err(|why| self.no_int8(why.to_string()))?;
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
    /// the sixteen plans that were asked for last, and makes one at a time. On a device of ONNX Runtime, each session reads the network again
    /// and has its own copy of the weights on the device.
    ///
    /// # Errors
    /// Returns [`ModelError::Shape`] if the input does not accept the shape, [`ModelError::Plan`] if the layers do not
    /// fit together at it, [`ModelError::Ranges`] if [`Precision::Int8`] is selected but the ranges belong to another
    /// network or the network runs on tract, [`ModelError::NoTract`] for [`Engine::Tract`] without the feature `tract`, and
    /// [`ModelError::Device`] if a required device is not available.
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
        if let Some(at) = plans.iter().position(|(other, _)| *other == key) {
            let found = plans.remove(at);
            let plan = Arc::clone(&found.1);
            plans.push(found);
            return Ok(plan);
        }
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
        let network = self.item_network(item)?;
        let outputs = network.output_shapes().map_err(failed)?;
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
        let (backend, runner) = match self.cnn_plan(&network) {
            Ok(plan) => {
                let isa = plan.isa();
                let precision = if isa.multiplies_bytes() { self.precision } else { Precision::Float };
                (Backend::Cnn { isa: isa.name(), precision }, Runner::Cnn(plan))
            }
            Err(why) if self.precision == Precision::Int8 => return Err(self.no_int8(why.to_string())),
            Err(why) => match network {
                ItemNetwork::Onnx(typed) => {
                    (Backend::Tract(why), Runner::Tract(typed.into_plan().map_err(failed)?))
                }
                ItemNetwork::Graph(_) => return Err(failed(why.to_string())),
            },
        };
        Ok(ModelPlan { model: model(), item, outputs, backend, fallback, runner })
    }

    /// Returns the network for items of one shape. tract needs the ONNX file, even if there is a graph file.
    fn item_network(&self, item: [usize; 3]) -> Result<ItemNetwork, ModelError> {
        check_item(self.name(), self.input(), item)?;
        let name = self.name();
        let network = match &self.shared.source {
            Source::Onnx(network) => network.typed(name, item).map(ItemNetwork::Onnx),
            Source::Graph(_) if self.engine == Engine::Tract => {
                let (network, ..) = OnnxNetwork::read(name, Arc::clone(&self.shared.onnx))?;
                network.typed(name, item).map(ItemNetwork::Onnx)
            }
            Source::Graph(network) => network.for_item(item).map(ItemNetwork::Graph),
        };
        network.map_err(|reason| ModelError::Plan { model: name.to_owned(), item, reason })
    }

    /// Returns the plan of `passerby-cnn`, or the reason why it does not support the network.
    fn cnn_plan(&self, network: &ItemNetwork) -> Result<Plan, TractReason> {
        if self.engine == Engine::Tract {
            return Err(TractReason::Requested);
        }
        let graph = network.graph()?;
        let plan = catch_panics(|| match self.ranges_in_use() {
            Some(ranges) => Plan::quantized(&graph, self.isa, ranges),
            None => Plan::new(&graph, self.isa),
        });
        plan.map_err(|reason| TractReason::Unsupported {
            node: self.name().to_owned(),
            operator: "the whole network".into(),
            reason,
        })
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

#[cfg(all(test, feature = "tract"))]
mod tests {
    use super::*;

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
