//! Colours of persons and of text.

use passerby_types::{ObservedFace, PersonId};

/// An RGB colour.
pub(crate) type Rgb = [u8; 3];

/// Dark text, on light plates.
pub(crate) const DARK: Rgb = [18, 20, 24];
/// Light text, on dark plates.
pub(crate) const LIGHT: Rgb = [255, 255, 255];
/// The colour of a track without a person.
const NEUTRAL: Rgb = [200, 204, 210];

/// Seven colours that people with any of the common colour vision deficiencies can tell apart: M. Okabe and K. Ito, "Color
/// Universal Design", 2008, without black. Neighbours in the list differ the most.
const OKABE_ITO: [Rgb; 7] = [
    [230, 159, 0],   // orange
    [86, 180, 233],  // sky blue
    [0, 158, 115],   // bluish green
    [240, 228, 66],  // yellow
    [213, 94, 0],    // vermilion
    [204, 121, 167], // reddish purple
    [0, 114, 178],   // blue
];

/// What decides the colour of a face.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorBy {
    /// The person: one colour for each person over all cameras. A track without a person is light grey.
    #[default]
    Person,
    /// The track: one colour for each track, for programs that do not identify persons.
    Track,
}

/// Returns the colour of a person. It repeats after seven persons.
pub(crate) fn of_person(person: PersonId) -> Rgb {
    entry(person.0)
}

/// Returns the colour of a face.
pub(crate) fn of_face(face: &ObservedFace, by: ColorBy) -> Rgb {
    match by {
        ColorBy::Person => face.identity.person().map_or(NEUTRAL, of_person),
        ColorBy::Track => entry(face.track.0),
    }
}

/// Returns the colour of text on a plate of this colour: the one with the higher contrast.
pub(crate) fn text_on(plate: Rgb) -> Rgb {
    if contrast(plate, DARK) >= contrast(plate, LIGHT) { DARK } else { LIGHT }
}

fn entry(number: u64) -> Rgb {
    OKABE_ITO[(number.wrapping_sub(1) % OKABE_ITO.len() as u64) as usize]
}

/// Returns the contrast ratio of two colours, 1 to 21 (WCAG 2.1, "contrast ratio").
fn contrast(a: Rgb, b: Rgb) -> f32 {
    let a = luminance(a) + 0.05;
    let b = luminance(b) + 0.05;
    a.max(b) / a.min(b)
}

/// Returns the relative luminance of an sRGB colour, 0 to 1 (WCAG 2.1, "relative luminance").
fn luminance(color: Rgb) -> f32 {
    let linear = color.map(|c| {
        let c = f32::from(c) / 255.0;
        if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_readable_on_every_plate() {
        for plate in OKABE_ITO.into_iter().chain([NEUTRAL]) {
            // WCAG 2.1 level AA asks for 4.5.
            assert!(contrast(plate, text_on(plate)) >= 4.5, "{plate:?}: {}", contrast(plate, text_on(plate)));
        }
    }

    #[test]
    fn a_person_keeps_the_colour_and_neighbours_differ() {
        assert_eq!(of_person(PersonId(3)), of_person(PersonId(10)));
        for person in 1..20 {
            assert_ne!(of_person(PersonId(person)), of_person(PersonId(person + 1)));
        }
        assert_eq!(of_person(PersonId(0)), of_person(PersonId(u64::MAX % 7 + 1)), "no number panics");
    }
}
