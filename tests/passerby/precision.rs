//! `Precision::Int8` gives the same as `Precision::Float`: the same faces, with scores as high, and embeddings that
//! tell people apart as well.
#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed expectation is a failed test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use passerby::detect::{CenterFace, CenterFaceSettings};
use passerby::inference::{Backend, Model, ModelError, Precision};
use passerby::reid::MobileFaceNet;
use passerby::track::Sort;
use passerby::types::{ChipPool, Embedding, Face, FaceChip, Frame, TrackId};
use passerby_testkit::{detect, embed, track};

/// The smallest width at which the pipeline embeds a face.
const MIN_WIDTH: f32 = 30.0;
/// Cosines from which two faces count as one person: for one view of each, and those of the table in
/// `models/README.md` for one false answer in a thousand pairs and in ten thousand.
const THRESHOLDS: [f32; 3] = [0.375, 0.45, 0.53];
/// The number of views that a track must have to count.
const MIN_VIEWS: usize = 3;

/// The clips of `shared/data/clips` that have faces.
const CLIPS: [&str; 4] = ["classroom4", "headpose_fm", "walk2", "walkpause3"];

/// Both precisions of both networks.
struct Pair {
    detectors: [CenterFace; 2],
    embedders: [MobileFaceNet; 2],
}

/// The results of both precisions on some pictures.
#[derive(Default)]
struct Comparison {
    /// The faces in float with a score above the threshold, the number of them that int8 found, and the number of its
    /// other faces.
    faces: usize,
    found: usize,
    others: usize,
    ious: Vec<f32>,
    /// The embeddings of one face in both precisions, from the same pixels.
    embeddings: Vec<[Embedding; 2]>,
}

