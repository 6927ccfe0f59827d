//! The checks of an ONNX file before tract reads it.
//!
//! tract trusts its input in places: it looks up names that need not exist, and opens files that an initializer names.
//! A file that fails these checks is rejected with a reason and never gets that far.

use std::collections::HashSet;

use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

use crate::error::ModelError;
use crate::tensor::TensorSpec;

/// `TensorProto.DataType.FLOAT` of the ONNX specification (onnx.proto3).
const FLOAT: i32 = 1;

/// Returns the input and the outputs of a valid model with one input, all of whose operators are `known`.
pub(crate) fn interface(
    name: &str,
    proto: &ModelProto,
    known: impl Fn(&str) -> bool,
) -> Result<(TensorSpec, Vec<TensorSpec>), ModelError> {
    let model = || name.to_owned();
    let broken = |reason: String| ModelError::NotOnnx { model: model(), reason };
    let unsupported = |reason: String| ModelError::Unsupported { model: model(), reason };

    let graph = proto.graph.as_ref().ok_or_else(|| broken("no graph".into()))?;
    if let Some(op) = unknown_operator(graph, &known) {
        return Err(unsupported(format!("operator {op}")));
    }
    if let Some(node) = graph.node.iter().find(|node| node.op_type == "Transpose" && !is_permutation(node)) {
        return Err(broken(format!("{} has axes that are not a permutation", node.name)));
    }
    if let Some(node) = graph.node.iter().find(|node| !has_sane_window(node)) {
        return Err(broken(format!("the window of {} is too large", node.name)));
    }
    tensors(graph)
        .try_for_each(|tensor| check_stored(tensor).map_err(|reason| unsupported(reason.to_owned())))?;
    check_wiring(graph).map_err(broken)?;

    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|i| !constants.contains(i.name.as_str())).collect();
    let &[input] = inputs.as_slice() else {
        let names = inputs.iter().map(|i| i.name.clone()).collect();
        return Err(ModelError::Inputs { model: model(), found: inputs.len(), names });
    };
    if let Some(kind) = element(input).filter(|kind| *kind != FLOAT) {
        return Err(unsupported(format!(
            "input {} of ONNX data type {kind}, only f32 is supported",
            input.name
        )));
    }
    if graph.output.is_empty() {
        return Err(broken("no output".into()));
    }
    Ok((spec(input), graph.output.iter().map(spec).collect()))
}

/// Returns the first operator that tract does not know, in the graph or in a nested one.
fn unknown_operator<'a>(graph: &'a GraphProto, known: &impl Fn(&str) -> bool) -> Option<&'a str> {
    graph.node.iter().find_map(|node| {
        if !known(&node.op_type) {
            return Some(node.op_type.as_str());
        }
        let inner = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
        inner.into_iter().find_map(|graph| unknown_operator(graph, known))
    })
}

/// Returns true if a `Transpose` names each axis once. Otherwise tract would exhaust the memory.
fn is_permutation(node: &NodeProto) -> bool {
    let mut axes: Vec<i64> =
        node.attribute.iter().filter(|a| a.name == "perm").flat_map(|a| a.ints.iter().copied()).collect();
    axes.sort_unstable();
    axes.iter().zip(0..).all(|(axis, place)| *axis == place)
}

/// The largest side, stride and dilation of a window. With larger ones, sums in tract overflow and it reads foreign
/// memory.
const MAX_WINDOW_SIDE: u64 = 1 << 20;

/// The largest number of rows or columns around a map. With more, the engines would compute on padding for hours.
const MAX_PAD: u64 = 4096;

/// Returns true if the node has no window, or a window with plausible numbers.
fn has_sane_window(node: &NodeProto) -> bool {
    node.attribute.iter().all(|attribute| {
        let most = match attribute.name.as_str() {
            "kernel_shape" | "strides" | "dilations" => MAX_WINDOW_SIDE,
            "pads" | "output_padding" => MAX_PAD,
            _ => return true,
        };
        attribute.ints.iter().all(|n| n.unsigned_abs() <= most)
    })
}

/// Returns the constants of the graph itself, from initializers and attributes.
fn tensors(graph: &GraphProto) -> impl Iterator<Item = &TensorProto> {
    let attributes = graph.node.iter().flat_map(|n| &n.attribute);
    graph.initializer.iter().chain(attributes.flat_map(|a| a.t.iter().chain(&a.tensors)))
}

/// Checks that the values of a constant are in the file, and that there are as many as its shape says.
fn check_stored(tensor: &TensorProto) -> Result<(), &'static str> {
    if tensor.data_location == Some(1) || !tensor.external_data.is_empty() {
        return Err("weights in an external file");
    }
    let count = tensor.dims.iter().try_fold(1_usize, |product, dim| {
        usize::try_from(*dim).ok().and_then(|dim| product.checked_mul(dim))
    });
    let held = [
        tensor.raw_data.len(),
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
        tensor.string_data.len(),
    ];
    match count {
        Some(count) if count <= held.iter().sum() => Ok(()),
        _ => Err("a constant with fewer values than its shape requires"),
    }
}

/// Checks that every value is computed before it is used, as the ONNX specification requires.
fn check_wiring(graph: &GraphProto) -> Result<(), String> {
    let mut made: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    made.extend(graph.input.iter().map(|i| i.name.as_str()));
    for node in &graph.node {
        if let Some(missing) = node.input.iter().find(|i| !i.is_empty() && !made.contains(i.as_str())) {
            return Err(format!("{} needs {missing}, which no node before it computes", node.op_type));
        }
        made.extend(node.output.iter().map(String::as_str));
    }
    match graph.output.iter().find(|o| !made.contains(o.name.as_str())) {
        Some(missing) => Err(format!("no node computes the output {}", missing.name)),
        None => Ok(()),
    }
}

fn spec(info: &ValueInfoProto) -> TensorSpec {
    let dims = tensor_type(info).and_then(|t| t.shape.as_ref()).map_or_else(Vec::new, |shape| {
        let dims = shape.dim.iter().map(|d| match d.value {
            Some(tensor_shape_proto::dimension::Value::DimValue(n)) => {
                usize::try_from(n).ok().filter(|n| *n > 0)
            }
            _ => None,
        });
        dims.collect()
    });
    TensorSpec { name: info.name.clone(), dims }
}

fn element(info: &ValueInfoProto) -> Option<i32> {
    tensor_type(info).map(|t| t.elem_type)
}

fn tensor_type(info: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}
