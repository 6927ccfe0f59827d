//! Comparison of the engines. `models/tools/detectors.py` makes the small networks.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use passerby_cnn::Isa;
use passerby_inference::{Backend, Engine, Model, Precision, RunError, TractReason};

use crate::support::{assert_alike, load};

/// The largest difference between the engines, relative to the largest value of an output.
const TOLERANCE: f32 = 1e-4;

fn small(name: &str) -> Model {
    load(&format!("tests/data/{name}.onnx"))
}

/// Returns a picture of soft shapes with an edge and some grain, from 0 to 255, normalized like the input of a network.
fn picture([channels, height, width]: [usize; 3], seed: usize, mean: f32, scale: f32) -> Vec<f32> {
    let level = |i: usize| {
        let c = i / (height * width);
        let y = i / width % height;
        let x = i % width;
        let v = y as f32 / height as f32;
        let u = x as f32 / width as f32;
        let soft = (7.0 * u + seed as f32).sin() * (5.0 * v + c as f32).cos();
        let disc = if (u - 0.4).powi(2) + (v - 0.5).powi(2) < 0.06 { 70.0 } else { 0.0 };
        let grain = ((i + seed) * 7919 % 31) as f32;
        ((90.0 + 50.0 * soft + disc + grain).clamp(0.0, 255.0) - mean) * scale
    };
    (0..channels * height * width).map(level).collect()
}

fn on_cnn(backend: &Backend) -> bool {
    *backend == Backend::Cnn { isa: Isa::preferred().name(), precision: Precision::Float }
}

/// Asserts that the network runs on `passerby-cnn`, computes the same as tract, and computes the same in a batch of
/// five as one by one.
fn assert_matches_tract(name: &str, model: &Model, item: [usize; 3], mean: f32, scale: f32) {
    let mut session = model.session(item).unwrap();
    assert!(on_cnn(session.backend()), "{name}: {}", session.backend());
    let mut tract = model.with_engine(Engine::Tract).session(item).unwrap();
    assert_eq!(*tract.backend(), Backend::Tract(TractReason::Requested));

    let items: Vec<Vec<f32>> = (0..5).map(|seed| picture(item, seed, mean, scale)).collect();
    let got = session.run_batch(5, &items.concat()).unwrap();
    assert_alike(name, &got, &tract.run_batch(5, &items.concat()).unwrap(), TOLERANCE);
    for (index, numbers) in items.iter().enumerate().rev() {
        session.input().copy_from_slice(numbers);
        let one = session.run().unwrap();
        assert_eq!(one.len(), got.len());
        for (at, batch) in got.iter().enumerate() {
            assert!(one.data(at) == batch.item(index), "{name}: item {index} depends on its batch");
            assert_eq!(one.shape(at)[1..], batch.shape()[1..], "{name}");
        }
    }
}

#[test]
fn bundled_networks_match_tract() {
    let detector = load("../detect/models/centerface_fp16.onnx");
    for item in [[3, 32, 32], [3, 64, 96], [3, 192, 320]] {
        assert_matches_tract("centerface", &detector, item, 0.0, 1.0);
    }
    let embedder = load("../reid/models/mobilefacenet_fast_fp16.onnx");
    assert_matches_tract("mobilefacenet", &embedder, [3, 112, 112], 127.5, 1.0 / 128.0);
    let faceres = load("../faceres-weights/models/faceres_fp16.onnx");
    assert_matches_tract("faceres", &faceres, [3, 224, 224], 115.0, 1.0);
    let age = "age-v1";
    let gender = "gender-v1";
    let classifier = |name: &str| load(&format!("../demographics/models/{name}_fp16.onnx"));
    assert_matches_tract(age, &classifier(age), [3, 64, 64], 115.0, 1.0 / 256.0);
    assert_matches_tract(gender, &classifier(gender), [3, 32, 32], 115.0, 1.0 / 256.0);
}

