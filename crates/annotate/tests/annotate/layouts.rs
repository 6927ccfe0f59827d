//! Drawing on every layout, size and stride, with boxes of every kind.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use passerby_annotate::{AnnotateSettings, Annotator};
use passerby_testkit::{LAYOUTS, color_of, noise};
use passerby_types::{
    Age, Attributes, BBox, Face, Identity, Image, Landmarks, ObservedFace, PersonId, PixelLayout, Point,
    TrackState,
};
use proptest::prelude::*;

/// The colour of person 1.
const ORANGE: [u8; 3] = [230, 159, 0];
const SIZES: [(u32, u32); 7] = [(1, 1), (2, 3), (16, 16), (33, 17), (161, 91), (640, 360), (3840, 2160)];

fn person(id: u64, bbox: BBox) -> ObservedFace {
    ObservedFace {
        identity: Identity::Person { id: PersonId(id), similarity: 0.8 },
        attributes: Some(Attributes { age: Age { years: 42.0, low: 36.0, high: 48.0 }, p_male: 0.95 }),
        ..ObservedFace::new(id, bbox)
    }
}

/// Returns a box in the middle third of a picture.
fn middle(width: u32, height: u32) -> BBox {
    let w = width as f32;
    let h = height as f32;
    BBox::new(w / 3.0, h / 3.0, w * 2.0 / 3.0, h * 2.0 / 3.0)
}

