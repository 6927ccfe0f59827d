//! Conversion of weights from half precision when the file is read. It happens once for all shapes and is faster than
//! in tract.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, TensorProto};

/// `TensorProto.DataType` of the ONNX specification (onnx.proto3).
const FLOAT: i32 = 1;
/// `TensorProto.DataType` of the ONNX specification (onnx.proto3).
const FLOAT16: i32 = 10;

/// Replaces each half-precision constant that only `Cast` nodes read with the same one in single precision, and removes
/// those nodes. All other constants stay unchanged.
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
        // A nested graph may read any of the constants.
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
            tensor.raw_data = widen_bytes(&tensor.raw_data);
        }
    }
}

/// Returns true if the constant is in half precision and all its values are in one run of bytes.
fn is_half(tensor: &TensorProto) -> bool {
    let count = tensor.dims.iter().try_fold(1_usize, |product, dim| {
        usize::try_from(*dim).ok().and_then(|dim| product.checked_mul(dim))
    });
    tensor.data_type == FLOAT16 && count.and_then(|n| n.checked_mul(2)) == Some(tensor.raw_data.len())
}

fn widen_bytes(halves: &[u8]) -> Vec<u8> {
    let (pairs, _) = halves.as_chunks::<2>();
    let mut singles = vec![0; pairs.len() * 4];
    let (quads, _) = singles.as_chunks_mut::<4>();
    for (half, single) in pairs.iter().zip(quads) {
        *single = half_to_f32(u16::from_le_bytes(*half)).to_le_bytes();
    }
    singles
}

/// Converts IEEE 754 binary16 to binary32. There is no branch, so that the compiler can vectorize the loop, and no
/// subnormal arithmetic, which is slow (F. Giesen, "Half to float done quick", 2012).
fn half_to_f32(half: u16) -> f32 {
    let half = u32::from(half);
    let magnitude = (half & 0x7FFF) << 13;
    let exponent = half & 0x7C00;
    let special = if exponent == 0x7C00 { 0x7F80_0000 } else { 0 };
    let normal = magnitude + ((127 - 15) << 23);
    // 2^-14, the smallest normal value, plus the fraction of a subnormal one, minus 2^-14 again.
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
    fn every_half_converts_as_in_tract() {
        for bits in 0..=u16::MAX {
            let ours = half_to_f32(bits);
            let theirs = f16::from_bits(bits).to_f32();
            let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
            assert!(same, "{bits:#x}: {ours}, not {theirs}");
        }
        assert_eq!(
            widen_bytes(&[0x00, 0x3C, 0x00, 0xC0]),
            [1.0_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat()
        );
    }
}
