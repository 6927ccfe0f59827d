//! The bundled networks, and files with other networks.
#![cfg(feature = "bundled")]

use std::path::PathBuf;

#[cfg(feature = "tract")]
use passerby_demographics::ClassifierError;
use passerby_demographics::DlibAgeGender;
use passerby_testkit::{noise, suite};
use passerby_types::{BBox, Face, PixelLayout};

fn model(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

#[test]
fn it_keeps_the_contract_of_a_classifier() {
    suite::classifier(|| DlibAgeGender::bundled().unwrap());
}

#[cfg(feature = "tract")]
#[test]
fn files_with_the_weights_load() {
    let files = DlibAgeGender::from_paths(model("age-v1_fp16.onnx"), model("gender-v1_fp16.onnx"));
    assert!(format!("{:?}", files.unwrap()).contains("gender-v1_fp16.onnx"));
}

#[cfg(feature = "tract")]
#[test]
fn an_error_names_the_file_of_another_network() {
    let error =
        DlibAgeGender::from_paths(model("gender-v1_fp16.onnx"), model("age-v1_fp16.onnx")).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ClassifierError::Model(_)) && text.contains("gender-v1_fp16.onnx"), "{text}");
}

#[test]
fn an_error_names_the_missing_file() {
    let error = DlibAgeGender::from_paths("no such file.onnx", model("gender-v1_fp16.onnx")).unwrap_err();
    assert!(error.to_string().contains("no such file.onnx"), "{error}");
}

#[test]
fn a_face_without_landmarks_has_no_attributes() {
    let image = noise(PixelLayout::Rgb8, 64, 64, 7);
    let face = Face::new(BBox::from_xywh(10.0, 10.0, 40.0, 40.0), 0.9);
    assert_eq!(DlibAgeGender::bundled().unwrap().classify_face(&image, &face).unwrap(), None);
}
