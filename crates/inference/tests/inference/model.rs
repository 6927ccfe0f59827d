//! Loading and running networks, valid and invalid ones.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::path::{Path, PathBuf};
use std::thread;

use passerby_inference::{Model, ModelError, RunError, Session};
use serde_json::Value;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(data(name)).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

/// Returns the values of the function `pattern` in `data/make.py`.
fn pattern(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 7919 % 251) as f32).collect()
}

fn load(name: &str) -> Result<Model, ModelError> {
    Model::from_path(data(&format!("{name}.onnx")))
}

#[test]
fn the_file_states_the_interface() {
    let model = load("conv").unwrap();
    assert_eq!(model.input().name, "image");
    assert_eq!(model.input().dims, [None, Some(3), None, None]);
    let names: Vec<&str> = model.outputs().iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["mean", "features"]);
}

#[test]
fn outputs_match_onnx_runtime() {
    let input = pattern(2 * 3 * 6 * 5);
    let mut session = load("conv").unwrap().session([3, 6, 5]).unwrap();
    assert_eq!(session.item_shape(), [3, 6, 5]);
    let both = session.run_batch(2, &input).unwrap();
    assert_eq!(both[0].shape(), [2, 4]);
    assert_eq!(both[1].shape(), [2, 4, 6, 5]); // The file states 7x7, wrongly.
    for (got, want) in both.iter().zip(json("conv.json").as_array().unwrap()) {
        for (a, b) in got.data().iter().zip(numbers(want)) {
            assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{a}, expected {b}");
        }
    }
}

#[test]
fn outputs_do_not_depend_on_the_batch() {
    let model = load("conv").unwrap();
    let input = pattern(2 * 3 * 6 * 5);
    let both = model.session([3, 6, 5]).unwrap().run_batch(2, &input).unwrap();
    let second = model.session([3, 6, 5]).unwrap().run_batch(1, &input[90..]).unwrap();
    assert_eq!(second[0].data(), both[0].item(1));
    assert_eq!(second[1].data(), both[1].item(1));
}

#[test]
fn an_empty_batch_returns_empty_tensors() {
    let answers = load("conv").unwrap().session([3, 6, 5]).unwrap().run_batch(0, &[]).unwrap();
    assert_eq!(answers[0].shape(), [0, 4]);
    assert!(answers[1].data().is_empty());
}

#[test]
fn sessions_of_one_model_run_on_many_threads() {
    fn sendable<T: Send>() {}
    fn shareable<T: Send + Sync>() {}
    sendable::<Session>();
    shareable::<Model>();
    let model = load("conv").unwrap();
    let input = pattern(90);
    let want = model.session([3, 6, 5]).unwrap().run_batch(1, &input).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut session = model.clone().session([3, 6, 5]).unwrap();
                for _ in 0..20 {
                    assert_eq!(session.run_batch(1, &input).unwrap(), want);
                }
            });
        }
    });
}

#[test]
fn a_session_survives_a_wrong_length() {
    let mut session = load("conv").unwrap().session([3, 6, 5]).unwrap();
    for (n, len) in [(1, 89), (2, 90), (0, 1), (usize::MAX, 90)] {
        let error = session.run_batch(n, &vec![0.0; len]).unwrap_err();
        assert!(matches!(error, RunError::Length { items, given, .. } if items == n && given == len));
        assert!(error.to_string().contains("conv.onnx"), "{error}");
    }
    assert!(session.run_batch(1, &pattern(90)).is_ok());
}

#[test]
fn nan_does_not_affect_later_runs() {
    let mut session = load("conv").unwrap().session([3, 6, 5]).unwrap();
    let want = session.run_batch(1, &pattern(90)).unwrap();
    session.run_batch(1, &[f32::NAN; 90]).unwrap();
    session.run_batch(1, &[f32::INFINITY; 90]).unwrap();
    assert_eq!(session.run_batch(1, &pattern(90)).unwrap(), want);
}

#[test]
fn shapes_that_the_input_does_not_accept_are_rejected() {
    let free = load("conv").unwrap();
    for item in [[1, 6, 5], [3, 0, 5], [3, usize::MAX, usize::MAX], [3, 1 << 20, 1 << 20]] {
        let error = free.session(item).unwrap_err();
        assert!(matches!(error, ModelError::Shape { .. }), "{item:?}: {error}");
    }
    let error = load("fixed").unwrap().session([3, 8, 9]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("fixed.onnx: input image takes [1, 3, 8, 8], not [1, 3, 8, 9]"), "{text}");
    assert!(load("fixed").unwrap().session([3, 8, 8]).is_ok());
}

#[test]
fn another_number_of_outputs_is_rejected() {
    let model = load("conv").unwrap();
    assert_eq!(model.session_with_outputs([3, 6, 5], 4).unwrap().output_shapes()[0], [1, 4]);
    let error = model.session_with_outputs([3, 6, 5], 5).unwrap_err();
    assert!(matches!(&error, ModelError::Output { found, expected: 5, .. } if found == &[4]), "{error}");
}

#[test]
fn unusable_models_are_rejected_with_a_reason() {
    let text = |name: &str| load(name).unwrap_err().to_string();
    assert!(text("two_inputs").contains("two_inputs.onnx: 2 inputs (a, b)"));
    assert!(text("unknown_op").contains("unsupported: operator Frobnicate"));
    assert!(text("integers").contains("unsupported: input a of ONNX data type 2"));
    assert!(text("dangling").contains("no node computes the output c"));
    assert!(text("loose").contains("Add needs nowhere"));
}

