//! A network from an ONNX file.

use std::borrow::Cow;
use std::sync::Arc;

use parking_lot::Mutex;
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{Framework, InferenceModel, InferenceModelExt, RunOptions, TypedModel};
use tract_onnx::tract_hir::internal::{DatumType, InferenceFact, TractResult, tvec};

use super::half_precision;
use super::lower::lower;
use super::session::TractPlan;
use super::validate;
use crate::backend::TractReason;
use crate::error::ModelError;
use crate::interface::LoweredNetwork;
use crate::panics::catch_panics;
use crate::tensor::TensorSpec;

/// A network that tract has read. Its shapes are not known yet.
pub(crate) struct OnnxNetwork {
    onnx: Arc<Cow<'static, [u8]>>,
    /// The graph that was read with the file, for the first plan. Later plans read the file again, because these
    /// weights are larger than the file and each plan has its own copy.
    graph: Mutex<Option<InferenceModel>>,
}

/// A network with all types and shapes known, for items of one shape.
pub(crate) struct TypedNetwork {
    name: String,
    model: TypedModel,
    outputs: Vec<Vec<usize>>,
}

impl OnnxNetwork {
    /// Reads a file and returns the network, its input and its outputs.
    pub(crate) fn read(
        name: &str,
        onnx: Arc<Cow<'static, [u8]>>,
    ) -> Result<(Self, TensorSpec, Vec<TensorSpec>), ModelError> {
        let not_onnx = |reason| ModelError::NotOnnx { model: name.to_owned(), reason };
        let engine = onnx_reader();
        let proto = catch_panics(|| engine.proto_model_for_read(&mut &**onnx)).map_err(not_onnx)?;
        let (input, outputs) = validate::interface(name, &proto, |op| engine.op_register.0.contains_key(op))?;
        let graph = catch_panics(|| infer_in_single_precision(&engine, proto)).map_err(not_onnx)?;
        Ok((Self { onnx, graph: Mutex::new(Some(graph)) }, input, outputs))
    }

    /// Returns the network for items of the shape `item`. Shapes must be fixed before anything is planned, because
    /// layouts and buffers depend on them.
    pub(crate) fn typed(&self, name: &str, item: [usize; 3]) -> Result<TypedNetwork, String> {
        let (model, outputs) = catch_panics(|| self.typed_unguarded(item))?;
        Ok(TypedNetwork { name: name.to_owned(), model, outputs })
    }

    fn typed_unguarded(&self, item: [usize; 3]) -> TractResult<(TypedModel, Vec<Vec<usize>>)> {
        let [c, h, w] = item;
        let fact = InferenceFact::dt_shape(DatumType::F32, tvec![1, c, h, w]);
        let mut graph = self.graph()?;
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

    fn graph(&self) -> TractResult<InferenceModel> {
        if let Some(graph) = self.graph.lock().take() {
            return Ok(graph);
        }
        let engine = onnx_reader();
        let proto = engine.proto_model_for_read(&mut &**self.onnx)?;
        infer_in_single_precision(&engine, proto)
    }
}

impl TypedNetwork {
    /// Returns the shape of each output for one item.
    pub(crate) fn output_shapes(&self) -> Vec<Vec<usize>> {
        self.outputs.clone()
    }

    /// Returns the network as a graph, or the reason why `passerby-cnn` does not support it.
    pub(crate) fn lower(&self) -> Result<LoweredNetwork, TractReason> {
        let lowered = catch_panics(|| Ok::<_, String>(lower(&self.model)));
        lowered.unwrap_or_else(|reason| {
            Err(TractReason::Unsupported {
                node: self.name.clone(),
                operator: "the whole network".into(),
                reason,
            })
        })
    }

    /// Returns the network as tract runs it.
    pub(crate) fn into_plan(self) -> Result<TractPlan, String> {
        // One thread a session, because workers are the parallelism and tract's own threads are slower.
        let options = RunOptions::default();
        let model = self.model;
        let runnable = catch_panics(|| model.into_optimized()?.into_runnable_with_options(&options))?;
        Ok(TractPlan::new(runnable))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_weights_are_f32_in_the_plan() {
        let onnx = include_bytes!("../../tests/data/conv.onnx");
        let (network, ..) = OnnxNetwork::read("conv", Arc::new(Cow::Borrowed(onnx))).unwrap();
        let plan = network.typed("conv", [3, 6, 5]).unwrap().into_plan().unwrap();
        for node in plan.runnable().model().nodes() {
            assert_ne!(node.op.name(), "Cast", "{node}");
            assert!(node.outputs.iter().all(|o| o.fact.datum_type != DatumType::F16), "{node}");
        }
    }
}
