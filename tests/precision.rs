//! `Precision::Int8` sees what `Precision::Float` sees: the same faces, found as surely, and embeddings that are as good to
//! tell people apart by.
#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed expectation is a failed test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use passerby::detect::{CenterFace, CenterFaceSettings};
use passerby::inference::{Backend, ModelError, Precision};
use passerby::reid::MobileFaceNet;
use passerby::types::{Detector, Embedder, Embedding, Face, FaceChip, Frame, FramePool};

/// Faces below this are not embedded by the pipeline.
const SMALLEST: f32 = 30.0;
/// The table of `models/README.md`: the same person from here on, for one look at each.
const SAME: f32 = 0.375;

/// Both precisions of both networks.
struct Pair {
    detectors: [CenterFace; 2],
    embedders: [MobileFaceNet; 2],
}

/// What became of some pictures.
#[derive(Default)]
struct Seen {
    /// Faces in float with a score above the threshold, those of them that int8 found, and its others.
    faces: usize,
    found: usize,
    others: usize,
    ious: Vec<f32>,
    /// The embeddings of one face in both, of the same pixels.
    embeddings: Vec<[Embedding; 2]>,
}

impl Pair {
    fn new(long_side: u32, threshold: f32) -> Self {
        let detector = |precision| {
            let settings =
                CenterFaceSettings { long_side, threshold, precision, ..CenterFaceSettings::default() };
            CenterFace::bundled(&settings).unwrap()
        };
        let embedder = |precision| {
            let model = MobileFaceNet::bundled_model().unwrap().with_precision(precision).unwrap();
            let session = model.session([3, 112, 112]).unwrap();
            let Backend::Cnn { isa, precision: p } = session.backend() else { panic!("{session:?}") };
            assert!(*p == precision || *isa == "portable", "{session:?}");
            MobileFaceNet::new(model).unwrap()
        };
        let both = [Precision::Float, Precision::Int8];
        Self { detectors: both.map(detector), embedders: both.map(embedder) }
    }

    /// Every `every`-th picture of a file or folder.
    fn look(&mut self, path: &Path, every: u64, seen: &mut Seen) {
        let mut source = passerby::capture::open(path).unwrap();
        let mut seq = 0;
        while let Some(picture) = source.next_picture().unwrap() {
            if seq % every == 0 {
                let frame = Frame { meta: passerby_testkit::meta(0, seq), image: Arc::new(picture.image) };
                self.frame(&frame, seen);
            }
            seq += 1;
        }
    }

    fn frame(&mut self, frame: &Frame, seen: &mut Seen) {
        let frames = std::slice::from_ref(frame);
        let [float, int8] =
            self.detectors.each_mut().map(|detector| detector.detect(frames).unwrap().remove(0));
        seen.faces += float.len();
        for face in &float {
            let iou = |other: &Face| face.bbox.iou(&other.bbox);
            let best = int8.iter().map(iou).fold(0.0, f32::max);
            if best > 0.5 {
                seen.found += 1;
                seen.ious.push(best);
            }
            if face.bbox.width() >= SMALLEST {
                let chip = [FaceChip::cut(frame, face, &FramePool::default()).unwrap()];
                let embed = |embedder: &mut MobileFaceNet| embedder.embed(&chip).unwrap().remove(0);
                if let [Some(float), Some(int8)] = self.embedders.each_mut().map(embed) {
                    seen.embeddings.push([float, int8]);
                }
            }
        }
        seen.others +=
            int8.iter().filter(|other| float.iter().all(|face| face.bbox.iou(&other.bbox) <= 0.5)).count();
    }
}

impl Seen {
    fn hold(&self, what: &str) {
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
        let cosines: Vec<f32> = self.embeddings.iter().map(|[float, int8]| float.cosine(int8)).collect();
        let (iou, cosine) = (mean(&self.ious), mean(&cosines));
        println!(
            "{what}: {} faces in float, {} of them in int8, {} others, box IoU {iou:.4}; {} embeddings, cosine {cosine:.4}",
            self.faces,
            self.found,
            self.others,
            cosines.len(),
        );
        assert!(self.faces > 4 && cosines.len() > 4, "{what}: too few faces to say anything");
        // Half a point of recall and as many false faces.
        assert!(self.found as f32 >= 0.995 * self.faces as f32, "{what}: faces are missed");
        assert!(self.others as f32 <= 0.005 * self.faces as f32, "{what}: faces are made up");
        assert!(iou >= 0.97, "{what}: boxes of IoU {iou}");
        assert!(cosine >= 0.99, "{what}: a cosine of {cosine}");
    }

    /// How many pairs are one person in one precision and two in the other, and how many there are.
    fn sides(&self) -> (usize, usize) {
        let (mut changed, mut all) = (0, 0);
        for (i, a) in self.embeddings.iter().enumerate() {
            for b in &self.embeddings[..i] {
                let [float, int8] = [0, 1].map(|precision| a[precision].cosine(&b[precision]) >= SAME);
                changed += usize::from(float != int8);
                all += 1;
            }
        }
        (changed, all)
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn bytes_see_the_same_people_in_what_is_bundled() {
    let mut photographs = Seen::default();
    Pair::new(640, 0.5).look(&repository().join("crates/capture/portraits"), 1, &mut photographs);
    photographs.hold("portraits");
    assert_eq!(photographs.sides().0, 0, "a pair of photographs changes sides");
    let mut clip = Seen::default();
    Pair::new(480, 0.4).look(&repository().join("assets/passersby.mp4"), 10, &mut clip);
    clip.hold("the bundled clip");
}

#[test]
fn bytes_see_the_same_people_in_real_clips() {
    let Some(shared) = passerby_testkit::shared("precision") else {
        return;
    };
    let mut seen = Seen::default();
    let mut pair = Pair::new(480, 0.4);
    for clip in ["classroom4", "headpose_fm", "walk2", "walkpause3"] {
        pair.look(&shared.join(format!("data/clips/{clip}.mp4")), 2, &mut seen);
    }
    seen.hold("four real clips");
}

#[test]
fn a_network_without_ranges_is_refused_in_bytes() {
    let weights = repository().join("crates/detect/models/centerface_fp16.onnx");
    let settings = CenterFaceSettings { precision: Precision::Int8, ..CenterFaceSettings::default() };
    let error = CenterFace::from_path(weights, &settings).unwrap_err().to_string();
    assert!(error.contains("centerface_fp16.onnx") && error.contains("calibrate"), "{error}");

    // Ranges of another network show when a session is made.
    let other =
        std::fs::read_to_string(repository().join("crates/reid/models/mobilefacenet.ranges")).unwrap();
    let model = CenterFace::bundled_model().unwrap().with_ranges(&other).unwrap();
    let error = model.clone().with_precision(Precision::Int8).unwrap().session([3, 64, 96]).unwrap_err();
    assert!(matches!(error, ModelError::Ranges { .. }), "{error}");
    assert!(model.with_ranges("no ranges").is_err());
}