#[test]
fn layers_that_do_not_fit_together_are_rejected() {
    for (name, item) in [("misfit", [3, 8, 8]), ("no_batch", [3, 8, 8]), ("conv", [3, 1, 1])] {
        match load(name).unwrap().session(item) {
            Ok(mut session) => assert!(name == "conv" && session.run_batch(1, &[1.0; 3]).is_ok()),
            Err(error) => assert!(matches!(error, ModelError::Plan { .. }), "{name}: {error}"),
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Model::from_path("/nowhere/at/all.onnx").unwrap_err();
    assert!(matches!(error, ModelError::Io { .. }));
    assert!(error.to_string().contains("/nowhere/at/all.onnx"));
    assert!(matches!(Model::from_path(data("")).unwrap_err(), ModelError::Io { .. }));
}

/// Loads the bytes and, if they are a model, runs it. The result does not matter, but nothing may panic.
fn load_without_panic(bytes: &[u8], item: [usize; 3]) {
    match Model::from_bytes("hostile", bytes.to_vec()) {
        Err(error) => assert!(error.to_string().starts_with("hostile: "), "{error}"),
        Ok(model) => match model.session(item) {
            Err(error) => assert!(error.to_string().starts_with("hostile: "), "{error}"),
            Ok(mut session) => {
                let _ = session.run_batch(1, &pattern(item.iter().product()));
            }
        },
    }
}

#[test]
fn an_empty_model_is_rejected() {
    assert!(matches!(Model::from_bytes("hostile", Vec::new()).unwrap_err(), ModelError::Empty { .. }));
}

#[test]
fn truncated_models_do_not_panic() {
    let whole = std::fs::read(data("conv.onnx")).unwrap();
    for len in 1..whole.len() {
        load_without_panic(&whole[..len], [3, 6, 5]);
    }
}

#[test]
fn damaged_models_do_not_panic() {
    let whole = std::fs::read(data("conv.onnx")).unwrap();
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            load_without_panic(&bytes, [3, 6, 5]);
        }
    }
}

#[test]
fn a_transpose_that_names_an_axis_twice_is_rejected() {
    // Turns the axes [0, 2, 3, 1] into [0, 2, 2, 1].
    let mut twice = std::fs::read(data("yunet.onnx")).unwrap();
    let axes = b"perm\x40\x00\x40\x02\x40\x03\x40\x01";
    let at = twice.windows(axes.len()).position(|bytes| bytes == axes).unwrap();
    twice[at + 9] = 2;
    let error = Model::from_bytes("hostile", twice).unwrap_err();
    assert!(error.to_string().contains("not a permutation"), "{error}");
}

/// Damages the settings of operators that have some.
#[test]
fn damaged_settings_do_not_panic() {
    for name in ["attention", "averages", "deconv_cut", "linear", "uneven"] {
        let whole = std::fs::read(data(&format!("{name}.onnx"))).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= [0x01, 0x04, 0x80, 0xFF][at % 4];
            load_without_panic(&bytes, [3, 9, 11]);
        }
    }
}

#[test]
fn random_bytes_are_rejected() {
    let mut state = 1_u64;
    for len in [1, 2, 7, 64, 1000, 100_000] {
        for _ in 0..20 {
            let bytes: Vec<u8> = (0..len)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                })
                .collect();
            assert!(Model::from_bytes("hostile", bytes).is_err());
        }
    }
}

/// The real networks compute the same as ONNX Runtime: within 1e-3 of an output's mean magnitude with f32 weights, and
/// within 2 % of it with half-precision weights.
#[test]
fn real_networks_match_onnx_runtime() {
    let Some(folder) = passerby_testkit::shared("real_networks_match_onnx_runtime") else {
        return;
    };
    for (name, expected) in json("real.json").as_object().unwrap() {
        for (suffix, tolerance) in [("", 1e-3), ("_fp16", 2e-2)] {
            let model = Model::from_path(folder.join(format!("models/{name}{suffix}.onnx"))).unwrap();
            let item: Vec<usize> = numbers(&expected["item"]).iter().map(|n| *n as usize).collect();
            let item: [usize; 3] = item.try_into().unwrap();
            let input: Vec<f32> = pattern(item.iter().product()).iter().map(|v| v / 8.0).collect();
            let answers = model.session(item).unwrap().run_batch(1, &input).unwrap();
            for (answer, want) in answers.iter().zip(expected["outputs"].as_array().unwrap()) {
                let mean = want["mean"].as_f64().unwrap() as f32;
                let shape: Vec<usize> = numbers(&want["shape"]).iter().map(|n| *n as usize).collect();
                assert_eq!(answer.shape(), shape, "{name}{suffix}");
                let got = answer.data().iter().map(|v| v.abs()).sum::<f32>() / answer.data().len() as f32;
                assert!(
                    (got - mean).abs() <= tolerance * mean,
                    "{name}{suffix}: mean {got}, expected {mean}"
                );
                for (a, b) in answer.data().iter().zip(numbers(&want["first"])) {
                    assert!(
                        (a - b).abs() <= tolerance * mean.max(b.abs()),
                        "{name}{suffix}: {a}, expected {b} ({mean})"
                    );
                }
            }
        }
    }
}

/// Dilations of 2^62 / 3 whose sums overflow, and pads of 2^40, in files of 339 bytes each.
#[test]
fn excessive_windows_are_rejected() {
    for file in ["huge_dil", "huge_dilr", "huge_pad"] {
        let path = format!("{}/tests/data/{file}.onnx", env!("CARGO_MANIFEST_DIR"));
        let error = Model::from_path(&path).unwrap_err();
        assert!(matches!(error, ModelError::NotOnnx { .. }), "{error}");
        assert!(error.to_string().contains("is too large"), "{error}");
    }
}
