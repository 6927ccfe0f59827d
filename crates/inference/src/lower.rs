//! A network as the reader has typed it, told again as a graph of `passerby-cnn`.
//!
//! Nodes are walked in order. What depends on no input is computed here, once; the others become operators of the graph. To
//! add one, add its name to [`Walk::node`] and its function to the file of its family.

mod axes;
mod conv;
mod dense;
mod map;
mod pointwise;
mod pool;
mod reshape;
mod resize;

use std::sync::Arc;

use passerby_cnn::{Graph, Order, Shape};
use tract_onnx::tract_core::internal::{
    DatumType, IntoArcTensor, IntoTValue, TVec, Tensor, TypedFact, TypedModel, TypedNode,
};
use tract_onnx::tract_core::ops;

use crate::Why;
use axes::{Axes, sides};
use map::Map;

/// A constant with more numbers than this is no weight, and is not computed.
const LARGEST_CONSTANT: usize = 1 << 28;

/// Why an operator is not covered.
type What = String;

/// What a node of the reader's gives.
#[derive(Clone)]
enum Slot {
    /// The same numbers whatever the input.
    Constant(Arc<Tensor>),
    /// Numbers that depend on the input.
    Map(Map),
    /// Where a map is positive, or where it is not.
    Sign { of: Map, positive: bool },
}

/// The graph of a network of one input, typed for items of one shape; its outputs are in the order of the network's.
pub(crate) fn lower(model: &TypedModel) -> Result<Graph, Why> {
    let general = |what: What| Why::Uncovered { node: "the network".into(), operator: "all".into(), what };
    let failed = |e: tract_onnx::prelude::TractError| general(format!("{e:#}"));
    let inputs = model.input_outlets().map_err(failed)?;
    let &[input] = inputs else { return Err(general(format!("{} inputs", inputs.len()))) };
    let order = model.eval_order().map_err(failed)?;
    let dims = concrete(model.outlet_fact(input).map_err(failed)?).map_err(general)?;
    let &[1, channels, height, width] = dims.as_slice() else {
        return Err(general(format!("an input of {dims:?}")));
    };
    let shape = Shape::new(channels, height, width);
    let (graph, value) = Graph::new(shape).map_err(|e| general(e.to_string()))?;

    let mut slots: Vec<Vec<Slot>> = vec![Vec::new(); model.nodes().len()];
    let mut walk = Walk { graph, model };
    for id in order {
        let node = model.node(id);
        let given = if id == input.node {
            Ok(vec![Slot::Map(Map::new(value, Axes::nchw(shape)))])
        } else {
            let inputs: Option<Vec<Slot>> =
                node.inputs.iter().map(|i| slots[i.node].get(i.slot).cloned()).collect();
            inputs
                .ok_or_else(|| "an output of a node that gives fewer".into())
                .and_then(|i| walk.given(node, i))
        };
        slots[id] = given.map_err(|what| Why::Uncovered {
            node: node.name.clone(),
            operator: node.op.name().into_owned(),
            what,
        })?;
    }
    for outlet in model.output_outlets().map_err(failed)? {
        walk.output(slots[outlet.node].get(outlet.slot)).map_err(|what| {
            let node = model.node(outlet.node);
            Why::Uncovered { node: node.name.clone(), operator: node.op.name().into_owned(), what }
        })?;
    }
    Ok(walk.graph)
}

struct Walk<'a> {
    graph: Graph,
    model: &'a TypedModel,
}

