//! The text of a face's label, and its place in the picture.

use std::fmt::Write;

use passerby_types::{Attributes, Gender, ObservedFace};

use crate::canvas::Canvas;
use crate::glyphs::Glyphs;
use crate::palette::{self, Rgb};
use crate::rect::{Rect, even_above, even_below};
use crate::settings::AnnotateSettings;

/// The lines of a label.
#[derive(Debug, Default)]
pub(crate) struct Label {
    /// The title for a face that is much narrower than the full title.
    pub(crate) short: String,
    pub(crate) title: String,
    /// Empty if nothing more is known.
    pub(crate) details: String,
}

impl Label {
    /// Writes a text of one line.
    pub(crate) fn write_text(&mut self, text: &str) {
        [&mut self.short, &mut self.title, &mut self.details].into_iter().for_each(String::clear);
        self.title.push_str(text);
    }

    /// Writes the lines of a face. `name` is shown instead of the person's number.
    pub(crate) fn write(&mut self, face: &ObservedFace, name: Option<&str>, settings: &AnnotateSettings) {
        let Self { short, title, details } = self;
        [&mut *short, &mut *title, &mut *details].into_iter().for_each(String::clear);
        // Writing to a string cannot fail.
        let _ = match (name, face.identity.person()) {
            (Some(name), _) => write!(short, "{name}").and_then(|()| write!(title, "{name}")),
            (None, Some(person)) => {
                write!(short, "{}", person.0).and_then(|()| write!(title, "Person {}", person.0))
            }
            (None, None) => {
                write!(short, "#{}", face.track.0).and_then(|()| write!(title, "Track {}", face.track.0))
            }
        };
        if settings.track_numbers && (name.is_some() || face.identity.person().is_some()) {
            let _ = write!(title, " · track {}", face.track.0);
        }
        if let Some(attributes) = face.attributes.or(face.estimate) {
            write_attributes(details, &attributes, settings.age_interval, settings.gender_confidence);
        }
    }
}

/// Writes the age if it is certain, and the gender if it is known, for example `42 (36–48), male`. Writes nothing if a number is not
/// finite.
pub(crate) fn write_attributes(out: &mut String, attributes: &Attributes, interval: bool, confidence: f32) {
    if !attributes.is_finite() {
        return;
    }
    if let Some(age) = attributes.certain_age() {
        let _ = write!(out, "{:.0}", age.years);
        if interval {
            let _ = write!(out, " ({:.0}–{:.0})", age.low, age.high);
        }
    }
    let gender = match attributes.gender(confidence) {
        Some(Gender::Female) => "female",
        Some(Gender::Male) => "male",
        None => return,
    };
    let separator = if out.is_empty() { "" } else { ", " };
    let _ = write!(out, "{separator}{gender}");
}

/// How much of a label is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabelForm {
    /// The title with the details.
    Full,
    /// The title alone.
    Title,
    /// The short title.
    Short,
}

/// The most widths of a face that a label other than the short one may be wide. A wider one would belong to no face that a
/// viewer can name.
const MAX_FACE_WIDTHS: i32 = 3;

/// A label with its sizes: everything that is needed to draw it once its place is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plate {
    form: LabelForm,
    text_size: u16,
    /// The width and height in pixels. Both are even.
    pub(crate) size: (i32, i32),
}

impl Plate {
    /// Measures the plate of a label at this text size.
    pub(crate) fn measure(label: &Label, glyphs: &mut Glyphs, text_size: u16, form: LabelForm) -> Self {
        let title = if form == LabelForm::Short { &label.short } else { &label.title };
        let mut width = glyphs.width(title, text_size);
        let mut height = glyphs.line_height(text_size);
        if form == LabelForm::Full && !label.details.is_empty() {
            width = width.max(glyphs.width(&label.details, details_size(text_size)));
            height += glyphs.line_height(details_size(text_size));
        }
        let (x, y) = padding(text_size);
        Self { form, text_size, size: (even_above(width + 2 * x), even_above(height + 2 * y)) }
    }

