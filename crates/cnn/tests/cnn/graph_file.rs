//! Graph files: a written graph is read again, and hostile bytes are an error.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use passerby_cnn::{
    Binary, Conv, CoordinateMode, Graph, GraphError, GraphFile, GraphFileError, Interpolation, Pads, Pooling,
    Shape, TensorLayout, Unary, Value, Window,
};
use proptest::prelude::*;

/// The bytes before the part that the checksum covers.
const HEADER_BYTES: usize = 16;

/// Returns numbers that half precision represents exactly.
fn halves(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 31) % 255) as f32 / 64.0 - 2.0).collect()
}

/// Returns numbers that need single precision.
fn singles(count: usize) -> Vec<f32> {
    (0..count).map(|i| 1.0 / (i as f32 + 3.0)).collect()
}

fn conv(inputs: usize, channels: usize, window: Window, bias: Vec<f32>) -> Conv {
    let taps = window.kernel.0 * window.kernel.1;
    Conv { channels, groups: 1, window, weights: halves(inputs * channels * taps, channels), bias }
}

/// Returns a graph that has every operator and every function.
fn all_operators(height: usize, width: usize) -> Graph {
    let (mut graph, input) = Graph::new(Shape::new(3, height, width)).unwrap();
    let a = graph.conv(input, conv(3, 4, Window::square(3, 1, 1), singles(4))).unwrap();
    let up = graph.conv_transpose(a, conv(4, 4, Window::square(3, 2, 1), vec![]), (1, 1)).unwrap();
    let mut x = graph.pool(up, Pooling::Average, Window::square(2, 2, 0)).unwrap();
    for unary in [
        Unary::Relu,
        Unary::Clip(f32::NEG_INFINITY, 6.0),
        Unary::Leaky(0.1),
        Unary::Prelu(singles(4)),
        Unary::Affine { scale: vec![0.5], shift: singles(4)[..1].to_vec() },
        Unary::Affine { scale: halves(4, 1), shift: singles(4) },
        Unary::Sigmoid,
        Unary::Exp,
        Unary::Tanh,
        Unary::Square,
        Unary::Sqrt,
    ] {
        x = graph.unary(x, unary).unwrap();
    }
    for binary in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min] {
        x = graph.binary(binary, x, a).unwrap();
    }
    x = graph.pool(x, Pooling::Max, Window::square(3, 1, 1)).unwrap();
    x = graph.pool(x, Pooling::AverageIncludingPads, Window::square(3, 1, 1)).unwrap();
    for (interpolation, coordinates) in [
        (Interpolation::Nearest, CoordinateMode::Asymmetric),
        (Interpolation::Linear, CoordinateMode::HalfPixel),
        (Interpolation::Linear, CoordinateMode::AlignCorners),
    ] {
        x = graph.resize(x, (2 * height, 2 * width), interpolation, coordinates).unwrap();
        x = graph.resize(x, (height, width), interpolation, coordinates).unwrap();
    }
    x = graph.pad(x, Pads { top: 1, left: 0, bottom: 2, right: 1 }, 2, -0.0).unwrap();
    let both = graph.concat(&[x, x]).unwrap();
    let part = graph.slice_channels(both, 1..3).unwrap();
    let rows = graph.rows(both, 4).unwrap();
    let rows = graph.stack(&[rows, rows]).unwrap();
    let soft = graph.softmax(rows).unwrap();
    let sum = graph.sum(soft).unwrap();
    let recip = graph.unary(sum, Unary::Recip).unwrap();
    let mean = graph.mean(soft).unwrap();
    graph.output(part, TensorLayout::Nchw);
    graph.output(recip, TensorLayout::Nchw);
    graph.output(mean, TensorLayout::Nhwc);
    graph.output(a, TensorLayout::Nhwc);
    graph
}

fn file(graph: Graph) -> GraphFile {
    GraphFile { graph, metadata: b"names".to_vec() }
}

fn bits(outputs: &[Vec<f32>]) -> Vec<u32> {
    outputs.concat().iter().map(|number| number.to_bits()).collect()
}

/// Returns the bytes with a valid checksum, so that the checks behind it are reached.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() >= HEADER_BYTES {
        let checksum = crc32fast::hash(&bytes[HEADER_BYTES..]);
        bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }
    bytes
}

/// Returns a weight file that has the lists of [`all_operators`] at odd places.
fn weight_file() -> Vec<u8> {
    let mut bytes = vec![7; 5];
    for list in [halves(4 * 3 * 9, 4), halves(4 * 4 * 9, 4)] {
        for number in list {
            // The bits of a number that half precision represents exactly and normally.
            let single = number.to_bits();
            let exponent = (single >> 23 & 0xff) as i32 - 112;
            let half = if number == 0.0 { 0 } else { (exponent as u32) << 10 | single >> 13 & 0x3ff };
            bytes.extend_from_slice(&((half | single >> 16 & 0x8000) as u16).to_le_bytes());
        }
        bytes.push(9);
    }
    bytes
}