impl Walk<'_> {
    /// What a node gives, of the shapes that the reader says.
    fn given(&mut self, node: &TypedNode, inputs: Vec<Slot>) -> Result<Vec<Slot>, What> {
        if let Some(constants) = constants(node, &inputs) {
            return Ok(constants);
        }
        let mut slot = self.node(node, inputs)?;
        let [output] = node.outputs.as_slice() else {
            return Err(format!("{} outputs", node.outputs.len()));
        };
        if let Slot::Map(map) = &mut slot {
            if output.fact.datum_type != DatumType::F32 {
                return Err(format!("{:?}", output.fact.datum_type));
            }
            let (expected, found) = (concrete(&output.fact)?, map.axes.dims());
            if expected != found {
                return Err(format!("{found:?} where {expected:?} is expected"));
            }
            // What several nodes read is computed once.
            let outputs = self.model.output_outlets().unwrap_or_default();
            let ends = outputs.iter().filter(|o| o.node == node.id).count();
            if output.successors.len() + ends > 1 {
                map.settle(&mut self.graph)?;
            }
        }
        Ok(vec![slot])
    }

    /// One operator.
    fn node(&mut self, node: &TypedNode, inputs: Vec<Slot>) -> Result<Slot, What> {
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
            Err("not covered".into())
        }
    }

    /// Makes a value an output, in the order that its tensor has.
    fn output(&mut self, slot: Option<&Slot>) -> Result<(), What> {
        let Some(Slot::Map(map)) = slot else {
            return Err("an output that does not depend on the input".into());
        };
        let mut map = map.clone();
        map.settle(&mut self.graph)?;
        let order = map.axes.order();
        let [channels, rows, columns] = sides(self.graph.shape(map.value));
        if order == [&channels[..], &rows, &columns].concat() {
            self.graph.output(map.value, Order::Planar);
        } else if order == [&rows[..], &columns, &channels].concat() {
            self.graph.output(map.value, Order::Interleaved);
        } else {
            // Anchors below one another with their numbers in planes.
            let inner = map.axes.rank().checked_sub(2).map_or(&[][..], |axis| map.axes.get(axis));
            map.split_pixels(&mut self.graph, axes::length(inner))?;
            let [channels, rows, columns] = sides(self.graph.shape(map.value));
            if map.axes.order() != [&channels[..], &rows, &columns].concat() {
                return Err("an output whose axes are mixed".into());
            }
            self.graph.output(map.value, Order::Planar);
        }
        Ok(())
    }
}

/// What a node gives that depends on constants alone.
fn constants(node: &TypedNode, inputs: &[Slot]) -> Option<Vec<Slot>> {
    let known = node.outputs.iter().map(|o| o.fact.konst.clone().map(Slot::Constant));
    if let Some(known) = known.collect::<Option<Vec<Slot>>>() {
        return Some(known);
    }
    let small = |fact: &TypedFact| concrete(fact).is_ok_and(|dims| product(&dims) <= LARGEST_CONSTANT);
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

/// A shape without anything free.
fn concrete(fact: &TypedFact) -> Result<Vec<usize>, What> {
    fact.shape.as_concrete().map(<[usize]>::to_vec).ok_or_else(|| format!("a shape of {:?}", fact.shape))
}

fn product(dims: &[usize]) -> usize {
    dims.iter().fold(1, |product, dim| product.saturating_mul(*dim))
}

/// The map that is the operator's input `index`.
fn map(inputs: &[Slot], index: usize) -> Result<Map, What> {
    match inputs.get(index) {
        Some(Slot::Map(map)) => Ok(map.clone()),
        Some(_) => Err(format!("input {index} does not depend on the network's")),
        None => Err(format!("no input {index}")),
    }
}

/// The constant that is the operator's input `index`.
fn constant(inputs: &[Slot], index: usize) -> Result<&Tensor, What> {
    match inputs.get(index) {
        Some(Slot::Constant(tensor)) => Ok(tensor),
        Some(_) => Err(format!("input {index} is no constant")),
        None => Err(format!("no input {index}")),
    }
}

/// A constant's numbers as f32.
fn floats(tensor: &Tensor) -> Result<Vec<f32>, What> {
    let text = |e: tract_onnx::prelude::TractError| format!("{e:#}");
    let cast = tensor.cast_to::<f32>().map_err(text)?;
    let plain = cast.try_as_plain_ram().map_err(text)?;
    Ok(plain.as_slice::<f32>().map_err(text)?.to_vec())
}
