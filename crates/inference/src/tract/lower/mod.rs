//! The translation of a typed tract model into a graph of `passerby-cnn`.
//!
//! The nodes are visited in order. A node that does not depend on the input is computed here, once. The others become
//! operators of the graph. To support another operator, add its name to [`Lowering::node`] and its function to the file
//! of its family.

mod axes;
mod conv;
mod dense;
mod mapped;
mod pointwise;
mod pool;
mod reshape;
mod resize;
mod slot;
mod tensor;

use std::sync::Arc;

use passerby_cnn::{Graph, Shape, TensorLayout};
use tract_onnx::tract_core::internal::{
    DatumType, IntoArcTensor, IntoTValue, TVec, TypedFact, TypedModel, TypedNode,
};
use tract_onnx::tract_core::ops;

use crate::backend::TractReason;
use crate::interface::{LoweredNetwork, OutputAxis};
use axes::{Axes, Part, Side, sides};
use mapped::MappedTensor;
use slot::Slot;
use tensor::{Reason, concrete, product};

/// The largest number of elements of a constant that is computed here. A larger one is not a weight.
const MAX_CONSTANT_LEN: usize = 1 << 28;

/// Translates a network with one input that is typed for items of one shape. The outputs of the graph are in the order
/// of the network's.
pub(crate) fn lower(model: &TypedModel) -> Result<LoweredNetwork, TractReason> {
    let general = |reason: Reason| TractReason::Unsupported {
        node: "the network".into(),
        operator: "all".into(),
        reason,
    };
    let failed = |e: tract_onnx::prelude::TractError| general(format!("{e:#}"));
    let inputs = model.input_outlets().map_err(failed)?;
    let &[input] = inputs else { return Err(general(format!("{} inputs", inputs.len()))) };
    let order = model.eval_order().map_err(failed)?;
    let dims = concrete(model.outlet_fact(input).map_err(failed)?).map_err(general)?;
    let &[1, channels, height, width] = dims.as_slice() else {
        return Err(general(format!("the input has the shape {dims:?}")));
    };
    let shape = Shape::new(channels, height, width);
    let (graph, value) = Graph::new(shape).map_err(|e| general(e.to_string()))?;

    let mut slots: Vec<Vec<Slot>> = vec![Vec::new(); model.nodes().len()];
    let mut lowering = Lowering { graph, model };
    let mut axes = Vec::new();
    for id in order {
        let node = model.node(id);
        let given = if id == input.node {
            Ok(vec![Slot::Mapped(MappedTensor::new(value, Axes::nchw(shape)))])
        } else {
            let inputs: Option<Vec<Slot>> =
                node.inputs.iter().map(|i| slots[i.node].get(i.slot).cloned()).collect();
            inputs.ok_or_else(|| "an input does not exist".into()).and_then(|i| lowering.visit(node, i))
        };
        slots[id] = given.map_err(|reason| TractReason::Unsupported {
            node: node.name.clone(),
            operator: node.op.name().into_owned(),
            reason,
        })?;
    }
    for outlet in model.output_outlets().map_err(failed)? {
        let output = lowering.output(slots[outlet.node].get(outlet.slot)).map_err(|reason| {
            let node = model.node(outlet.node);
            TractReason::Unsupported {
                node: node.name.clone(),
                operator: node.op.name().into_owned(),
                reason,
            }
        })?;
        axes.push(output);
    }
    Ok(LoweredNetwork { graph: lowering.graph, axes })
}

struct Lowering<'a> {
    graph: Graph,
    model: &'a TypedModel,
}

