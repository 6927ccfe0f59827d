//! The public interface of CenterFace. The tests of the root package measure its accuracy on photographs.
#![cfg(all(feature = "bundled", feature = "centerface"))]

#[cfg(feature = "tract")]
use passerby_detect::DetectorError;
use passerby_detect::{CenterFace, CenterFaceSettings};
#[cfg(feature = "tract")]
use passerby_inference::Model;
use passerby_testkit::{detect, frame, noise, suite, uniform};
use passerby_types::{Detector, PixelLayout};
#[cfg(feature = "tract")]
use passerby_types::{ErrorClass, StageError};

use crate::alone;

const WEIGHTS: &[u8] = include_bytes!("../../models/centerface_fp16.onnx");

/// Returns a detector with the bundled weights.
fn bundled(settings: &CenterFaceSettings) -> CenterFace {
    let model = CenterFace::bundled_model().expect("the bundled network loads");
    CenterFace::with_settings(model, settings.clone()).expect("the settings fit")
}

fn small() -> CenterFaceSettings {
    CenterFaceSettings { long_side: 96, ..CenterFaceSettings::default() }
}

#[test]
fn it_keeps_the_contract_of_a_detector() {
    let _alone = alone();
    suite::detector(|| CenterFace::bundled().unwrap());
}

/// Settings by which noise is full of faces, so that there is an order of faces to test.
fn everything() -> CenterFaceSettings {
    CenterFaceSettings { threshold: 1e-4, nms_iou: 1.0, max_faces: usize::MAX, ..small() }
}

#[test]
fn it_keeps_the_contract_if_everything_is_a_face() {
    let _alone = alone();
    suite::detector(|| bundled(&everything()));
}

#[test]
fn the_best_faces_are_kept_and_the_others_counted() {
    let _alone = alone();
    let few = CenterFaceSettings { max_faces: 3, ..everything() };
    suite::detector_limit(bundled(&everything()), bundled(&few), 3);
}

#[test]
fn a_picture_has_the_faces_of_its_frame() {
    let _alone = alone();
    let image = noise(PixelLayout::I420, 96, 64, 3);
    let mut detector = bundled(&everything());
    let faces = detector.detect_image(&image).unwrap();
    assert!(!faces.is_empty());
    assert_eq!(faces, detector.detect_one(&frame(0, image)).unwrap());
}

#[test]
fn pictures_of_any_shape_are_accepted() {
    let _alone = alone();
    let sizes = [(1, 1), (2, 2), (3840, 2), (2, 3840), (7680, 4320), (32_768, 1)];
    for settings in [small(), CenterFaceSettings::default()] {
        let mut detector = bundled(&settings);
        for layout in [PixelLayout::I420, PixelLayout::Gray8] {
            for (w, h) in sizes {
                let faces = detect(&mut detector, &[frame(0, uniform(layout, w, h, 128))]).unwrap();
                assert_eq!(faces, [[]], "{w}x{h}: a grey picture has no face");
            }
        }
    }
}

#[test]
fn a_stream_may_change_its_shape_at_every_frame() {
    let _alone = alone();
    let settings = CenterFaceSettings { long_side: 480, ..CenterFaceSettings::default() };
    let mut detector = bundled(&settings);
    // Fourteen input shapes need two more sessions than an instance keeps.
    let frames: Vec<_> =
        (1..=14).map(|n| frame(n, noise(PixelLayout::Nv12, 32 * n as u32, 480, n))).collect();
    let first = detect(&mut detector, &frames).unwrap();
    let again = detect(&mut detector, &frames).unwrap();
    assert_eq!(first, again);
}

#[test]
fn the_error_of_a_missing_file_names_it() {
    let missing = CenterFace::from_path("no/such/file.onnx").unwrap_err().to_string();
    assert!(missing.contains("no/such/file.onnx"), "{missing}");
}

#[test]
fn the_error_of_a_damaged_file_names_it() {
    let folder = std::env::temp_dir();
    let half = folder.join(format!("passerby-detect-{}-half.onnx", std::process::id()));
    std::fs::write(&half, &WEIGHTS[..WEIGHTS.len() / 2]).unwrap();
    let damaged = CenterFace::from_path(&half).unwrap_err().to_string();
    std::fs::remove_file(&half).unwrap();
    assert!(damaged.contains("half.onnx"), "{damaged}");
}

#[cfg(feature = "tract")]
#[test]
fn another_network_is_a_fatal_error() {
    let mut renamed = WEIGHTS.to_vec();
    let at: Vec<usize> = (0..renamed.len() - 3).filter(|&i| &renamed[i..i + 3] == b"540").collect();
    for i in at {
        renamed[i + 2] = b'x';
    }
    let other = Model::from_bytes("other.onnx", renamed).unwrap();
    let error = CenterFace::new(other).unwrap_err();
    assert!(matches!(error, DetectorError::Interface { .. }));
    assert_eq!(error.to_string(), "other.onnx is not CenterFace: output 540 is missing");
    assert_eq!(StageError::from(error).class(), ErrorClass::Fatal);
}

#[test]
fn the_error_of_a_setting_names_its_range() {
    let settings = CenterFaceSettings { long_side: 7, ..small() };
    let error = CenterFace::with_settings(CenterFace::bundled_model().unwrap(), settings).unwrap_err();
    assert_eq!(error.to_string(), "long_side is 7, but must be 32 to 3840 pixels");
}

#[cfg(feature = "tract")]
#[test]
fn weights_from_a_file_equal_the_bundled_ones() {
    let _alone = alone();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/models/centerface_fp16.onnx");
    let settings = CenterFaceSettings { threshold: 1e-4, ..small() };
    let frames = [frame(0, noise(PixelLayout::Rgb8, 64, 48, 5))];
    let faces = |mut detector: CenterFace| detect(&mut detector, &frames).unwrap();
    let from_file = CenterFace::with_settings(Model::from_path(file).unwrap(), settings.clone()).unwrap();
    assert!(format!("{from_file:?}").contains("centerface_fp16.onnx"));
    assert_eq!(from_file.settings(), &settings);
    assert_eq!(faces(from_file), faces(bundled(&settings)));
    assert!(format!("{:?}", CenterFace::from_path(file).unwrap()).contains("centerface_fp16.onnx"));
}
