//! Functions of single elements, and of two tensors element by element.

use passerby_cnn::{Binary, Graph, Unary};
use tract_onnx::tract_core::internal::Tensor;
use tract_onnx::tract_core::ops;
use tract_onnx::tract_core::ops::element_wise::ElementWiseMiniOp;

use super::mapped::{MappedTensor, Pending};
use super::slot::{Slot, mapped_input};
use super::tensor::Reason;

/// Translates a function by the name that tract gives it.
pub(crate) fn unary(graph: &mut Graph, op: &dyn ElementWiseMiniOp, inputs: &[Slot]) -> Result<Slot, Reason> {
    let map = mapped_input(inputs, 0)?;
    if let Some(op) = op.downcast_ref::<ops::nn::LeakyRelu>() {
        return map.unary(graph, Unary::Leaky(op.alpha)).map(Slot::Mapped);
    }
    let function = match op.name().as_str() {
        "Sigmoid" => Unary::Sigmoid,
        "Exp" => Unary::Exp,
        "Tanh" => Unary::Tanh,
        "Square" => Unary::Square,
        "Sqrt" => Unary::Sqrt,
        "Recip" => Unary::Recip,
        "Abs" => Unary::Leaky(-1.0),
        "Neg" => return map.affine(graph, &[-1.0], &[0.0]).map(Slot::Mapped),
        "Rsqrt" => return map.unary(graph, Unary::Sqrt)?.unary(graph, Unary::Recip).map(Slot::Mapped),
        "HardSwish" => return hard_swish(graph, map).map(Slot::Mapped),
        "Silu" => return gated(graph, map, |graph, map| map.unary(graph, Unary::Sigmoid)).map(Slot::Mapped),
        _ => return Err("unsupported operator".into()),
    };
    map.unary(graph, function).map(Slot::Mapped)
}

/// x * clip(x / 6 + 1 / 2, 0, 1).
fn hard_swish(graph: &mut Graph, map: MappedTensor) -> Result<MappedTensor, Reason> {
    gated(graph, map, |graph, map| map.affine(graph, &[1.0 / 6.0], &[0.5])?.clip(graph, 0.0, 1.0))
}

/// Returns a map times a function of itself.
fn gated(
    graph: &mut Graph,
    mut map: MappedTensor,
    gate: impl FnOnce(&mut Graph, MappedTensor) -> Result<MappedTensor, Reason>,
) -> Result<MappedTensor, Reason> {
    map.apply_pending(graph)?;
    let gate = gate(graph, map.clone())?;
    combine(graph, Binary::Mul, map, gate)
}

/// Translates a function of two tensors.
pub(crate) fn binary(graph: &mut Graph, name: &str, inputs: &[Slot]) -> Result<Slot, Reason> {
    match inputs {
        [Slot::Mapped(a), Slot::Constant(b)] => with_constant(graph, name, a.clone(), b, false),
        [Slot::Constant(a), Slot::Mapped(b)] => with_constant(graph, name, b.clone(), a, true),
        [Slot::Mapped(a), Slot::Mapped(b)] => with_map(graph, name, a.clone(), b.clone()).map(Slot::Mapped),
        _ => Err("an input is not a tensor of f32".into()),
    }
}

