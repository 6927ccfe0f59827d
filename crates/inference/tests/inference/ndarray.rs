//! Array views of inputs, outputs and tensors.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::path::Path;

use ndarray::{ArrayD, Axis};
use passerby_inference::{Model, Session};

fn session() -> Session {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conv.onnx");
    Model::from_path(path).unwrap().session([3, 6, 5]).unwrap()
}

#[test]
fn an_input_view_has_the_layout_of_the_input() {
    let mut session = session();
    for ((c, y, x), value) in session.input_view_mut().indexed_iter_mut() {
        *value = (100 * c + 10 * y + x) as f32;
    }
    assert_eq!(session.input()[..7], [0.0, 1.0, 2.0, 3.0, 4.0, 10.0, 11.0]);
    assert_eq!(session.input()[30], 100.0);
}

#[test]
fn an_output_view_has_the_layout_of_the_output() {
    let mut session = session();
    session.input().fill(1.0);
    let outputs = session.run().unwrap();
    let features = outputs.view(1);
    assert_eq!(features.shape(), [1, 4, 6, 5]);
    assert_eq!(features.as_slice().unwrap(), outputs.data(1));
    assert_eq!(features[[0, 3, 5, 4]], outputs.data(1)[3 * 30 + 5 * 5 + 4]);
}

#[test]
fn a_tensor_view_has_the_batch_as_its_first_axis() {
    let input: Vec<f32> = (0..2 * 90).map(|i| (i % 7) as f32).collect();
    let tensors = session().run_batch(2, &input).unwrap();
    let view = tensors[0].view();
    assert_eq!(view.shape(), [2, 4]);
    for (index, row) in view.axis_iter(Axis(0)).enumerate() {
        assert_eq!(row.as_slice().unwrap(), tensors[0].item(index));
    }
}

#[test]
fn an_empty_batch_has_an_empty_view() {
    assert!(session().run_batch(0, &[]).unwrap()[0].view().is_empty());
}

#[test]
fn a_tensor_becomes_an_array_without_a_copy() {
    let tensor = session().run_batch(1, &[1.0; 90]).unwrap().remove(1);
    let values = tensor.data().to_vec();
    let address = tensor.data().as_ptr();
    let array = ArrayD::from(tensor);
    assert_eq!(array.as_slice().unwrap(), values);
    assert_eq!(array.as_ptr(), address);
}