    /// Returns true if the plate suits a face of this width in pixels.
    pub(crate) fn suits(&self, face_width: i32) -> bool {
        self.form == LabelForm::Short || self.size.0 <= MAX_FACE_WIDTHS * face_width
    }

    /// Draws the plate and its text at `place`.
    pub(crate) fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        glyphs: &mut Glyphs,
        label: &Label,
        place: &Rect,
        color: Rgb,
    ) {
        canvas.fill(place, color);
        let ink = palette::text_on(color);
        let (x, y) = padding(self.text_size);
        let at = (place.x0 + x, place.y0 + y);
        let title = if self.form == LabelForm::Short { &label.short } else { &label.title };
        glyphs.draw(canvas, title, at, self.text_size, place, ink);
        if self.form == LabelForm::Full {
            let at = (at.0, at.1 + glyphs.line_height(self.text_size));
            glyphs.draw(canvas, &label.details, at, details_size(self.text_size), place, ink);
        }
    }
}

/// Returns the space at the sides and above and below the text of this size, in pixels.
fn padding(text_size: u16) -> (i32, i32) {
    (even_above(i32::from(text_size) / 4), i32::from(text_size) / 10)
}

/// Returns the size of the details below a title of this size. Below 14 pixels a smaller line would be hard to read.
fn details_size(title: u16) -> u16 {
    if title < 14 { title } else { (title * 17 / 20).max(13) }
}

/// Returns the best place of a plate beside a box, and the pixels of faces and labels that it covers there, or `None` if
/// the plate is larger than the picture. All edges are even.
///
/// The places are above, below, right and left of the box, moved until they are inside the picture. The first one that
/// covers nothing wins, and otherwise the one that covers the fewest pixels. Pixels of other labels count twice, because a
/// label that is hidden is lost.
pub(crate) fn place(
    size: (i32, i32),
    own: &Rect,
    bounds: &Rect,
    faces: &[Rect],
    labels: &[Rect],
) -> Option<(Rect, i64)> {
    let (width, height) = size;
    // The last column and row that a plate with even edges can begin at. The picture's own last edge may be odd.
    let last_x = even_below(bounds.x1 - width);
    let last_y = even_below(bounds.y1 - height);
    if last_x < 0 || last_y < 0 {
        return None;
    }
    let at = |x: i32, y: i32| {
        let x = even_below(x).clamp(0, last_x);
        let y = even_below(y).clamp(0, last_y);
        Rect::new(x, y, x + width, y + height)
    };
    let candidates = [
        at(own.x0, own.y0 - height),
        at(own.x0, own.y1),
        at(own.x1 - width, own.y0 - height),
        at(own.x1 - width, own.y1),
        at(own.x1, own.y0),
        at(own.x0 - width, own.y0),
        at(own.x1, own.y1 - height),
        at(own.x0 - width, own.y1 - height),
    ];
    let covered = |place: &Rect| {
        let faces: i64 = faces.iter().map(|face| face.intersect(place).area()).sum();
        let labels: i64 = labels.iter().map(|label| label.intersect(place).area()).sum();
        faces + 2 * labels
    };
    // The first of several minima.
    candidates.into_iter().map(|place| (place, covered(&place))).min_by_key(|(_, covered)| *covered)
}

#[cfg(test)]
mod tests {
    use passerby_types::{Age, BBox, Identity, PersonId};
    use proptest::prelude::*;

    use super::*;

    fn face() -> ObservedFace {
        ObservedFace::new(17, BBox::from_xywh(10.0, 10.0, 30.0, 40.0))
    }

    fn attributes(p_male: f32) -> Attributes {
        Attributes { age: Age { years: 42.4, low: 35.6, high: 48.2 }, p_male }
    }

