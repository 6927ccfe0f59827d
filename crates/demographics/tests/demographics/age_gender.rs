//! The default classifier on portraits, beside the answers of the original engines, and on views that show too little.
#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use passerby_demographics::{AgeGender, AgeGenderModels, ClassifierError, DlibAgeGender};
use passerby_testkit::{frame, suite};
use passerby_types::{
    BBox, ChipPool, Classifier, ColorSpace, Face, FaceChip, FrameSource, Image, Landmarks, PixelLayout, Point,
};

/// The answers of OpenCV and ONNX Runtime: `models/tools/golden_attributes.py`.
const GOLDEN: &str = include_str!("../data/portraits.json");

/// A face of a portrait, and the answers of the original engines.
struct GoldenFace {
    image: Image,
    face: Face,
    answers: serde_json::Value,
}

fn golden() -> Vec<GoldenFace> {
    let list: Vec<serde_json::Value> = serde_json::from_str(GOLDEN).unwrap();
    list.into_iter().map(GoldenFace::new).collect()
}

impl GoldenFace {
    fn new(answers: serde_json::Value) -> Self {
        let portraits = concat!(env!("CARGO_MANIFEST_DIR"), "/../capture/portraits");
        let path = format!("{portraits}/{}", answers["picture"].as_str().unwrap());
        let mut file = passerby_capture::open(&path).unwrap();
        let image = file.next_picture().unwrap().unwrap().image;
        let numbers = |value: &serde_json::Value| -> Vec<f32> {
            value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
        };
        let bbox = numbers(&answers["box"]);
        let points: Vec<Point> = answers["landmarks"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .map(|p| Point::new(p[0], p[1]))
            .collect();
        let face = Face::new(BBox::from_xywh(bbox[0], bbox[1], bbox[2], bbox[3]), 0.9)
            .with_landmarks(Landmarks(points.try_into().unwrap()));
        Self { image, face, answers }
    }

    fn answer(&self, key: &str) -> f32 {
        self.answers[key].as_f64().unwrap() as f32
    }

    /// Returns the portrait with its pixels replaced by those that `change` makes of its RGB bytes.
    fn changed(&self, change: impl Fn(&mut [u8], usize)) -> Image {
        let (width, height) = (self.image.width(), self.image.height());
        let mut bytes = self.image.to_rgb();
        change(&mut bytes, width as usize);
        Image::from_vec(PixelLayout::Rgb8, width, height, ColorSpace::JPEG, bytes).unwrap()
    }
}

/// Adds even noise of up to this many levels to each side.
fn add_noise(bytes: &mut [u8], levels: i32) {
    let mut state = 1_u32;
    for byte in bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = ((state >> 8) % (2 * levels as u32 + 1)) as i32 - levels;
        *byte = (i32::from(*byte) + noise).clamp(0, 255) as u8;
    }
}

/// Replaces each pixel by the mean of the square of this many pixels to each side.
fn blur(bytes: &mut [u8], width: usize, reach: usize) {
    for vertical in [false, true] {
        let before = bytes.to_vec();
        let height = before.len() / 3 / width;
        for (i, byte) in bytes.iter_mut().enumerate() {
            let (x, y, channel) = (i / 3 % width, i / 3 / width, i % 3);
            let (at, end) = if vertical { (y, height) } else { (x, width) };
            let span = at.saturating_sub(reach)..(at + reach + 1).min(end);
            let count = span.len() as u32;
            let value = |p: usize| {
                if vertical {
                    before[(p * width + x) * 3 + channel]
                } else {
                    before[(y * width + p) * 3 + channel]
                }
            };
            *byte = (span.map(|p| u32::from(value(p))).sum::<u32>() / count) as u8;
        }
    }
}

#[test]
fn it_keeps_the_contract_of_a_classifier() {
    suite::classifier(|| AgeGender::bundled().unwrap());
}