#[test]
fn real_networks_match_tract() {
    let test = "real_networks_match_tract";
    let Some(folder) = passerby_testkit::shared(test) else { return };
    for (name, item, mean, scale) in [
        ("faceres", [3, 224, 224], 115.0, 1.0),
        ("mobilefacenet", [3, 112, 112], 127.5, 1.0 / 128.0),
        ("centerface", [3, 96, 64], 0.0, 1.0),
    ] {
        let model = Model::from_path(folder.join(format!("models/{name}.onnx"))).unwrap();
        assert_matches_tract(name, &model, item, mean, scale);
    }
}

#[test]
fn other_detector_families_run_on_cnn() {
    for (name, item) in [
        ("yunet", [3, 64, 96]),
        ("scrfd", [3, 64, 64]),
        ("ultraface", [3, 60, 80]),
        ("blazeface", [3, 64, 64]),
    ] {
        assert_matches_tract(name, &small(name), item, 127.5, 1.0 / 128.0);
    }
}

#[test]
fn each_operator_matches_tract() {
    for name in [
        "prelu",
        "leaky",
        "nearest",
        "nearest_half",
        "linear",
        "linear_pytorch",
        "linear_corners",
        "linear_asymmetric",
        "uneven",
        "same",
        "dilated",
        "grouped",
        "multiplied",
        "deconv",
        "deconv_cut",
        "averages",
        "rounded_up",
        "attention",
        "head",
    ] {
        assert_matches_tract(name, &small(name), [3, 9, 11], 127.5, 1.0 / 128.0);
    }
}

#[test]
fn unsupported_operators_run_on_tract() {
    let session = small("sine").session([3, 9, 11]).unwrap();
    let Backend::Tract(TractReason::Unsupported { node, operator, .. }) = session.backend() else {
        panic!("{}", session.backend());
    };
    assert!(node.starts_with("sin") && operator == "Sin", "{node} {operator}");
    assert!(session.backend().to_string().starts_with("tract (Sin at sin"), "{}", session.backend());
    assert!(small("cubic").session([3, 9, 11]).unwrap().backend().to_string().contains("Resize"));
}

#[test]
fn networks_on_tract_compute_the_right_values() {
    // The values are the sines of the outputs of the same convolution without a sine.
    let item = [3, 9, 11];
    let input = picture(item, 3, 127.5, 1.0 / 128.0);
    let sine = small("sine").session(item).unwrap().run_batch(1, &input).unwrap();
    let plain = small("plain").session(item).unwrap().run_batch(1, &input).unwrap();
    let expected: Vec<f32> = plain[0].data().iter().map(|v| v.sin()).collect();
    assert!(expected.iter().any(|v| v.abs() > 0.1));
    for (a, b) in sine[0].data().iter().zip(&expected) {
        assert!((a - b).abs() <= TOLERANCE, "{a}, expected {b}");
    }
}

#[test]
fn sessions_behave_the_same_on_both_engines() {
    for engine in [Engine::Auto, Engine::Tract] {
        let model = small("prelu").with_engine(engine);
        let mut session = model.session([3, 9, 11]).unwrap();
        assert_eq!(session.output_shapes(), [[1, 6, 9, 11]]);
        assert_eq!(session.input().len(), 3 * 9 * 11);
        assert!(matches!(session.run_batch(2, &[0.0; 3]), Err(RunError::Length { .. })));
        assert_eq!(session.run_batch(0, &[]).unwrap()[0].shape(), [0, 6, 9, 11]);
        session.input().fill(f32::NAN);
        assert!(session.run().is_ok());
        session.input().fill(0.5);
        let first = session.run().unwrap().data(0).to_vec();
        assert!(first.iter().all(|v| v.is_finite()));
        assert_eq!(session.run_batch(1, &[0.5; 3 * 9 * 11]).unwrap()[0].data(), first);
        assert!(format!("{session:?}").contains("prelu.onnx"), "{session:?}");
    }
}
