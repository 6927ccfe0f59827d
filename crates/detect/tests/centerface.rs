//! CenterFace as a user of the crate sees it. How well it finds faces is tested over photographs in the root package.
#![cfg(feature = "bundled")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use passerby_detect::{CenterFace, CenterFaceSettings, DetectorError};
use passerby_inference::Model;
use passerby_testkit::{detect, frame, noise, suite, uniform};
use passerby_types::{ErrorClass, PixelLayout, StageError};

const WEIGHTS: &[u8] = include_bytes!("../models/centerface_fp16.onnx");

/// Networks are large and run on one core each: one test at a time keeps the memory and the noise low.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn small() -> CenterFaceSettings {
    CenterFaceSettings { long_side: 96, ..CenterFaceSettings::default() }
}

#[test]
fn it_is_a_detector() {
    let _alone = alone();
    suite::detector(|| CenterFace::bundled(&CenterFaceSettings::default()).unwrap());
}

#[test]
fn it_is_a_detector_that_reports_anything_too() {
    let _alone = alone();
    // At a threshold of nearly 0 noise is full of faces: what the suite asks of their order and numbers is asked.
    let settings = CenterFaceSettings { threshold: 1e-4, nms_iou: 1.0, max_faces: usize::MAX, ..small() };
    suite::detector(|| CenterFace::bundled(&settings).unwrap());
    let frames = [frame(0, noise(PixelLayout::Rgb8, 96, 64, 3))];
    let faces = detect(&mut CenterFace::bundled(&settings).unwrap(), &frames).unwrap();
    assert!(faces[0].len() > 10, "{} faces", faces[0].len());

    let few = CenterFaceSettings { max_faces: 3, ..settings };
    let best = detect(&mut CenterFace::bundled(&few).unwrap(), &frames).unwrap();
    assert_eq!(best[0], faces[0][..3]);
}

#[test]
fn pictures_of_any_size_and_shape_are_fine() {
    let _alone = alone();
    let sizes = [(1, 1), (2, 2), (3840, 2), (2, 3840), (7680, 4320), (32_768, 1)];
    for settings in [small(), CenterFaceSettings::default()] {
        let mut detector = CenterFace::bundled(&settings).unwrap();
        for layout in [PixelLayout::I420, PixelLayout::Gray8] {
            for (w, h) in sizes {
                let faces = detect(&mut detector, &[frame(0, uniform(layout, w, h, 128))]).unwrap();
                assert_eq!(faces, [[]], "{w}x{h}: grey is no face");
            }
        }
    }
}

#[test]
fn a_stream_that_changes_its_shape_at_every_frame_is_fine() {
    let _alone = alone();
    let settings = CenterFaceSettings { long_side: 320, ..CenterFaceSettings::default() };
    let mut detector = CenterFace::bundled(&settings).unwrap();
    // Ten input shapes, two more than an instance keeps sessions for.
    let frames: Vec<_> =
        (1..=10).map(|n| frame(n, noise(PixelLayout::Nv12, 32 * n as u32, 320, n))).collect();
    let first = detect(&mut detector, &frames).unwrap();
    let again = detect(&mut detector, &frames).unwrap();
    assert_eq!(first, again);
}

#[test]
fn what_is_not_centerface_is_told_by_name() {
    let told = |result: Result<CenterFace, DetectorError>| result.unwrap_err().to_string();

    let missing = told(CenterFace::from_path("no/such/file.onnx", &small()));
    assert!(missing.contains("no/such/file.onnx"), "{missing}");

    let folder = std::env::temp_dir();
    let half = folder.join(format!("passerby-detect-{}-half.onnx", std::process::id()));
    std::fs::write(&half, &WEIGHTS[..WEIGHTS.len() / 2]).unwrap();
    let damaged = told(CenterFace::from_path(&half, &small()));
    std::fs::remove_file(&half).unwrap();
    assert!(damaged.contains("half.onnx"), "{damaged}");

    let mut renamed = WEIGHTS.to_vec();
    let at: Vec<usize> = (0..renamed.len() - 3).filter(|&i| &renamed[i..i + 3] == b"540").collect();
    for i in at {
        renamed[i + 2] = b'x';
    }
    let other = Model::from_bytes("other.onnx", renamed).unwrap();
    let error = CenterFace::new(other, &small()).unwrap_err();
    assert!(matches!(error, DetectorError::Interface { .. }));
    assert_eq!(error.to_string(), "other.onnx: not CenterFace: no output 540");
    assert_eq!(StageError::from(error).class(), ErrorClass::Fatal);

    let settings = CenterFaceSettings { long_side: 7, ..small() };
    let setting = told(CenterFace::bundled(&settings));
    assert_eq!(setting, "long_side 7 is outside 32 to 3840 pixels");
}

#[test]
fn weights_from_a_file_are_the_bundled_ones() {
    let _alone = alone();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/models/centerface_fp16.onnx");
    let settings = CenterFaceSettings { threshold: 1e-4, ..small() };
    let frames = [frame(0, noise(PixelLayout::Rgb8, 64, 48, 5))];
    let faces = |mut detector: CenterFace| detect(&mut detector, &frames).unwrap();
    let (a, b) = (CenterFace::from_path(file, &settings).unwrap(), CenterFace::bundled(&settings).unwrap());
    assert!(format!("{a:?}").contains("centerface_fp16.onnx"));
    assert_eq!(a.settings(), &settings);
    assert_eq!(faces(a), faces(b));
}