    fn lines(face: &ObservedFace, name: Option<&str>, settings: &AnnotateSettings) -> (String, String) {
        let mut label = Label::default();
        label.write(face, name, settings);
        (label.title, label.details)
    }

    #[test]
    fn a_label_says_what_is_known() {
        let settings = AnnotateSettings::default();
        assert_eq!(lines(&face(), None, &settings), ("Track 17".into(), String::new()));
        let known = ObservedFace {
            identity: Identity::Person { id: PersonId(3), similarity: 0.8 },
            attributes: Some(attributes(0.97)),
            ..face()
        };
        assert_eq!(lines(&known, None, &settings), ("Person 3".into(), "42 (36–48), male".into()));
        assert_eq!(lines(&known, Some("Zoë"), &settings).0, "Zoë");
        let unsure = ObservedFace { attributes: Some(attributes(0.5)), ..known.clone() };
        let settings = AnnotateSettings { track_numbers: true, age_interval: false, ..settings };
        assert_eq!(lines(&unsure, None, &settings), ("Person 3 · track 17".into(), "42".into()));
        let broken = ObservedFace { attributes: Some(attributes(f32::NAN)), ..known };
        assert_eq!(lines(&broken, None, &settings).1, "");
    }

    #[test]
    fn a_narrow_face_has_a_short_label() {
        let mut glyphs = Glyphs::new();
        let mut label = Label::default();
        label.write(&face(), None, &AnnotateSettings::default());
        assert_eq!(label.short, "#17");
        let plate = |glyphs: &mut Glyphs, form| Plate::measure(&label, glyphs, 12, form);
        let title = plate(&mut glyphs, LabelForm::Title);
        assert!(title.suits(title.size.0) && !title.suits(title.size.0 / 4));
        assert!(plate(&mut glyphs, LabelForm::Short).suits(1));
    }

    #[test]
    fn a_label_stands_above_its_box_or_below_if_there_is_no_room() {
        let bounds = Rect::new(0, 0, 200, 100);
        let own = Rect::new(60, 40, 100, 80);
        assert_eq!(place((40, 20), &own, &bounds, &[own], &[]), Some((Rect::new(60, 20, 100, 40), 0)));
        let high = Rect::new(60, 10, 100, 50);
        assert_eq!(place((40, 20), &high, &bounds, &[high], &[]), Some((Rect::new(60, 50, 100, 70), 0)));
    }

    #[test]
    fn a_label_avoids_another_label() {
        let bounds = Rect::new(0, 0, 200, 100);
        let own = Rect::new(60, 40, 100, 80);
        let other = Rect::new(50, 20, 70, 40);
        let (place, covered) = place((40, 20), &own, &bounds, &[own], &[other]).unwrap();
        assert_eq!((place.intersect(&other).area(), covered), (0, 0));
    }

    #[test]
    fn a_label_larger_than_the_picture_has_no_place() {
        let bounds = Rect::new(0, 0, 16, 16);
        assert_eq!(place((40, 20), &Rect::new(0, 0, 10, 10), &bounds, &[], &[]), None);
    }

    proptest! {
        #[test]
        fn a_place_is_inside_the_picture_and_even(
            picture in (1i32..300, 1i32..300), size in (1i32..60, 1i32..30),
            corner in (-1_000_000i32..1_000_000, -1_000_000i32..1_000_000), side in 1i32..2_000_000,
        ) {
            let bounds = Rect::new(0, 0, picture.0, picture.1);
            let size = (2 * size.0, 2 * size.1);
            let own = Rect::new(corner.0, corner.1, corner.0 + side, corner.1 + side);
            if let Some((place, _)) = place(size, &own, &bounds, &[own], &[]) {
                prop_assert_eq!(place.intersect(&bounds), place);
                prop_assert_eq!(place.snapped(), place);
            } else {
                prop_assert!(size.0 > bounds.x1 || size.1 > bounds.y1);
            }
        }
    }
}
