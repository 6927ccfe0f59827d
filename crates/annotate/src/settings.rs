//! What an annotator draws.

use passerby_types::Attributes;

use crate::palette::ColorBy;

/// What an [`Annotator`](crate::Annotator) draws. The default draws boxes and labels with age and gender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnnotateSettings {
    /// Draws a box around each face. A box whose face the detector lost shows its corners alone. Default: true.
    pub boxes: bool,
    /// Draws a label beside each box: the person or the track, the age and the gender. Default: true.
    pub labels: bool,
    /// Draws the five landmarks of each face that the detector found in this picture. Default: false.
    pub landmarks: bool,
    /// Makes every face unrecognisable before anything is drawn, as [`blur_face`](crate::blur_face) does. This includes
    /// tentative tracks. Default: false.
    pub blur: bool,
    /// Draws a dot at the centre of each face's box in this and earlier pictures, this many in all and at most 1,000. The
    /// annotator then must get the pictures of one camera alone. Default: 0, for none.
    pub trail: usize,
    /// Draws tracks that were found too few times to be sure of ([`TrackState::Tentative`](passerby_types::TrackState)).
    /// Default: false.
    pub tentative: bool,
    /// Adds the track's number to the labels of persons. Default: false.
    pub track_numbers: bool,
    /// Adds to each age the interval that holds the true age nine times out of ten. Default: true.
    pub age_interval: bool,
    /// The probability, 0.5 to 1, that a gender needs to be shown. Default: 0.8.
    pub gender_confidence: f32,
    /// What decides the colour of a face. Default: [`ColorBy::Person`].
    pub color_by: ColorBy,
    /// The size of text and lines, as a factor of the size that suits the picture. It is held between 0.25 and 8. A picture
    /// that is shown smaller than it is needs a larger one. Default: 1.
    pub scale: f32,
}

impl Default for AnnotateSettings {
    fn default() -> Self {
        Self {
            boxes: true,
            labels: true,
            landmarks: false,
            blur: false,
            trail: 0,
            tentative: false,
            track_numbers: false,
            age_interval: true,
            gender_confidence: Attributes::GENDER_CONFIDENCE,
            color_by: ColorBy::default(),
            scale: 1.0,
        }
    }
}

/// The sizes of lines and text in one picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DrawSizes {
    /// The thickness of a box's lines. Even.
    pub(crate) line: i32,
    /// The smallest and largest size of a label's text.
    pub(crate) text: (u16, u16),
}

/// The smallest text that is readable, in pixels.
const MIN_TEXT: f32 = 11.0;
/// The shorter side of a picture divided by the thickness of a line, by the smallest text and by the largest text.
const LINES_PER_SIDE: f32 = 360.0;
const SMALL_TEXTS_PER_SIDE: f32 = 48.0;
const LARGE_TEXTS_PER_SIDE: f32 = 24.0;

impl DrawSizes {
    /// Returns the sizes for a picture of this size in pixels.
    pub(crate) fn new(width: i32, height: i32, scale: f32) -> Self {
        let scale = if scale.is_finite() { scale.clamp(0.25, 8.0) } else { 1.0 };
        let side = width.min(height) as f32 * scale;
        let line = 2 * ((side / LINES_PER_SIDE / 2.0).round() as i32).max(1);
        let small = (side / SMALL_TEXTS_PER_SIDE).max(MIN_TEXT);
        let large = (side / LARGE_TEXTS_PER_SIDE).max(small);
        Self { line, text: (small as u16, large as u16) }
    }

    /// Returns the text size for a face of this height: a sixth of it, within the limits. The sizes are steps of a fifth, so
    /// that the text of a face that moves does not change from picture to picture.
    pub(crate) fn text_for(&self, face_height: i32) -> u16 {
        let (small, large) = self.text;
        let wanted = (face_height / 6).clamp(i32::from(small), i32::from(large)) as u16;
        let mut size = small;
        loop {
            let next = size + (size / 5).max(1);
            if next > wanted {
                return size;
            }
            size = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_picture() {
        assert_eq!(DrawSizes::new(160, 90, 1.0), DrawSizes { line: 2, text: (11, 11) });
        assert_eq!(DrawSizes::new(1280, 720, 1.0), DrawSizes { line: 2, text: (15, 30) });
        assert_eq!(DrawSizes::new(1080, 1920, 1.0), DrawSizes { line: 4, text: (22, 45) });
        assert_eq!(DrawSizes::new(3840, 2160, 1.0), DrawSizes { line: 6, text: (45, 90) });
        assert_eq!(DrawSizes::new(1, 1, f32::NAN), DrawSizes { line: 2, text: (11, 11) });
    }

    #[test]
    fn text_grows_with_the_face_in_steps() {
        let sizes = DrawSizes::new(1280, 720, 1.0);
        assert_eq!(sizes.text_for(10), 15);
        assert_eq!(sizes.text_for(110), 18);
        assert_eq!(sizes.text_for(113), 18);
        assert_eq!(sizes.text_for(10_000), 30);
        assert_eq!(sizes.text_for(-5), 15);
    }
}
