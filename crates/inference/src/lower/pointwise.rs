//! Functions of single numbers, and of two tensors number by number.

use passerby_cnn::{Binary, Graph, Unary};
use tract_onnx::tract_core::internal::Tensor;
use tract_onnx::tract_core::ops;
use tract_onnx::tract_core::ops::element_wise::ElementWiseMiniOp;

use super::map::{Map, Pending};
use super::{Slot, What, map};

/// A function that the reader calls by name.
pub(super) fn unary(graph: &mut Graph, op: &dyn ElementWiseMiniOp, inputs: &[Slot]) -> Result<Slot, What> {
    let map = map(inputs, 0)?;
    if let Some(op) = op.downcast_ref::<ops::nn::LeakyRelu>() {
        return map.unary(graph, Unary::Leaky(op.alpha)).map(Slot::Map);
    }
    let function = match op.name().as_str() {
        "Sigmoid" => Unary::Sigmoid,
        "Exp" => Unary::Exp,
        "Tanh" => Unary::Tanh,
        "Square" => Unary::Square,
        "Sqrt" => Unary::Sqrt,
        "Recip" => Unary::Recip,
        "Abs" => Unary::Leaky(-1.0),
        "Neg" => return map.affine(graph, &[-1.0], &[0.0]).map(Slot::Map),
        "Rsqrt" => return map.unary(graph, Unary::Sqrt)?.unary(graph, Unary::Recip).map(Slot::Map),
        "HardSwish" => return hard_swish(graph, map).map(Slot::Map),
        "Silu" => return gated(graph, map, |graph, map| map.unary(graph, Unary::Sigmoid)).map(Slot::Map),
        _ => return Err("not covered".into()),
    };
    map.unary(graph, function).map(Slot::Map)
}

/// x * clip(x / 6 + 1 / 2, 0, 1).
fn hard_swish(graph: &mut Graph, map: Map) -> Result<Map, What> {
    gated(graph, map, |graph, map| map.affine(graph, &[1.0 / 6.0], &[0.5])?.clip(graph, 0.0, 1.0))
}

/// A map times a function of itself.
fn gated(
    graph: &mut Graph,
    mut map: Map,
    gate: impl FnOnce(&mut Graph, Map) -> Result<Map, What>,
) -> Result<Map, What> {
    map.settle(graph)?;
    let gate = gate(graph, map.clone())?;
    combined(graph, Binary::Mul, map, gate)
}

/// A function of two tensors.
pub(super) fn binary(graph: &mut Graph, name: &str, inputs: &[Slot]) -> Result<Slot, What> {
    match inputs {
        [Slot::Map(a), Slot::Constant(b)] => with_constant(graph, name, a.clone(), b, false),
        [Slot::Constant(a), Slot::Map(b)] => with_constant(graph, name, b.clone(), a, true),
        [Slot::Map(a), Slot::Map(b)] => with_map(graph, name, a.clone(), b.clone()).map(Slot::Map),
        _ => Err("inputs that are no tensors of f32".into()),
    }
}

/// `turned`: the constant is the first of the two.
fn with_constant(
    graph: &mut Graph,
    name: &str,
    map: Map,
    tensor: &Tensor,
    turned: bool,
) -> Result<Slot, What> {
    let numbers = map.per_channel(graph, tensor)?;
    let one = || match numbers.as_slice() {
        [number] => Ok(*number),
        _ => Err("with a constant of many numbers".to_owned()),
    };
    let negative = || numbers.iter().map(|n| -n).collect::<Vec<f32>>();
    let map = match (name, turned) {
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
                return Err("a comparison with another number than 0".into());
            }
            let mut map = map;
            map.settle(graph)?;
            return Ok(Slot::Sign { of: map, positive: name.starts_with('G') != turned });
        }
        _ => return Err("not covered".into()),
    };
    map.map(Slot::Map)
}

fn power(graph: &mut Graph, map: Map, exponent: f32) -> Result<Map, What> {
    match exponent {
        1.0 => Ok(map),
        2.0 => map.unary(graph, Unary::Square),
        0.5 => map.unary(graph, Unary::Sqrt),
        -1.0 => map.unary(graph, Unary::Recip),
        _ => Err(format!("exponent {exponent}")),
    }
}

fn with_map(graph: &mut Graph, name: &str, a: Map, b: Map) -> Result<Map, What> {
    let function = match name {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Max" => Binary::Max,
        "Min" => Binary::Min,
        "Div" => {
            let inverse = b.unary(graph, Unary::Recip)?;
            return combined(graph, Binary::Mul, a, inverse);
        }
        _ => return Err("not covered".into()),
    };
    let same = a.value == b.value && a.pending == b.pending && a.axes == b.axes;
    if same && function == Binary::Mul {
        a.unary(graph, Unary::Square)
    } else {
        combined(graph, function, a, b)
    }
}

/// Number by number; an axis of length 1 stands for all of the other's.
fn combined(graph: &mut Graph, function: Binary, mut a: Map, mut b: Map) -> Result<Map, What> {
    let axes = a.axes.widened(&b.axes).ok_or("two tensors with different axes")?;
    let (left, right) = (a.settle(graph)?, b.settle(graph)?);
    let value = graph.binary(function, left, right).map_err(|e| e.to_string())?;
    Ok(Map::new(value, axes))
}

/// One of two tensors for each number, by a third: covered where that makes a leaky or parametric `ReLU`.
pub(super) fn choose(graph: &mut Graph, inputs: &[Slot]) -> Result<Slot, What> {
    let [Slot::Sign { of, positive }, Slot::Map(then), Slot::Map(other)] = inputs else {
        return Err("a choice by anything but the sign".into());
    };
    let (above, below) = if *positive { (then, other) } else { (other, then) };
    let same = |map: &Map| map.value == of.value && map.axes == of.axes;
    let Pending::Affine { scale, shift } = &below.pending else {
        return Err("a choice between other than a tensor and its multiple".into());
    };
    let plain = shift.iter().all(|s| *s == 0.0);
    if !(plain && same(above) && same(below) && above.pending == Pending::Nothing) {
        return Err("a choice between other than a tensor and its multiple".into());
    }
    let function = match scale.as_slice() {
        [slope] => Unary::Leaky(*slope),
        slopes => Unary::Prelu(slopes.to_vec()),
    };
    of.clone().unary(graph, function).map(Slot::Map)
}