#[test]
fn a_graph_reads_as_it_was_written() {
    let written = file(all_operators(6, 5));
    let bytes = written.to_bytes(&[]);
    let read = GraphFile::from_bytes(&bytes, &[]).unwrap();
    assert_eq!(read.metadata, b"names");
    assert_eq!(read.to_bytes(&[]), bytes);
    let input = halves(3 * 6 * 5, 9);
    assert_eq!(bits(&read.graph.evaluate(&input)), bits(&written.graph.evaluate(&input)));
    let outputs = |graph: &Graph| graph.outputs().collect::<Vec<(Value, TensorLayout)>>();
    assert_eq!(outputs(&read.graph), outputs(&written.graph));
}

#[test]
fn weights_in_another_file_are_references() {
    let written = file(all_operators(6, 5));
    let weights = weight_file();
    let alone = written.to_bytes(&[]);
    let bytes = written.to_bytes(&weights);
    let saved = 2 * (4 * 3 * 9 + 4 * 4 * 9) - 2 * size_of::<u64>();
    assert_eq!(alone.len() - bytes.len(), saved);
    let read = GraphFile::from_bytes(&bytes, &weights).unwrap();
    assert_eq!(read.to_bytes(&[]), alone);
}

#[test]
fn another_weight_file_is_an_error() {
    let mut weights = weight_file();
    let bytes = file(all_operators(6, 5)).to_bytes(&weights);
    weights[20] ^= 1;
    let given = weights.len() as u64;
    let error = GraphFileError::WeightFile { expected: given, given };
    assert_eq!(GraphFile::from_bytes(&bytes, &weights).unwrap_err(), error);
    let error = GraphFileError::WeightFile { expected: given, given: 0 };
    assert_eq!(GraphFile::from_bytes(&bytes, &[]).unwrap_err(), error);
}

#[test]
fn a_graph_moves_to_another_input_shape() {
    let moved = file(all_operators(6, 5).with_input(Shape::new(3, 9, 11)).unwrap());
    assert_eq!(moved.to_bytes(&[]), file(all_operators(9, 11)).to_bytes(&[]));
}

#[test]
fn a_resize_needs_whole_rows() {
    let (mut graph, input) = Graph::new(Shape::new(3, 8, 8)).unwrap();
    graph.resize(input, (12, 4), Interpolation::Nearest, CoordinateMode::Asymmetric).unwrap();
    assert!(graph.clone().with_input(Shape::new(3, 6, 2)).is_ok());
    for broken in [Shape::new(3, 7, 8), Shape::new(3, 8, 7)] {
        let error = graph.clone().with_input(broken).unwrap_err();
        assert!(matches!(error, GraphError::Setting { op: "resize", .. }), "{error}");
    }
}

#[test]
fn a_window_must_fit_the_new_shape() {
    let (mut graph, input) = Graph::new(Shape::new(1, 8, 8)).unwrap();
    graph.pool(input, Pooling::Max, Window::square(4, 1, 0)).unwrap();
    assert!(matches!(graph.with_input(Shape::new(1, 3, 8)), Err(GraphError::Shape { op: "pool", .. })));
}

#[test]
fn other_files_and_versions_are_refused() {
    let bytes = file(all_operators(6, 5)).to_bytes(&[]);
    for other in [&b""[..], b"\x08\x08\x12\x07pytorch", &bytes[1..]] {
        assert_eq!(GraphFile::from_bytes(other, &[]).unwrap_err(), GraphFileError::NotGraphFile);
    }
    let mut newer = bytes.clone();
    newer[8] = 2;
    let error = GraphFileError::Version { found: 2, expected: 1 };
    assert_eq!(GraphFile::from_bytes(&newer, &[]).unwrap_err(), error);
}

#[test]
fn damage_is_found_by_the_checksum() {
    let bytes = file(all_operators(6, 5)).to_bytes(&[]);
    for at in (HEADER_BYTES..bytes.len()).step_by(13) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert_eq!(GraphFile::from_bytes(&damaged, &[]).unwrap_err(), GraphFileError::Checksum);
    }
}

#[test]
fn every_truncated_file_is_an_error() {
    let bytes = file(all_operators(6, 5)).to_bytes(&[]);
    for end in 0..bytes.len() {
        assert!(GraphFile::from_bytes(&bytes[..end], &[]).is_err(), "{end}");
        assert!(GraphFile::from_bytes(&sealed(bytes[..end].to_vec()), &[]).is_err(), "{end} with a checksum");
    }
}

