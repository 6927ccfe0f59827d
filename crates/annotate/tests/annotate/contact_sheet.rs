//! A contact sheet keeps the best view of each person and shows it.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use passerby_annotate::{ContactSheet, SheetEntry, SheetSettings};
use passerby_testkit::{frame, meta, suite::observation, uniform};
use passerby_types::{ColorSpace, Frame, Identity, Image, PersonId, PixelLayout};

fn entry(person: u64) -> SheetEntry {
    SheetEntry {
        person: PersonId(person),
        name: None,
        attributes: None,
        lines: vec!["0.0 s to 9.6 s".into()],
    }
}

/// Returns the number of pixels of this grey level.
fn count(image: &Image, level: u8) -> usize {
    image.to_rgb().chunks_exact(3).filter(|pixel| pixel.iter().all(|c| c.abs_diff(level) <= 1)).count()
}

/// Adds frame `seq`, a uniform grey picture, with the face of person 1 at this score.
fn add(sheet: &mut ContactSheet, seq: u64, level: u8, score: f32) {
    let mut observation = observation(0, seq);
    observation.faces.truncate(1);
    observation.faces[0].face.as_mut().unwrap().score = score;
    sheet.add(&frame(seq, uniform(PixelLayout::Rgb8, 640, 480, level)), &observation);
}

#[test]
fn an_empty_sheet_says_so() {
    let sheet = ContactSheet::new(SheetSettings::default());
    let picture = sheet.render("0 persons", &[]);
    assert!(picture.width() > 3 * 192 && picture.height() > 60);
    assert_eq!(sheet.persons(), 0);
}

#[test]
fn one_person_has_the_best_view() {
    let mut sheet = ContactSheet::new(SheetSettings::default());
    add(&mut sheet, 0, 40, 0.5);
    add(&mut sheet, 1, 120, 0.9);
    add(&mut sheet, 2, 160, 0.6);
    assert_eq!(sheet.persons(), 1);
    let picture = sheet.render("1 person", &[entry(1)]);
    assert!(count(&picture, 120) >= 192 * 192, "the view with the highest score fills its tile");
    assert_eq!(
        count(&picture, 160),
        count(&ContactSheet::new(SheetSettings::default()).render("1 person", &[entry(1)]), 160)
    );
}

#[test]
fn a_view_from_before_the_person_was_known_counts() {
    let mut sheet = ContactSheet::new(SheetSettings::default());
    let mut early = observation(0, 0);
    early.faces.truncate(1);
    early.faces[0].identity = Identity::Pending;
    sheet.add(&frame(0, uniform(PixelLayout::Rgb8, 640, 480, 120)), &early);
    assert_eq!(sheet.persons(), 0);
    add(&mut sheet, 1, 40, 0.2);
    let picture = sheet.render("1 person", &[entry(1)]);
    assert!(count(&picture, 120) >= 192 * 192);
}

#[test]
fn persons_beyond_the_limit_are_counted() {
    let settings = SheetSettings { max_persons: 4, tile: 48, ..SheetSettings::default() };
    let mut sheet = ContactSheet::new(settings);
    for person in 1..=1000_u64 {
        let mut observation = observation(person as u32, 0);
        observation.faces.truncate(1);
        observation.faces[0].identity = Identity::Person { id: PersonId(person), similarity: 0.9 };
        let image = uniform(PixelLayout::I420, 320, 240, 100);
        sheet.add(&Frame::new(meta(person as u32, 0), image), &observation);
    }
    // Besides the persons of tracks that may still be live.
    assert!(sheet.persons() <= 4 + 256, "{}", sheet.persons());
    let entries: Vec<SheetEntry> = (1..=1000).map(entry).collect();
    let few = sheet.render("1000 persons", &entries[..4]);
    let many = sheet.render("1000 persons", &entries);
    assert!(many.height() < 2 * few.height());
}

#[test]
fn a_sheet_of_many_persons_stays_within_the_largest_side() {
    let settings =
        SheetSettings { max_persons: usize::MAX, tile: u32::MAX, columns: 0, ..SheetSettings::default() };
    let entries: Vec<SheetEntry> = (1..=200).map(entry).collect();
    let picture = ContactSheet::new(settings).render("200 persons", &entries);
    assert!(picture.height() <= Image::MAX_SIDE);
    assert!(picture.height() > 20_000);
}

#[test]
fn a_blurred_sheet_shows_no_face() {
    let stripes = (0..640 * 480).map(|i| if i / 2 % 2 == 0 { 0 } else { 255 }).collect();
    let image = Image::from_vec(PixelLayout::Gray8, 640, 480, ColorSpace::JPEG, stripes).unwrap();
    let mut observation = observation(0, 0);
    observation.faces.truncate(1);
    let dark = |blur| {
        let mut sheet = ContactSheet::new(SheetSettings { blur, tile: 96, ..SheetSettings::default() });
        sheet.add(&frame(0, image.clone()), &observation);
        let picture = sheet.render("", &[]).to_rgb().len();
        let rgb = sheet.render("", &[entry(1)]).to_rgb();
        assert!(rgb.len() > picture);
        rgb.chunks_exact(3).filter(|pixel| pixel[0] < 60).count()
    };
    assert!(dark(false) > 96 * 96 / 4, "{}", dark(false));
    assert!(dark(true) < dark(false) / 2, "{} of {}", dark(true), dark(false));
}
