//! What the tests of several engines share.

use std::path::Path;

use passerby_inference::{Model, Tensor};

/// The network in a file of this crate, or beside it.
pub(crate) fn load(path: &str) -> Model {
    Model::from_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The same shapes, and no number further from its like than `tolerance` of the largest of its output.
pub(crate) fn alike(name: &str, got: &[Tensor], want: &[Tensor], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{name}");
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.shape(), want.shape(), "{name}: output {index}");
        let largest = want.data().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for (a, b) in got.data().iter().zip(want.data()) {
            let near = (a - b).abs() <= tolerance * largest;
            assert!(near, "{name}: output {index}: {a}, not {b}; largest {largest}");
        }
    }
}