impl Lowering<'_> {
    /// Returns the results of a node and checks their shapes against tract's.
    fn visit(&mut self, node: &TypedNode, inputs: Vec<Slot>) -> Result<Vec<Slot>, Reason> {
        if let Some(constants) = constants(node, &inputs) {
            return Ok(constants);
        }
        let mut slot = self.node(node, inputs)?;
        let [output] = node.outputs.as_slice() else {
            return Err(format!("{} outputs", node.outputs.len()));
        };
        if let Slot::Mapped(map) = &mut slot {
            if output.fact.datum_type != DatumType::F32 {
                return Err(format!("the output is of the type {:?}", output.fact.datum_type));
            }
            let expected = concrete(&output.fact)?;
            let found = map.axes.dims();
            if expected != found {
                return Err(format!("the shape is {found:?}, expected {expected:?}"));
            }
            // A result with several readers is computed once.
            let outputs = self.model.output_outlets().unwrap_or_default();
            let ends = outputs.iter().filter(|o| o.node == node.id).count();
            if output.successors.len() + ends > 1 {
                map.apply_pending(&mut self.graph)?;
            }
        }
        Ok(vec![slot])
    }

    /// Translates one operator.
    fn node(&mut self, node: &TypedNode, inputs: Vec<Slot>) -> Result<Slot, Reason> {
        let graph = &mut self.graph;
        let op = &node.op;
        if let Some(op) = op.downcast_ref::<ops::cnn::Conv>() {
            conv::conv(graph, op, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::cnn::Deconv>() {
            conv::deconv(graph, op, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::cnn::MaxPool>() {
            pool::max(graph, op, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::cnn::SumPool>() {
            pool::sum(graph, op, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::nn::Reduce>() {
            pool::reduce(graph, op, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::binary::TypedBinOp>() {
            pointwise::binary(graph, op.0.name(), &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::element_wise::ElementWiseOp>() {
            pointwise::unary(graph, &*op.0, &inputs)
        } else if op.is::<ops::logic::Iff>() {
            pointwise::choose(graph, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::einsum::EinSum>() {
            dense::einsum(graph, op, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::nn::Softmax>() {
            dense::softmax(graph, op, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::array::TypedConcat>() {
            reshape::concat(graph, op.axis, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::array::Pad>() {
            reshape::pad(graph, op, &inputs)
        } else if let Some(op) = op.downcast_ref::<ops::change_axes::AxisOp>() {
            reshape::axes(op, &inputs, &concrete(&node.outputs[0].fact)?)
        } else if op.is::<ops::array::FiniteReshape>() {
            reshape::to(&inputs, &concrete(&node.outputs[0].fact)?)
        } else if op.name() == "Resize" {
            resize::resize(graph, node, &inputs)
        } else if op.is::<ops::identity::Identity>() || op.is::<ops::cast::Cast>() {
            inputs.into_iter().next().ok_or_else(|| "no input".into())
        } else {
            Err("unsupported operator".into())
        }
    }

    /// Makes a value an output, in the order of its tensor's elements, and returns the tensor's axes.
    fn output(&mut self, slot: Option<&Slot>) -> Result<Vec<OutputAxis>, Reason> {
        let Some(Slot::Mapped(map)) = slot else {
            return Err("an output does not depend on the input".into());
        };
        let mut map = map.clone();
        map.apply_pending(&mut self.graph)?;
        let order = map.axes.order();
        let [channels, rows, columns] = sides(self.graph.shape(map.value));
        if order == [&channels[..], &rows, &columns].concat() {
            self.graph.output(map.value, TensorLayout::Nchw);
        } else if order == [&rows[..], &columns, &channels].concat() {
            self.graph.output(map.value, TensorLayout::Nhwc);
        } else {
            // A column of anchors whose elements are in planes.
            let inner = map.axes.rank().checked_sub(2).map_or(&[][..], |axis| map.axes.get(axis));
            map.split_pixels(&mut self.graph, axes::length(inner))?;
            let [channels, rows, columns] = sides(self.graph.shape(map.value));
            if map.axes.order() != [&channels[..], &rows, &columns].concat() {
                return Err("the axes of an output are mixed".into());
            }
            self.graph.output(map.value, TensorLayout::Nchw);
        }
        let shape = self.graph.shape(map.value);
        Ok((0..map.axes.rank()).map(|axis| output_axis(map.axes.get(axis), shape)).collect())
    }
}

/// Returns an axis that runs over these parts of a map. A part of the rows or columns counts as a constant, because it
/// does not grow with the map in a known way.
fn output_axis(parts: &[Part], shape: Shape) -> OutputAxis {
    let mut axis = OutputAxis { factor: 1, rows: false, columns: false };
    for part in parts {
        match part.side {
            Side::Row if part.len == shape.height => axis.rows = true,
            Side::Column if part.len == shape.width => axis.columns = true,
            _ => axis.factor *= part.len,
        }
    }
    axis
}

/// Returns the results of a node if they depend on constants only.
fn constants(node: &TypedNode, inputs: &[Slot]) -> Option<Vec<Slot>> {
    let known = node.outputs.iter().map(|o| o.fact.konst.clone().map(Slot::Constant));
    if let Some(known) = known.collect::<Option<Vec<Slot>>>() {
        return Some(known);
    }
    let small = |fact: &TypedFact| concrete(fact).is_ok_and(|dims| product(&dims) <= MAX_CONSTANT_LEN);
    if !node.outputs.iter().all(|o| small(&o.fact)) {
        return None;
    }
    let given = inputs.iter().map(|slot| match slot {
        Slot::Constant(tensor) => Some(Arc::clone(tensor).into_tvalue()),
        _ => None,
    });
    let given: TVec<_> = given.collect::<Option<_>>()?;
    let made = node.op.eval_out_of_plan(given).ok()??;
    Some(made.into_iter().map(|value| Slot::Constant(value.into_arc_tensor())).collect())
}