#[test]
fn the_estimates_equal_those_of_the_original_engines() {
    let mut classifier = AgeGender::bundled().unwrap();
    for golden in golden() {
        let found = classifier.classify_face(&golden.image, &golden.face).unwrap().unwrap();
        let years = 0.7 * golden.answer("faceres_years") + 0.3 * golden.answer("dlib_years");
        assert!((found.age.years - years).abs() < 0.5, "{}: {found:?}, {years}", golden.answers["picture"]);
        let deviation = golden.answer("faceres_deviation");
        assert!(
            (found.age.high - found.age.years - (1.81 * deviation - 0.8)).abs() < 0.5,
            "{found:?}, {deviation}"
        );
        assert!(
            (found.age.years - found.age.low - (5.7 + 0.46 * deviation)).abs() < 0.5,
            "{found:?}, {deviation}"
        );
        let p_male = (golden.answer("faceres_p_male") + golden.answer("dlib_p_male")) / 2.0;
        assert!((found.p_male - p_male).abs() < 0.02, "{}: {found:?}, {p_male}", golden.answers["picture"]);
    }
}

#[test]
fn the_light_estimates_equal_those_of_the_original_engine() {
    let mut classifier = DlibAgeGender::bundled().unwrap();
    for golden in golden() {
        let found = classifier.classify_face(&golden.image, &golden.face).unwrap().unwrap();
        assert!((found.age.years - golden.answer("dlib_years")).abs() < 0.5, "{found:?}");
        assert!((found.p_male - golden.answer("dlib_p_male")).abs() < 0.02, "{found:?}");
    }
}

#[test]
fn noise_leaves_the_answer_or_none() {
    let mut classifier = AgeGender::bundled().unwrap();
    let mut refused = 0;
    for golden in golden() {
        let clean = classifier.classify_face(&golden.image, &golden.face).unwrap().unwrap();
        for levels in [5, 10, 20, 40, 80] {
            let noisy = golden.changed(|bytes, _| add_noise(bytes, levels));
            let Some(found) = classifier.classify_face(&noisy, &golden.face).unwrap() else {
                refused += 1;
                continue;
            };
            let picture = &golden.answers["picture"];
            let is_same = clean.age.low <= found.age.years && found.age.years <= clean.age.high;
            assert!(is_same, "{picture}, {levels}: {found:?}, clean {clean:?}");
            let genders = [found.gender(0.8), clean.gender(0.8)];
            assert!(genders[0].is_none() || genders[0] == genders[1], "{picture}, {levels}: {genders:?}");
        }
    }
    assert!(
        (10..=20).contains(&refused),
        "strong noise has no answer, weak noise has one: {refused} of 25 refused"
    );
}

#[test]
fn a_face_out_of_focus_has_no_answer() {
    let mut classifier = AgeGender::bundled().unwrap();
    for golden in golden() {
        let reach = (golden.face.bbox.width() * 0.1) as usize;
        let blurred = golden.changed(|bytes, width| blur(bytes, width, reach));
        let found = classifier.classify_face(&blurred, &golden.face).unwrap();
        assert_eq!(found, None, "{}", golden.answers["picture"]);
    }
}

#[test]
fn a_small_face_has_no_answer() {
    let golden = &golden()[0];
    let landmarks = golden.face.landmarks;
    let small = Face { bbox: BBox::from_xywh(40.0, 40.0, 19.0, 30.0), landmarks, score: 0.9 };
    assert_eq!(AgeGender::bundled().unwrap().classify_face(&golden.image, &small).unwrap(), None);
}

#[test]
fn a_face_of_a_picture_classifies_like_its_chip() {
    let mut classifier = AgeGender::bundled().unwrap();
    for golden in golden() {
        let of_face = classifier.classify_face(&golden.image, &golden.face).unwrap().unwrap();
        let chip = FaceChip::cut(&frame(0, golden.image), &golden.face, &ChipPool::default()).unwrap();
        let of_chip = classifier.classify_one(&chip).unwrap().unwrap();
        assert!((of_face.age.years - of_chip.age.years).abs() < 0.2, "{of_face:?} {of_chip:?}");
        assert!((of_face.p_male - of_chip.p_male).abs() < 0.01, "{of_face:?} {of_chip:?}");
    }
}

#[test]
fn an_error_names_a_network_in_the_wrong_place() {
    let AgeGenderModels { faceres, age, gender } = AgeGenderModels::bundled().unwrap();
    let swapped = AgeGender::new(AgeGenderModels { faceres: age, age: faceres, gender });
    let error = swapped.unwrap_err();
    assert!(matches!(&error, ClassifierError::Model(_)), "{error}");
    assert!(error.to_string().contains("age-v1"), "{error}");
}
