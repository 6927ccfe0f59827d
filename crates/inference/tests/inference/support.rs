//! Shared helpers of the tests of several engines.
#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::path::Path;

use passerby_inference::{Model, Tensor};

/// Loads the network in a file of this crate, or relative to it.
pub(crate) fn load(path: &str) -> Model {
    Model::from_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Asserts that tensors have the same shapes and that no value differs by more than `tolerance` of the largest value of
/// its output.
pub(crate) fn assert_alike(name: &str, got: &[Tensor], want: &[Tensor], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{name}");
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.shape(), want.shape(), "{name}: output {index}");
        let largest = want.data().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for (a, b) in got.data().iter().zip(want.data()) {
            let near = (a - b).abs() <= tolerance * largest;
            assert!(near, "{name}: output {index}: {a}, expected {b}; largest {largest}");
        }
    }
}
