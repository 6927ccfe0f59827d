//! The bundled networks against the contract, and networks that are others.
#![cfg(feature = "bundled")]

use std::path::PathBuf;

use passerby_demographics::{ClassifierError, DlibAgeGender};
use passerby_testkit::suite;

fn model(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

#[test]
fn it_is_a_classifier() {
    suite::classifier(|| DlibAgeGender::bundled().unwrap());
}

#[test]
fn files_are_as_good_as_the_bundled_weights() {
    let files = DlibAgeGender::from_paths(model("age-v1_fp16.onnx"), model("gender-v1_fp16.onnx"));
    assert!(format!("{:?}", files.unwrap()).contains("gender-v1_fp16.onnx"));
}

#[test]
fn another_network_is_refused_by_name_and_shape() {
    let error =
        DlibAgeGender::from_paths(model("gender-v1_fp16.onnx"), model("age-v1_fp16.onnx")).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ClassifierError::Model(_)) && text.contains("gender-v1_fp16.onnx"), "{text}");
    let error = DlibAgeGender::from_paths("no such file.onnx", model("gender-v1_fp16.onnx")).unwrap_err();
    assert!(error.to_string().contains("no such file.onnx"), "{error}");
}
