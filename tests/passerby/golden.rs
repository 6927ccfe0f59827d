//! Compares the whole chain on photographs - detect, align, embed, age, gender - with the reference chain's answers
//! (`models/tools/golden.py`: onnxruntime and OpenCV), and YuNet with OpenCV's own (`models/tools/golden_yunet.py`). The limits
//! are those of `models/README.md`.
#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed expectation is a failed test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use passerby::demographics::DlibAgeGender;
use passerby::detect::{CenterFace, CenterFaceSettings, YuNet, YuNetSettings};
use passerby::reid::MobileFaceNet;
use passerby::types::{BBox, ChipPool, Embedding, Face, FaceChip, Frame, Image, Landmarks, Point};
use passerby_testkit::{classify, detect, embed};
use serde::Deserialize;

/// The reference chain's answer for one photograph.
#[derive(Deserialize)]
struct Golden {
    image: String,
    /// Width and height.
    size: [u32; 2],
    faces: Vec<GoldenFace>,
}

#[derive(Deserialize)]
struct GoldenFace {
    /// Left, top, right, bottom.
    #[serde(rename = "box")]
    corners: [f32; 4],
    landmarks: [[f32; 2]; 5],
    age: f32,
    p_male: f32,
    embedding: Vec<f32>,
}

/// OpenCV's detections in one photograph.
#[derive(Deserialize)]
struct GoldenDetections {
    image: String,
    faces: Vec<GoldenDetection>,
}

#[derive(Deserialize)]
struct GoldenDetection {
    /// Left, top, right, bottom.
    #[serde(rename = "box")]
    corners: [f32; 4],
    score: f32,
    landmarks: [[f32; 2]; 5],
}

/// The difference between an answer and the reference's.
#[derive(Debug)]
struct Distance {
    iou: f32,
    /// The distance of the farthest landmark, divided by the width of the box.
    landmark: f32,
    cosine: f32,
    years: f32,
    same_gender: bool,
}

impl Distance {
    fn is_close(&self) -> bool {
        self.iou >= 0.9
            && self.landmark <= 0.03
            && self.cosine >= 0.99
            && self.years <= 2.0
            && self.same_gender
    }
}

struct Chain {
    detector: CenterFace,
    embedder: MobileFaceNet,
    classifier: DlibAgeGender,
}

impl Chain {
    fn new() -> Self {
        // The settings of the reference run: photographs are larger than a camera's faces.
        let settings = CenterFaceSettings { long_side: 640, threshold: 0.5, ..CenterFaceSettings::default() };
        Self {
            detector: CenterFace::with_settings(CenterFace::bundled_model().unwrap(), settings).unwrap(),
            embedder: MobileFaceNet::bundled().unwrap(),
            classifier: DlibAgeGender::bundled().unwrap(),
        }
    }

    fn distance(&mut self, frame: &Frame, face: &Face, golden: &GoldenFace) -> Distance {
        let chip = [FaceChip::cut(frame, face, &ChipPool::default()).unwrap()];
        let embedding = embed(&mut self.embedder, &chip).unwrap().remove(0).expect("an embedding");
        let attributes = classify(&mut self.classifier, &chip).unwrap().remove(0).expect("attributes");

        let (iou, landmark) = box_and_landmarks(face, golden.corners, golden.landmarks);
        Distance {
            iou,
            landmark,
            cosine: embedding.cosine(&Embedding::new(golden.embedding.clone()).unwrap()),
            years: (attributes.age.years - golden.age).abs(),
            same_gender: (attributes.p_male > 0.5) == (golden.p_male > 0.5),
        }
    }

    /// Compares the chain with every photograph of a golden file.
    fn assert_close(&mut self, golden: &Path, photographs: &Path) {
        let entries: Vec<Golden> = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
        assert!(entries.len() >= 5, "{} photographs in {}", entries.len(), golden.display());
        for entry in entries {
            let image = picture(&photographs.join(&entry.image));
            assert_eq!([image.width(), image.height()], entry.size, "{}", entry.image);
            let frame = Frame { meta: passerby_testkit::meta(0, 0), image: Arc::new(image) };
            let faces = detect(&mut self.detector, std::slice::from_ref(&frame)).unwrap().remove(0);
            assert_eq!(faces.len(), entry.faces.len(), "faces in {}", entry.image);
            for (face, golden) in faces.iter().zip(&entry.faces) {
                let distance = self.distance(&frame, face, golden);
                println!("{}: {distance:.4?}", entry.image);
                assert!(distance.is_close(), "{}: {distance:?}", entry.image);
            }
        }
    }
}

/// Returns the intersection over union of the boxes, and the distance of the farthest landmark divided by the width of the box.
fn box_and_landmarks(face: &Face, corners: [f32; 4], golden: [[f32; 2]; 5]) -> (f32, f32) {
    let [x1, y1, x2, y2] = corners;
    let Landmarks(landmarks) = face.landmarks.expect("landmarks");
    let off = landmarks.iter().zip(golden).map(|(p, [x, y])| p.distance(Point::new(x, y)));
    (face.bbox.iou(&BBox::new(x1, y1, x2, y2)), off.fold(0.0, f32::max) / (x2 - x1))
}

fn picture(path: &Path) -> Image {
    let mut source = passerby::capture::open(path).unwrap();
    source.next_picture().unwrap().expect("a picture").image
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_bundled_portraits_match_the_reference() {
    let portraits = repository().join("crates/capture/portraits");
    Chain::new().assert_close(&repository().join("tests/golden/portraits.json"), &portraits);
}

#[test]
fn the_full_size_photographs_match_the_reference() {
    let Some(shared) = passerby_testkit::shared("golden") else {
        return;
    };
    let portraits = shared.join("data/portraits");
    Chain::new().assert_close(&portraits.join("golden.json"), &portraits);
}

#[test]
fn yunet_finds_the_faces_that_opencv_finds() {
    let golden = std::fs::read_to_string(repository().join("tests/golden/yunet.json")).unwrap();
    let golden: Vec<GoldenDetections> = serde_json::from_str(&golden).unwrap();
    assert_eq!(golden.len(), 5);
    // The settings of the reference run.
    let settings =
        YuNetSettings { long_side: Some(640), threshold: 0.6, second_looks: 0, ..YuNetSettings::default() };
    let mut detector = YuNet::with_settings(YuNet::bundled_model().unwrap(), settings).unwrap();
    for entry in golden {
        let image = picture(&repository().join("crates/capture/portraits").join(&entry.image));
        let faces = detector.detect_image(&image).unwrap();
        assert_eq!(faces.len(), entry.faces.len(), "faces in {}", entry.image);
        for (face, golden) in faces.iter().zip(&entry.faces) {
            let (iou, landmark) = box_and_landmarks(face, golden.corners, golden.landmarks);
            let score = (face.score - golden.score).abs();
            assert!(
                iou > 0.95 && landmark < 0.015 && score < 0.01,
                "{}: {iou} {landmark} {score}",
                entry.image
            );
        }
    }
}