#[test]
fn a_box_leaves_its_face_and_the_rest_of_the_picture_as_they_are() {
    let settings = AnnotateSettings { labels: false, ..AnnotateSettings::default() };
    for layout in LAYOUTS {
        for (width, height) in SIZES {
            let before = noise(layout, width, height, 7);
            let mut after = before.clone();
            let bbox = middle(width, height);
            Annotator::new(settings).draw(&mut after, &[person(1, bbox)]);
            // No line is thicker than 6 pixels at these sizes, a corner has twice that, and even edges add one.
            let reach = 13.0;
            let step = (width / 200).max(1) as usize;
            for y in (0..height).step_by(step) {
                for x in (0..width).step_by(step) {
                    let (fx, fy) = (x as f32, y as f32);
                    let in_face = (bbox.x1..=bbox.x2).contains(&fx) && (bbox.y1..=bbox.y2).contains(&fy);
                    let is_far = fx < bbox.x1 - reach
                        || fx > bbox.x2 + reach
                        || fy < bbox.y1 - reach
                        || fy > bbox.y2 + reach;
                    let got = after.rgb_at(x, y);
                    if in_face || is_far {
                        assert_eq!(got, before.rgb_at(x, y), "{layout:?} {width}x{height} at {x} {y}");
                    } else if got != before.rgb_at(x, y) && layout != PixelLayout::Gray8 {
                        let is_orange = got.iter().zip(ORANGE).all(|(a, b)| a.abs_diff(b) <= 2);
                        assert!(is_orange, "{layout:?} {width}x{height} at {x} {y}: {got:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_layout_shows_a_line_left_of_the_box() {
    for layout in LAYOUTS {
        let mut image = noise(layout, 640, 360, 7);
        Annotator::new(AnnotateSettings::default())
            .draw(&mut image, &[person(1, BBox::new(200.0, 100.0, 299.0, 219.0))]);
        let got = image.rgb_at(199, 160);
        let luma = (0.299 * 230.0 + 0.587 * 159.0_f32).round() as u8;
        let want = if layout == PixelLayout::Gray8 { [luma; 3] } else { ORANGE };
        assert!(got.iter().zip(want).all(|(a, b)| a.abs_diff(b) <= 2), "{layout:?} {got:?}");
    }
}

#[test]
fn labels_of_a_crowd_hide_no_other_label() {
    // Four faces in a row with room around them.
    let faces: Vec<ObservedFace> =
        (0..4).map(|i| person(i + 1, BBox::from_xywh(40.0 + 150.0 * i as f32, 150.0, 60.0, 80.0))).collect();
    let grey = passerby_testkit::uniform(PixelLayout::Rgb8, 640, 360, 90);
    let mut annotator = Annotator::new(AnnotateSettings { boxes: false, ..AnnotateSettings::default() });
    let plate_pixels =
        |image: &Image| image.to_rgb().chunks_exact(3).filter(|pixel| **pixel != [90; 3]).count();
    let mut all = grey.clone();
    annotator.draw(&mut all, &faces);
    let alone = faces.iter().map(|face| {
        let mut one = grey.clone();
        annotator.draw(&mut one, std::slice::from_ref(face));
        plate_pixels(&one)
    });
    assert_eq!(plate_pixels(&all), alone.sum::<usize>());
}

#[test]
fn a_tentative_track_is_drawn_only_if_asked_for_but_always_blurred() {
    let face = ObservedFace { state: TrackState::Tentative, ..person(1, BBox::new(20.0, 20.0, 40.0, 40.0)) };
    let before = noise(PixelLayout::Rgb8, 80, 60, 3);
    let draw = |settings| {
        let mut image = before.clone();
        Annotator::new(settings).draw(&mut image, std::slice::from_ref(&face));
        image.to_rgb() != before.to_rgb()
    };
    assert!(!draw(AnnotateSettings::default()));
    assert!(draw(AnnotateSettings { tentative: true, ..AnnotateSettings::default() }));
    assert!(draw(AnnotateSettings { blur: true, ..AnnotateSettings::default() }));
}

#[test]
fn a_clone_of_the_picture_stays_as_it_is() {
    let before = noise(PixelLayout::Nv12, 64, 48, 3);
    let bytes = before.to_rgb();
    let mut after = before.clone();
    Annotator::new(AnnotateSettings::default()).draw(&mut after, &[person(1, middle(64, 48))]);
    assert_eq!(before.to_rgb(), bytes);
}

#[test]
fn a_trail_has_the_last_places_of_a_track_that_still_lives() {
    let settings = AnnotateSettings { boxes: false, labels: false, trail: 3, ..AnnotateSettings::default() };
    let mut annotator = Annotator::new(settings);
    let mut dots = |faces: &[ObservedFace]| {
        let mut image = passerby_testkit::uniform(PixelLayout::Rgb8, 640, 360, 90);
        annotator.draw(&mut image, faces);
        let is_dot = |x: &u32| image.rgb_at(*x, 100) != [90; 3];
        (0..640).step_by(20).filter(is_dot).collect::<Vec<u32>>()
    };
    let at = |x: f32| person(1, BBox::from_xywh(x - 20.0, 80.0, 40.0, 40.0));
    assert_eq!(dots(&[at(100.0)]), [100]);
    assert_eq!(dots(&[at(200.0)]), [100, 200]);
    assert_eq!(dots(&[at(300.0)]), [100, 200, 300]);
    assert_eq!(dots(&[at(400.0)]), [200, 300, 400]);
    assert_eq!(dots(&[]), [0_u32; 0]);
    assert_eq!(dots(&[at(500.0)]), [500]);
}

/// A coordinate of a box: inside, outside, or no place at all.
fn coordinate() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -100f32..300.0,
        1 => prop::sample::select(&[f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, 1e9, -1e9][..]),
    ]
}

proptest! {
    #[test]
    fn no_box_panics_or_writes_between_the_rows(
        layout in prop::sample::select(&LAYOUTS[..]), width in 1u32..200, height in 1u32..200, pad in 0usize..9,
        boxes in prop::collection::vec(prop::array::uniform4(coordinate()), 0..6),
        points in prop::array::uniform10(coordinate()), blur: bool, scale in 0f32..10.0,
    ) {
        let mut offsets = [0; 3];
        let mut strides = [0; 3];
        let mut len = 0;
        let mut is_pixel = Vec::new();
        for plane in 0..layout.planes() {
            let (row, rows) = layout.plane_size(plane, width, height);
            offsets[plane] = len + pad;
            strides[plane] = row + pad;
            len += pad + (row + pad) * rows;
            is_pixel.resize(offsets[plane], false);
            for _ in 0..rows {
                is_pixel.resize(is_pixel.len() + row, true);
                is_pixel.resize(is_pixel.len() + pad, false);
            }
        }
        let bytes = vec![77; len];
        let color = color_of(layout);
        let mut image = Image::from_planes(layout, width, height, color, offsets, strides, bytes.into()).unwrap();
        let mut faces = Vec::new();
        for (id, [x1, y1, x2, y2]) in (1..).zip(boxes) {
            let bbox = BBox::new(x1, y1, x2, y2);
            let landmarks = Landmarks(std::array::from_fn(|i| Point::new(points[2 * i], points[2 * i + 1])));
            faces.push(ObservedFace { face: Some(Face::new(bbox, 0.9).with_landmarks(landmarks)), ..person(id, bbox) });
        }
        let settings = AnnotateSettings { blur, scale, landmarks: true, trail: 9, ..AnnotateSettings::default() };
        Annotator::new(settings).draw(&mut image, &faces);
        for plane in 0..layout.planes() {
            let plane_bytes = image.plane(plane).data;
            for (byte, is_pixel) in plane_bytes.iter().zip(&is_pixel[offsets[plane]..]) {
                prop_assert!(*is_pixel || *byte == 77);
            }
        }
    }
}
