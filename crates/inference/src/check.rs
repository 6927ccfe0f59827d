//! What is checked of an ONNX file before the inference engine sees it.
//!
//! The engine trusts its input in places: it indexes by names that need not exist, and opens files that an
//! initializer names. What fails here is told by name and never gets that far.

use std::collections::HashSet;

use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

use crate::{ModelError, TensorSpec};

/// `TensorProto.DataType.FLOAT` of the ONNX specification (onnx.proto3).
const FLOAT: i32 = 1;

/// The one input and the outputs of a sound model all of whose operators are `known`.
pub(crate) fn interface(
    name: &str,
    proto: &ModelProto,
    known: impl Fn(&str) -> bool,
) -> Result<(TensorSpec, Vec<TensorSpec>), ModelError> {
    let model = || name.to_owned();
    let broken = |reason: String| ModelError::NotOnnx { model: model(), reason };
    let unsupported = |what: String| ModelError::Unsupported { model: model(), what };

    let graph = proto.graph.as_ref().ok_or_else(|| broken("no graph".into()))?;
    if let Some(op) = foreign_operator(graph, &known) {
        return Err(unsupported(format!("operator {op}")));
    }
    if let Some(node) = graph.node.iter().find(|node| node.op_type == "Transpose" && !transposes(node)) {
        return Err(broken(format!("{} has axes that are no permutation", node.name)));
    }
    if let Some(node) = graph.node.iter().find(|node| !windows(node)) {
        return Err(broken(format!("{} has a window beyond all reason", node.name)));
    }
    tensors(graph).try_for_each(|tensor| stored(tensor).map_err(|what| unsupported(what.to_owned())))?;
    wired(graph).map_err(broken)?;

    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|i| !constants.contains(i.name.as_str())).collect();
    let &[input] = inputs.as_slice() else {
        let names = inputs.iter().map(|i| i.name.clone()).collect();
        return Err(ModelError::Inputs { model: model(), found: inputs.len(), names });
    };
    if let Some(kind) = element(input).filter(|kind| *kind != FLOAT) {
        return Err(unsupported(format!("input {} of ONNX data type {kind}, only f32 is taken", input.name)));
    }
    if graph.output.is_empty() {
        return Err(broken("no output".into()));
    }
    Ok((spec(input), graph.output.iter().map(spec).collect()))
}

/// Whether the input takes a batch of one item of this shape.
pub(crate) fn accepts(name: &str, input: &TensorSpec, item: [usize; 3]) -> Result<(), ModelError> {
    let given = vec![1, item[0], item[1], item[2]];
    let free = input.dims.is_empty();
    let fits =
        input.dims.len() == 4 && input.dims.iter().zip(&given).all(|(dim, n)| dim.is_none_or(|d| d == *n));
    // Beyond 2^31 numbers an item is a mistake, and its plan would only exhaust memory.
    let sane =
        item.iter().try_fold(1_usize, |product, n| product.checked_mul(*n)).is_some_and(|n| n < 1 << 31);
    if (free || fits) && sane && !item.contains(&0) {
        return Ok(());
    }
    let (model, input_name, expected) = (name.to_owned(), input.name.clone(), input.dims.clone());
    Err(ModelError::Shape { model, input: input_name, expected, given })
}

/// The first operator, of the graph or of a graph inside it, that the engine does not know.
fn foreign_operator<'a>(graph: &'a GraphProto, known: &impl Fn(&str) -> bool) -> Option<&'a str> {
    graph.node.iter().find_map(|node| {
        if !known(&node.op_type) {
            return Some(node.op_type.as_str());
        }
        let inner = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
        inner.into_iter().find_map(|graph| foreign_operator(graph, known))
    })
}

/// Whether a `Transpose` names each axis once. The engine takes all memory that there is where it does not.
fn transposes(node: &NodeProto) -> bool {
    let mut axes: Vec<i64> =
        node.attribute.iter().filter(|a| a.name == "perm").flat_map(|a| a.ints.iter().copied()).collect();
    axes.sort_unstable();
    axes.iter().zip(0..).all(|(axis, place)| *axis == place)
}

/// Rows or columns that a window may have, move or reach beyond a map. The engine's sums of larger ones overflow, and it then
/// reads memory that is not its own.
const FARTHEST: u64 = 1 << 20;

/// Rows or columns that may be put around a map. Engines compute what comes of more, for hours, of nothing.
const WIDEST: u64 = 4096;

/// Whether the numbers of a node's window, if it has one, are such as a picture can have.
fn windows(node: &NodeProto) -> bool {
    node.attribute.iter().all(|attribute| {
        let most = match attribute.name.as_str() {
            "kernel_shape" | "strides" | "dilations" => FARTHEST,
            "pads" | "output_padding" => WIDEST,
            _ => return true,
        };
        attribute.ints.iter().all(|n| n.unsigned_abs() <= most)
    })
}

/// The constants of the graph itself, in initializers and attributes.
fn tensors(graph: &GraphProto) -> impl Iterator<Item = &TensorProto> {
    let attributes = graph.node.iter().flat_map(|n| &n.attribute);
    graph.initializer.iter().chain(attributes.flat_map(|a| a.t.iter().chain(&a.tensors)))
}

/// Whether a constant's numbers are in the file, and as many as it says.
fn stored(tensor: &TensorProto) -> Result<(), &'static str> {
    if tensor.data_location == Some(1) || !tensor.external_data.is_empty() {
        return Err("weights in a file of their own");
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
        _ => Err("a constant with fewer numbers than its shape says"),
    }
}

/// Whether every value that is used is made somewhere before, as the ONNX specification demands of a graph.
fn wired(graph: &GraphProto) -> Result<(), String> {
    let mut made: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    made.extend(graph.input.iter().map(|i| i.name.as_str()));
    for node in &graph.node {
        if let Some(missing) = node.input.iter().find(|i| !i.is_empty() && !made.contains(i.as_str())) {
            return Err(format!("{} needs {missing}, which nothing before it makes", node.op_type));
        }
        made.extend(node.output.iter().map(String::as_str));
    }
    match graph.output.iter().find(|o| !made.contains(o.name.as_str())) {
        Some(missing) => Err(format!("nothing makes the output {}", missing.name)),
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
