//! Networks on the devices of ONNX Runtime. Tests that need its library (`ORT_DYLIB_PATH`) print a line if they are
//! skipped. On a machine with a GPU, `PASSERBY_DEVICE=cuda` runs them there.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]
#![allow(clippy::print_stderr, reason = "a test says what it skips")]

use std::env;
use std::path::Path;

use passerby_inference::{Backend, Device, Engine, ModelError};

use crate::support::{assert_alike, load};

/// The largest difference from ONNX Runtime, relative to the largest value of an output, on the CPU and on a GPU, where
/// products may be rounded to 10 bits.
const TOLERANCE: [f32; 2] = [1e-4, 2e-2];

/// The bundled networks and the shapes of their items.
const NETWORKS: [(&str, [usize; 3]); 5] = [
    ("../detect/models/centerface_fp16.onnx", [3, 96, 160]),
    ("../reid/models/mobilefacenet_fast_fp16.onnx", [3, 112, 112]),
    ("../faceres-weights/models/faceres_fp16.onnx", [3, 224, 224]),
    ("../demographics/models/age-v1_fp16.onnx", [3, 64, 64]),
    ("../demographics/models/gender-v1_fp16.onnx", [3, 32, 32]),
];

/// Returns true if the library of ONNX Runtime is installed.
fn has_library() -> bool {
    cfg!(feature = "ort")
        && env::var_os("ORT_DYLIB_PATH").is_some_and(|path| !path.is_empty() && Path::new(&path).exists())
}

/// Devices that no machine has: the hundredth GPU.
const MISSING_DEVICES: [Device; 3] = [Device::Cuda(99), Device::DirectMl(99), Device::TensorRt(99)];

#[test]
fn a_network_falls_back_to_the_cpu_without_its_device() {
    for ((path, item), none) in
        NETWORKS.iter().flat_map(|network| MISSING_DEVICES.map(|none| (*network, none)))
    {
        let model = load(path);
        let mut usual = model.session(item).unwrap();
        assert_eq!(usual.fallback(), None);
        let mut session = model.with_engine(Engine::Prefer(none)).session(item).unwrap();
        let why = session.fallback().unwrap().to_owned();
        assert!(why.starts_with(&format!("not on {none}: ")) && why.len() < 500, "{why}");
        assert!(!why.contains("panicked"), "{why}");
        assert_eq!(session.backend(), usual.backend());
        let input: Vec<f32> = (0..item.iter().product()).map(|i: usize| (i * 7919 % 255) as f32).collect();
        assert_eq!(session.run_batch(1, &input).unwrap(), usual.run_batch(1, &input).unwrap(), "{path}");

        let error = model.with_engine(Engine::Require(none)).session(item).unwrap_err();
        let ModelError::Device { device, reason, .. } = &error else { panic!("{error}") };
        assert_eq!((*device, format!("not on {none}: {reason}")), (none, why));
        if !cfg!(feature = "ort") {
            assert!(reason.contains("without the feature `ort`"), "{reason}");
        }
    }
}

#[test]
fn outputs_match_the_other_engines() {
    if !has_library() {
        eprintln!("SKIPPED outputs_match_the_other_engines: needs the feature ort, and ORT_DYLIB_PATH");
        return;
    }
    let device: Device = env::var("PASSERBY_DEVICE").map_or(Device::Cpu, |name| name.parse().unwrap());
    let tolerance = TOLERANCE[usize::from(device != Device::Cpu)];
    for (path, item) in NETWORKS {
        let model = load(path);
        let mut session = model.with_engine(Engine::Require(device)).session(item).unwrap();
        assert_eq!((session.backend(), session.fallback()), (&Backend::OnnxRuntime(device), None));
        let len: usize = item.iter().product();
        let input: Vec<f32> = (0..3 * len).map(|i| (i * 7919 % 255) as f32).collect();
        let got = session.run_batch(3, &input).unwrap();
        let want = model.session(item).unwrap().run_batch(3, &input).unwrap();
        assert_alike(path, &got, &want, tolerance);
        // A second session is as good as the first, and a preferred device is used if it is available.
        let mut second = model.with_engine(Engine::Prefer(device)).session(item).unwrap();
        assert_eq!(*second.backend(), Backend::OnnxRuntime(device));
        second.input().copy_from_slice(&input[..len]);
        let one = second.run().unwrap();
        for (at, batch) in got.iter().enumerate() {
            for (a, b) in one.data(at).iter().zip(batch.item(0)) {
                assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{path}: {a}, expected {b}");
            }
        }
    }
}
