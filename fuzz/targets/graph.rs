//! A graph file and its weight file. The target corrects the checksums, so that the checks behind them are reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_cnn::GraphFile;

/// The weight file: values of every size in single and half precision.
const WEIGHTS: &[u8] = include_bytes!("../../crates/inference/tests/data/conv.onnx");

/// Offsets in a graph file: the checksum, and the part that it covers, which begins with the length and the checksum of
/// the weight file.
const CHECKSUM: usize = 12;
const CHECKED: usize = 16;
const METADATA: usize = 28;

fuzz_target!(|data: &[u8]| {
    let _ = GraphFile::from_bytes(data, WEIGHTS);
    let mut bytes = data.to_vec();
    if bytes.len() < METADATA {
        return;
    }
    bytes[..CHECKSUM].copy_from_slice(b"\x89CNN\r\n\x1a\n\x01\0\0\0");
    bytes[CHECKED..CHECKED + 8].copy_from_slice(&(WEIGHTS.len() as u64).to_le_bytes());
    bytes[CHECKED + 8..METADATA].copy_from_slice(&crc32fast::hash(WEIGHTS).to_le_bytes());
    let checksum = crc32fast::hash(&bytes[CHECKED..]);
    bytes[CHECKSUM..CHECKED].copy_from_slice(&checksum.to_le_bytes());
    let Ok(file) = GraphFile::from_bytes(&bytes, WEIGHTS) else { return };
    let written = file.to_bytes(WEIGHTS);
    let again = GraphFile::from_bytes(&written, WEIGHTS).expect("a written file is read");
    assert_eq!(again.to_bytes(WEIGHTS), written, "a file changes as it is written again");
});
