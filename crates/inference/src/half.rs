//! Weights stored in half precision, widened when the file is read: once for all shapes, and faster than the engine does.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, TensorProto};

/// `TensorProto.DataType` of the ONNX specification (onnx.proto3).
const FLOAT: i32 = 1;
/// See [`FLOAT`].
const FLOAT16: i32 = 10;

/// Replaces each constant in half precision that only `Cast` nodes read by the same one in single precision, and those nodes
/// with it. What is stored otherwise stays as it is.
pub(crate) fn widen(graph: &mut GraphProto) {
    let outputs: HashSet<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    let halves: HashSet<&str> =
        graph.initializer.iter().filter(|t| is_half(t)).map(|t| t.name.as_str()).collect();
    let mut casts: HashMap<String, String> = HashMap::new();
    let mut kept: HashSet<String> = HashSet::new();
    for node in &graph.node {
        let to_single = node.attribute.iter().any(|a| a.name == "to" && a.i == i64::from(FLOAT));
        match (node.input.as_slice(), node.output.as_slice()) {
            ([from], [to])
                if node.op_type == "Cast"
                    && to_single
                    && halves.contains(from.as_str())
                    && !outputs.contains(to.as_str())
                    && !casts.contains_key(from) =>
            {
                casts.insert(from.clone(), to.clone());
            }
            (inputs, _) => kept.extend(inputs.iter().cloned()),
        }
        // A graph inside may read any of them.
        if node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty()) {
            return;
        }
    }
    casts.retain(|from, _| !kept.contains(from) && !outputs.contains(from.as_str()));
    let made: HashSet<&String> = casts.values().collect();
    graph.node.retain(|node| node.op_type != "Cast" || !node.output.iter().any(|o| made.contains(o)));
    for tensor in &mut graph.initializer {
        if let Some(name) = casts.get(&tensor.name) {
            tensor.name.clone_from(name);
            tensor.data_type = FLOAT;
            tensor.raw_data = widened(&tensor.raw_data);
        }
    }
}

/// Whether the numbers are all in one run of bytes.
fn is_half(tensor: &TensorProto) -> bool {
    let count = tensor.dims.iter().try_fold(1_usize, |product, dim| {
        usize::try_from(*dim).ok().and_then(|dim| product.checked_mul(dim))
    });
    tensor.data_type == FLOAT16 && count.and_then(|n| n.checked_mul(2)) == Some(tensor.raw_data.len())
}

fn widened(halves: &[u8]) -> Vec<u8> {
    let (pairs, _) = halves.as_chunks::<2>();
    let mut singles = vec![0; pairs.len() * 4];
    let (quads, _) = singles.as_chunks_mut::<4>();
    for (half, single) in pairs.iter().zip(quads) {
        *single = to_single(u16::from_le_bytes(*half)).to_le_bytes();
    }
    singles
}

/// IEEE 754 binary16 as binary32. Without a branch, so that a compiler makes vector code of it, and without subnormal
/// numbers, which processors are slow with: F. Giesen, "Half to float done quick", 2012.
fn to_single(half: u16) -> f32 {
    let half = u32::from(half);
    let magnitude = (half & 0x7FFF) << 13;
    let exponent = half & 0x7C00;
    let special = if exponent == 0x7C00 { 0x7F80_0000 } else { 0 };
    let normal = magnitude + ((127 - 15) << 23);
    // 2^-14, the smallest normal half, with the fraction of a subnormal one added, and then taken away again.
    let least = (127 - 14) << 23;
    let subnormal = f32::from_bits(least + magnitude) - f32::from_bits(least);
    let bits = if exponent == 0 { subnormal.to_bits() } else { normal };
    f32::from_bits(bits | special | (half & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use tract_onnx::prelude::f16;

    use super::*;

    #[test]
    fn every_half_is_the_same_number() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (to_single(bits), f16::from_bits(bits).to_f32());
            let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
            assert!(same, "{bits:#x}: {ours}, not {theirs}");
        }
        assert_eq!(
            widened(&[0x00, 0x3C, 0x00, 0xC0]),
            [1.0_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat()
        );
    }
}