/// Translates a function of a map and a constant. If `reversed`, the constant is the first operand.
fn with_constant(
    graph: &mut Graph,
    name: &str,
    map: MappedTensor,
    tensor: &Tensor,
    reversed: bool,
) -> Result<Slot, Reason> {
    let numbers = map.per_channel(graph, tensor)?;
    let one = || match numbers.as_slice() {
        [number] => Ok(*number),
        _ => Err("the constant has several values".to_owned()),
    };
    let negative = || numbers.iter().map(|n| -n).collect::<Vec<f32>>();
    let map = match (name, reversed) {
        ("Add", _) => map.affine(graph, &[1.0], &numbers),
        ("Sub", false) => map.affine(graph, &[1.0], &negative()),
        ("Sub", true) => map.affine(graph, &[-1.0], &numbers),
        ("Mul", _) => map.affine(graph, &numbers, &[0.0]),
        ("Div", false) => {
            let inverse: Vec<f32> = numbers.iter().map(|n| 1.0 / n).collect();
            map.affine(graph, &inverse, &[0.0])
        }
        ("Div", true) => map.unary(graph, Unary::Recip)?.affine(graph, &numbers, &[0.0]),
        ("Max", _) => map.clip(graph, one()?, f32::INFINITY),
        ("Min", _) => map.clip(graph, f32::NEG_INFINITY, one()?),
        ("Pow", false) => power(graph, map, one()?),
        ("GT" | "GTE" | "LT" | "LTE", _) => {
            if one()? != 0.0 {
                return Err("the comparison is not with 0".into());
            }
            let mut map = map;
            map.apply_pending(graph)?;
            return Ok(Slot::Sign { of: map, positive: name.starts_with('G') != reversed });
        }
        _ => return Err("unsupported operator".into()),
    };
    map.map(Slot::Mapped)
}

fn power(graph: &mut Graph, map: MappedTensor, exponent: f32) -> Result<MappedTensor, Reason> {
    match exponent {
        1.0 => Ok(map),
        2.0 => map.unary(graph, Unary::Square),
        0.5 => map.unary(graph, Unary::Sqrt),
        -1.0 => map.unary(graph, Unary::Recip),
        _ => Err(format!("the exponent is {exponent}")),
    }
}

fn with_map(graph: &mut Graph, name: &str, a: MappedTensor, b: MappedTensor) -> Result<MappedTensor, Reason> {
    let function = match name {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Max" => Binary::Max,
        "Min" => Binary::Min,
        "Div" => {
            let inverse = b.unary(graph, Unary::Recip)?;
            return combine(graph, Binary::Mul, a, inverse);
        }
        _ => return Err("unsupported operator".into()),
    };
    let same = a.value == b.value && a.pending == b.pending && a.axes == b.axes;
    if same && function == Binary::Mul {
        a.unary(graph, Unary::Square)
    } else {
        combine(graph, function, a, b)
    }
}

/// Combines two tensors element by element. An axis of length 1 is repeated.
fn combine(
    graph: &mut Graph,
    function: Binary,
    mut a: MappedTensor,
    mut b: MappedTensor,
) -> Result<MappedTensor, Reason> {
    let axes = a.axes.widened(&b.axes).ok_or("the tensors have different axes")?;
    let left = a.apply_pending(graph)?;
    let right = b.apply_pending(graph)?;
    let value = graph.binary(function, left, right).map_err(|e| e.to_string())?;
    Ok(MappedTensor::new(value, axes))
}

/// Translates a choice between two tensors by a condition. Only a leaky or parametric `ReLU` is supported.
pub(crate) fn choose(graph: &mut Graph, inputs: &[Slot]) -> Result<Slot, Reason> {
    let [Slot::Sign { of, positive }, Slot::Mapped(then), Slot::Mapped(other)] = inputs else {
        return Err("the condition is not a sign".into());
    };
    let (above, below) = if *positive { (then, other) } else { (other, then) };
    let same = |map: &MappedTensor| map.value == of.value && map.axes == of.axes;
    let Pending::Affine { scale, shift } = &below.pending else {
        return Err("the operands are not a tensor and its multiple".into());
    };
    let plain = shift.iter().all(|s| *s == 0.0);
    if !(plain && same(above) && same(below) && above.pending == Pending::Nothing) {
        return Err("the operands are not a tensor and its multiple".into());
    }
    let function = match scale.as_slice() {
        [slope] => Unary::Leaky(*slope),
        slopes => Unary::Prelu(slopes.to_vec()),
    };
    of.clone().unary(graph, function).map(Slot::Mapped)
}