impl Pair {
    fn new(long_side: u32, threshold: f32) -> Self {
        let detector = |precision| {
            let settings =
                CenterFaceSettings { long_side, threshold, precision, ..CenterFaceSettings::default() };
            CenterFace::with_settings(CenterFace::bundled_model().unwrap(), settings).unwrap()
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

    /// Observes every `every`-th picture of a file or folder.
    fn compare(&mut self, path: &Path, every: u64, seen: &mut Comparison) {
        frames(path, every, |frame| self.frame(frame, seen));
    }

    /// Returns the embedding of one face in both precisions, from the same pixels.
    fn embed(&mut self, frame: &Frame, face: &Face) -> Option<[Embedding; 2]> {
        let chip = [FaceChip::cut(frame, face, &ChipPool::default()).unwrap()];
        let [float, int8] =
            self.embedders.each_mut().map(|embedder| embed(embedder, &chip).unwrap().remove(0));
        Some([float?, int8?])
    }

    /// Returns the tracks of a file, detected in float: the width of the smallest face, and the embeddings in both
    /// precisions.
    fn tracks(&mut self, path: &Path) -> Vec<(f32, Vec<[Embedding; 2]>)> {
        let mut tracker = Sort::default();
        let mut tracks: BTreeMap<TrackId, (f32, Vec<[Embedding; 2]>)> = BTreeMap::new();
        frames(path, 1, |frame| {
            let faces = detect(&mut self.detectors[0], std::slice::from_ref(frame)).unwrap().remove(0);
            for tracked in track(&mut tracker, &frame.meta, Some(&faces)).tracks {
                let Some(face) = tracked.face else { continue };
                if let Some(both) = self.embed(frame, &face) {
                    let (width, views) = tracks.entry(tracked.track).or_insert((f32::INFINITY, Vec::new()));
                    *width = width.min(face.bbox.width());
                    views.push(both);
                }
            }
        });
        tracks.into_values().filter(|(_, views)| views.len() >= MIN_VIEWS).collect()
    }

    fn frame(&mut self, frame: &Frame, seen: &mut Comparison) {
        let frames = std::slice::from_ref(frame);
        let [float, int8] =
            self.detectors.each_mut().map(|detector| detect(detector, frames).unwrap().remove(0));
        seen.faces += float.len();
        for face in &float {
            let iou = |other: &Face| face.bbox.iou(&other.bbox);
            let best = int8.iter().map(iou).fold(0.0, f32::max);
            if best > 0.5 {
                seen.found += 1;
                seen.ious.push(best);
            }
            if face.bbox.width() >= MIN_WIDTH {
                seen.embeddings.extend(self.embed(frame, face));
            }
        }
        seen.others +=
            int8.iter().filter(|other| float.iter().all(|face| face.bbox.iou(&other.bbox) <= 0.5)).count();
    }
}

impl Comparison {
    fn assert_close(&self, what: &str) {
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
        let cosines: Vec<f32> = self.embeddings.iter().map(|[float, int8]| float.cosine(int8)).collect();
        let iou = mean(&self.ious);
        let cosine = mean(&cosines);
        println!(
            "{what}: {} faces in float, {} of them in int8, {} others, box IoU {iou:.4}; {} embeddings, cosine {cosine:.4}",
            self.faces,
            self.found,
            self.others,
            cosines.len(),
        );
        assert!(self.faces > 4 && cosines.len() > 4, "{what}: too few faces");
        // The limits are half a point of recall and as many false faces.
        assert!(self.found as f32 >= 0.995 * self.faces as f32, "{what}: faces are missed");
        assert!(self.others as f32 <= 0.005 * self.faces as f32, "{what}: int8 found other faces");
        assert!(iou >= 0.97, "{what}: boxes of IoU {iou}");
        assert!(cosine >= 0.99, "{what}: a cosine of {cosine}");
    }
}

/// Returns each pair's cosine in float and in int8.
fn pairs(embeddings: &[[Embedding; 2]]) -> impl Iterator<Item = (f32, f32)> {
    let pairs =
        embeddings.iter().enumerate().flat_map(move |(i, a)| embeddings[..i].iter().map(move |b| (a, b)));
    pairs.map(|([a, int8_a], [b, int8_b])| (a.cosine(b), int8_a.cosine(int8_b)))
}

/// Returns the number of pairs that are one person in one precision and two in the other, at this threshold.
fn changed(embeddings: &[[Embedding; 2]], same: f32) -> usize {
    pairs(embeddings).filter(|(float, int8)| (*float >= same) != (*int8 >= same)).count()
}

/// Returns how much larger the cosine of each pair is in int8.
fn moves(embeddings: &[[Embedding; 2]]) -> Vec<f32> {
    pairs(embeddings).map(|(float, int8)| int8 - float).collect()
}

/// Calls `each` for every `every`-th picture of a file or folder.
fn frames(path: &Path, every: u64, mut each: impl FnMut(&Frame)) {
    let mut source = passerby::capture::open(path).unwrap();
    let mut seq = 0;
    while let Some(picture) = source.next_picture().unwrap() {
        if seq % every == 0 {
            each(&Frame { meta: passerby_testkit::meta(0, seq), image: Arc::new(picture.image) });
        }
        seq += 1;
    }
}

/// Returns the mean direction of several views of one face, in both precisions.
fn mean(views: &[[Embedding; 2]]) -> [Embedding; 2] {
    [0, 1].map(|precision| {
        let mut sum = vec![0.0; MobileFaceNet::LENGTH];
        for view in views {
            sum.iter_mut().zip(view[precision].as_slice()).for_each(|(sum, x)| *sum += x);
        }
        Embedding::new(sum).unwrap()
    })
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn int8_matches_float_on_the_bundled_pictures() {
    let mut photographs = Comparison::default();
    Pair::new(640, 0.5).compare(&repository().join("crates/capture/portraits"), 1, &mut photographs);
    photographs.assert_close("portraits");
    assert_eq!(changed(&photographs.embeddings, THRESHOLDS[0]), 0, "a pair of photographs changes sides");
    let mut clip = Comparison::default();
    Pair::new(480, 0.4).compare(&repository().join("assets/passersby.mp4"), 10, &mut clip);
    clip.assert_close("the bundled clip");
}

#[test]
fn int8_matches_float_on_real_clips() {
    let Some(shared) = passerby_testkit::shared("precision") else {
        return;
    };
    let mut seen = Comparison::default();
    let mut pair = Pair::new(480, 0.4);
    for clip in CLIPS {
        pair.compare(&shared.join(format!("data/clips/{clip}.mp4")), 2, &mut seen);
    }
    seen.assert_close("four real clips");
}

/// Compares pairs of photographs, and of the clips' tracks at each size of the detector's input. The detector runs in
/// float, so that both embedders see the same faces.
#[test]
fn int8_tells_the_same_people_apart() {
    let Some(shared) = passerby_testkit::shared("precision of pairs") else {
        return;
    };
    let mut photographs = Comparison::default();
    Pair::new(640, 0.5).compare(&shared.join("data/portraits"), 1, &mut photographs);
    assert_eq!(photographs.embeddings.len(), 7, "photographs");
    let mut figures = Vec::new();
    for long_side in [320, 480, 640] {
        let mut large = photographs.embeddings.clone();
        let mut small = Vec::new();
        let mut views = large.clone();
        let mut pair = Pair::new(long_side, 0.4);
        for clip in CLIPS {
            for (width, track) in pair.tracks(&shared.join(format!("data/clips/{clip}.mp4"))) {
                if width >= MIN_WIDTH { &mut large } else { &mut small }.push(mean(&track));
                views.extend(track);
            }
        }
        let cosine = views.iter().map(|[float, int8]| float.cosine(int8)).sum::<f32>() / views.len() as f32;
        let all = [&large[..], &small].concat();
        let [of_large, of_all] = [&large, &all].map(|faces| THRESHOLDS.map(|same| changed(faces, same)));
        let moved = moves(&all);
        let rms = (moved.iter().map(|d| d * d).sum::<f32>() / moved.len() as f32).sqrt();
        let most = moved.iter().fold(0.0_f32, |most, d| most.max(d.abs()));
        println!(
            "detector at {long_side}: 7 photographs and {} tracks, {} of them of smaller faces; {} pairs, cosines move by {rms:.4} \
             (root mean square), {most:.4} at most; at {THRESHOLDS:?} {of_all:?} change sides, {of_large:?} without the smaller faces; \
             {} views, cosine {cosine:.4}",
            all.len() - 7,
            small.len(),
            moved.len(),
            views.len(),
        );
        figures.push((moved.len(), of_all, cosine));
    }
    for (pairs, changed, cosine) in figures {
        assert!(pairs >= 100, "too few pairs");
        assert_eq!(changed, [0; 3], "pairs change sides");
        // The cosine is at least 0.9993 with a range for each channel, and at most 0.9953 with one range for all.
        assert!(cosine >= 0.998, "a cosine of {cosine}");
    }
}

#[test]
fn a_network_without_ranges_is_refused_in_int8() {
    let weights = repository().join("crates/detect/models/centerface_fp16.onnx");
    let settings = CenterFaceSettings { precision: Precision::Int8, ..CenterFaceSettings::default() };
    let error =
        CenterFace::with_settings(Model::from_path(weights).unwrap(), settings).unwrap_err().to_string();
    assert!(error.contains("centerface_fp16.onnx") && error.contains("calibrate"), "{error}");
}

#[test]
fn ranges_of_another_network_are_refused_by_the_session() {
    let other =
        std::fs::read_to_string(repository().join("crates/reid/models/mobilefacenet.ranges")).unwrap();
    let model = CenterFace::bundled_model().unwrap().with_ranges(&other).unwrap();
    let error = model.with_precision(Precision::Int8).unwrap().session([3, 64, 96]).unwrap_err();
    assert!(matches!(error, ModelError::Ranges { .. }), "{error}");
}

#[test]
fn a_text_without_ranges_is_refused() {
    assert!(CenterFace::bundled_model().unwrap().with_ranges("no ranges").is_err());
}
