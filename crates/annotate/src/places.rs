//! Zones and lines of the camera on its pictures.

use crate::canvas::Canvas;
use crate::glyphs::Glyphs;
use crate::label::{Label, LabelForm, Plate, place};
use crate::palette::{DARK, LIGHT};
use crate::rect::{Rect, even_above};
use crate::settings::DrawSizes;

/// The length of an arrow's head, in thicknesses of a line, and the part of it to the side of the line.
const HEAD_LENGTH: f32 = 6.0;
const HEAD_SIDE: f32 = 0.5;

/// A zone or a line that an [`Annotator`](crate::Annotator) draws. Its corners are parts of the picture, as in a plan of zones:
/// `[0, 0]` is the upper left corner and `[1, 1]` the lower right one.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceMark {
    /// Its corners, or its two ends.
    pub outline: PlaceOutline,
    /// The text beside it, for example the name and a count. Nothing is written if it is empty.
    pub text: String,
}

/// The outline of a zone or a line.
#[derive(Clone, Debug, PartialEq)]
pub enum PlaceOutline {
    /// A polygon, whose last corner is joined to the first.
    Zone(Vec<[f32; 2]>),
    /// A line with its direction: an arrow from the first end to the second.
    Line([f32; 2], [f32; 2]),
}

/// Draws the outlines, and then the texts above them. Adds the plates of the texts to `plates`, so that labels of faces keep off.
pub(crate) fn draw_places(
    canvas: &mut Canvas<'_>,
    places: &[PlaceMark],
    sizes: &DrawSizes,
    (label, glyphs): (&mut Label, &mut Glyphs),
    plates: &mut Vec<Rect>,
) {
    let bounds = canvas.bounds();
    // Pixels of the picture: the coordinates of a plan reach from edge to edge.
    let pixel = |[x, y]: [f32; 2]| (x * bounds.width() as f32, y * bounds.height() as f32);
    let thick = even_above(2 * sizes.line);
    // Light in the middle of dark, so that it shows on every picture.
    for (thickness, color) in [(thick + sizes.line, DARK), (thick - sizes.line, LIGHT)] {
        for place in places {
            match &place.outline {
                PlaceOutline::Zone(corners) => {
                    let next = corners.iter().cycle().skip(1);
                    for (from, to) in corners.iter().zip(next) {
                        canvas.stroke(pixel(*from), pixel(*to), thickness, color);
                    }
                }
                PlaceOutline::Line(from, to) => {
                    let (from, to) = (pixel(*from), pixel(*to));
                    canvas.stroke(from, to, thickness, color);
                    for end in arrow_head(from, to, HEAD_LENGTH * thick as f32) {
                        canvas.stroke(to, end, thickness, color);
                    }
                }
            }
        }
    }
    for mark in places.iter().filter(|mark| !mark.text.is_empty()) {
        let Some(at) = anchor(&mark.outline) else { continue };
        let (x, y) = pixel(at);
        let Some(own) = Rect::around(x, y) else { continue };
        label.write_text(&mark.text);
        let plate = Plate::measure(label, glyphs, sizes.text.0, LabelForm::Title);
        if let Some((rect, _)) = place(plate.size, &own, &bounds, &[], plates) {
            plates.push(rect);
            plate.draw(canvas, glyphs, label, &rect, DARK);
        }
    }
}

/// Returns the place of a text: the highest corner of a zone, or the beginning of a line.
fn anchor(outline: &PlaceOutline) -> Option<[f32; 2]> {
    match outline {
        PlaceOutline::Zone(corners) => corners.iter().copied().min_by(|a, b| a[1].total_cmp(&b[1])),
        PlaceOutline::Line(from, _) => Some(*from),
    }
}

/// Returns the ends of the two strokes that make the end of a line an arrow. Short lines have shorter ones.
fn arrow_head(from: (f32, f32), to: (f32, f32), length: f32) -> [(f32, f32); 2] {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let whole = dx.hypot(dy).max(1.0);
    let scale = length.min(whole / 2.0) / whole;
    let (dx, dy) = (dx * scale, dy * scale);
    [HEAD_SIDE, -HEAD_SIDE].map(|side| (to.0 - dx - side * dy, to.1 - dy + side * dx))
}

#[cfg(test)]
mod tests {
    use passerby_testkit::LAYOUTS;
    use passerby_types::{ColorSpace, Image};
    use proptest::prelude::*;

    use super::*;
    use crate::{AnnotateSettings, Annotator};

    fn grey(layout: passerby_types::PixelLayout, width: u32, height: u32) -> Image {
        let bytes = vec![128; layout.tight_len(width, height)];
        Image::from_vec(layout, width, height, ColorSpace::default(), bytes).unwrap()
    }

    fn draw(image: &mut Image, places: Vec<PlaceMark>) {
        let mut annotator = Annotator::new(AnnotateSettings::default());
        annotator.set_places(places);
        annotator.draw(image, &[]);
    }

    #[test]
    fn a_zone_has_an_outline_and_stays_clear_inside() {
        for layout in LAYOUTS {
            let before = grey(layout, 320, 240);
            let mut after = before.clone();
            let corners = vec![[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]];
            draw(&mut after, vec![PlaceMark { outline: PlaceOutline::Zone(corners), text: String::new() }]);
            for at in [(78, 120), (238, 120), (160, 58), (160, 178)] {
                assert!(after.rgb_at(at.0, at.1).iter().all(|c| *c > 240), "{layout:?} {at:?}");
            }
            assert_eq!(after.rgb_at(160, 120), before.rgb_at(160, 120), "{layout:?}");
            assert_eq!(after.rgb_at(40, 120), before.rgb_at(40, 120), "{layout:?}");
        }
    }

    #[test]
    fn the_end_of_a_line_is_an_arrow() {
        let [left, right] = arrow_head((0.0, 0.0), (100.0, 0.0), 12.0);
        assert_eq!((left, right), ((88.0, 6.0), (88.0, -6.0)));
    }

    #[test]
    fn a_text_stands_beside_its_place() {
        let mut image = grey(LAYOUTS[0], 320, 240);
        let before = image.clone();
        let outline = PlaceOutline::Line([0.5, 0.5], [0.5, 0.5]);
        draw(&mut image, vec![PlaceMark { outline: outline.clone(), text: "gate: 3 right, 1 left".into() }]);
        let mut bare = before.clone();
        draw(&mut bare, vec![PlaceMark { outline, text: String::new() }]);
        let changed = |image: &Image| {
            image.to_rgb().iter().zip(before.to_rgb()).filter(|(a, b)| a.abs_diff(*b) > 20).count()
        };
        assert!(changed(&image) > changed(&bare) + 500, "{} {}", changed(&image), changed(&bare));
    }

    proptest! {
        #[test]
        fn no_place_panics(
            layout in prop::sample::select(&LAYOUTS[..]), w in 1u32..90, h in 1u32..90,
            corners in prop::collection::vec(prop::array::uniform2(prop_oneof![
                -2f32..2.0, Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(f32::NAN), Just(1e30),
            ]), 0..5),
        ) {
            let mut image = grey(layout, w, h);
            let line = PlaceOutline::Line(
                corners.first().copied().unwrap_or_default(), corners.last().copied().unwrap_or_default(),
            );
            let marks = [PlaceOutline::Zone(corners), line];
            draw(&mut image, marks.map(|outline| PlaceMark { outline, text: "zone".into() }).into());
        }
    }
}