#[test]
fn bytes_after_the_end_are_an_error() {
    let mut bytes = file(all_operators(6, 5)).to_bytes(&[]);
    bytes.push(0);
    let error = GraphFile::from_bytes(&sealed(bytes), &[]).unwrap_err();
    assert!(error.to_string().contains("follow the last output"), "{error}");
}

/// Returns a file of one convolution from one channel to one, whose weights are `list` in the form of the file.
fn one_list(list: &[u8], weights: &[u8]) -> Vec<u8> {
    let (graph, _) = Graph::new(Shape::new(1, 4, 4)).unwrap();
    let mut bytes = GraphFile { graph, metadata: vec![] }.to_bytes(weights);
    bytes.truncate(bytes.len() - 8);
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    bytes.extend(numbers(&[1]));
    bytes.push(1);
    bytes.extend(numbers(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]));
    bytes.extend_from_slice(list);
    bytes.extend([0, 0, 0, 0, 0]);
    bytes.extend(numbers(&[0]));
    sealed(bytes)
}

#[test]
fn a_list_longer_than_its_file_is_an_error() {
    let error = |list: &[u8], weights: &[u8]| {
        GraphFile::from_bytes(&one_list(list, weights), weights).unwrap_err().to_string()
    };
    assert!(GraphFile::from_bytes(&one_list(&[1, 1, 0, 0, 0, 0, 0x3c], &[]), &[]).is_ok());
    assert!(error(&[0, 0xFF, 0xFF, 0xFF, 0xFF], &[]).contains("ends too early"));
    assert!(error(&[1, 1, 0, 0, 0, 0, 0x7c], &[]).contains("not finite"));
    assert!(error(&[4, 1, 0, 0, 0], &[]).contains("unknown flags"));
    let outside = [3, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
    assert!(error(&outside, &[0; 8]).contains("outside the weight file"));
    let far = [2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    assert!(error(&far, &[0; 8]).contains("outside the weight file"));
    assert!(error(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[]).starts_with("operator 0 of the graph file"));
}

#[test]
fn a_small_file_cannot_multiply_its_weights() {
    let weights = weight_file();
    let (mut graph, input) = Graph::new(Shape::new(3, 6, 5)).unwrap();
    let mut x = input;
    for _ in 0..40 {
        x = graph.conv(input, conv(3, 4, Window::square(3, 1, 1), vec![])).unwrap();
    }
    graph.output(x, TensorLayout::Nchw);
    // The writer refers to the weights only as often as the reader allows.
    let bytes = file(graph).to_bytes(&weights);
    let read = GraphFile::from_bytes(&bytes, &weights).unwrap();
    assert_eq!(read.to_bytes(&weights), bytes);
    let list_bytes = 2 * 4 * 3 * 9;
    let references = 8 * weights.len() / list_bytes;
    assert!(references < 40 && bytes.len() > (40 - references) * list_bytes);
    // One more reference in the place of a list is an error.
    let inline = weights[5..5 + list_bytes].to_vec();
    let at = bytes.windows(list_bytes).position(|window| window == inline).unwrap();
    let mut hostile = bytes[..at - 5].to_vec();
    hostile.push(3);
    hostile.extend_from_slice(&bytes[at - 4..at]);
    hostile.extend_from_slice(&5_u64.to_le_bytes());
    hostile.extend_from_slice(&bytes[at + list_bytes..]);
    let error = GraphFile::from_bytes(&sealed(hostile), &weights).unwrap_err();
    assert!(error.to_string().contains("too many references"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 2000 }, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_are_a_graph_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let weights = weight_file();
        let mut bytes = file(all_operators(6, 5)).to_bytes(&weights);
        for (at, byte) in changes {
            let at = HEADER_BYTES + at.index(bytes.len() - HEADER_BYTES);
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(HEADER_BYTES + cut.index(bytes.len() - HEADER_BYTES));
        }
        if let Ok(read) = GraphFile::from_bytes(&sealed(bytes), &weights) {
            let again = GraphFile::from_bytes(&read.to_bytes(&weights), &weights).unwrap();
            prop_assert_eq!(again.to_bytes(&[]), read.to_bytes(&[]));
        }
    }

    #[test]
    fn any_bytes_are_a_graph_or_an_error(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"\x89CNN\r\n\x1a\n\x01\0\0\0\0\0\0\0".to_vec();
        bytes.extend_from_slice(&[0; 16]); // no weight file, whose checksum is 0, and no metadata
        bytes.extend(body);
        let _ = GraphFile::from_bytes(&sealed(bytes), &[]);
    }
}
