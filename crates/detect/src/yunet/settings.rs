//! The settings of YuNet.

use std::ops::RangeInclusive;

use crate::error::DetectorError;
use crate::setting_ranges::{LONG_SIDES, check, check_fraction, check_long_side};

/// The size in pixels that the smallest wanted face gets in the network's input. YuNet was trained for faces from 10 pixels
/// on (its paper, section 4).
const SMALLEST_FACE_IN_INPUT: f32 = 10.0;

/// The least longer side of an input whose size follows from the picture. A look at it is cheap, and it finds faces that are
/// smaller than the wanted ones.
const MIN_LONG_SIDE: f32 = 480.0;

/// A detail above 1 enlarges the input up to the size of the picture, within this range. More finds hardly any other face, and
/// takes much memory.
const MAX_DETAILED_SIDE: RangeInclusive<f32> = 960.0..=1920.0;

/// The input's longer side is a multiple of this, so that pictures of similar sizes share one prepared network.
const LONG_SIDE_STEP: f32 = 32.0;

/// The settings of [`YuNet`](crate::YuNet).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct YuNetSettings {
    /// The size of the smallest face that must be found, in pixels of the picture, 1 to 4096. Default 24.
    ///
    /// The size of the network's input follows from it: a face of this size is 10 pixels wide there, and the longer side is
    /// at least 480 pixels. With the default, 1280x720 becomes 544 pixels wide, 1920x1080 800 and 3840x2160 1600. The cost
    /// grows with the square of that width, and so with the inverse square of `min_face`.
    pub min_face: f32,
    /// The longer side of the network's input, in pixels, 32 to 3840, whatever the picture's size. Default `None`: it follows
    /// from `min_face`.
    ///
    /// The detector scales each picture, up or down, so that its longer side has this length, and keeps the aspect ratio.
    pub long_side: Option<u32>,
    /// The score from which the detector reports a face, 0 to 1. Default 0.4, for a tracker that lets weak faces, for example half
    /// hidden ones, continue a track but not start one. Without a tracker, [`YuNetSettings::PHOTO_THRESHOLD`] gives fewer false
    /// faces.
    pub threshold: f32,
    /// The intersection over union above which two boxes are one face, 0 to 1. Default 0.3, as in OpenCV's `FaceDetectorYN`.
    pub nms_iou: f32,
    /// The most faces of a picture; the best are kept. Default 1024. It bounds the work that a hostile picture can cause.
    /// [`Detector::left_out`](passerby_types::Detector::left_out) counts the others.
    pub max_faces: usize,
    /// The most weak faces of a picture that the detector looks at again, enlarged; the best are taken. Default 32. Of the
    /// others, it reports those whose first score is at least 0.65.
    ///
    /// For a face of up to 120 pixels of the picture, a second look costs about a fifteenth of a look at 480x288. It costs, and
    /// counts as, four such looks for a face of up to 240 pixels and nine for one of up to 360. With 0, `threshold` applies to the scores of the first
    /// look.
    pub second_looks: usize,
}

impl Default for YuNetSettings {
    fn default() -> Self {
        Self {
            min_face: 24.0,
            long_side: None,
            threshold: 0.4,
            nms_iou: 0.3,
            max_faces: 1024,
            second_looks: 32,
        }
    }
}

impl YuNetSettings {
    /// A [`threshold`](Self::threshold) for photographs, which have no tracker to confirm weak faces.
    pub const PHOTO_THRESHOLD: f32 = 0.55;

    /// Returns the longer side of the network's input for a picture of this size.
    ///
    /// The side that follows from `min_face` is multiplied by `detail`, which is that of
    /// [`FrameMeta::detail`](passerby_types::FrameMeta::detail). It then is at most the picture's longer side, or 960 if the
    /// picture is smaller, or 1920 if it is larger and `min_face` does not ask for more. A fixed `long_side` ignores `detail`.
    ///
    /// ```
    /// use passerby_detect::YuNetSettings;
    ///
    /// let settings = YuNetSettings::default();
    /// assert_eq!(settings.input_long_side(1280, 720, 1.0), 544);
    /// assert_eq!(settings.input_long_side(1280, 720, 0.5), 288);
    /// assert_eq!(settings.input_long_side(320, 240, 1.0), 480);
    /// ```
    #[must_use]
    pub fn input_long_side(&self, width: u32, height: u32, detail: f32) -> u32 {
        if let Some(fixed) = self.long_side {
            return fixed;
        }
        let picture = width.max(height) as f32;
        let usual = (picture * SMALLEST_FACE_IN_INPUT / self.min_face).max(MIN_LONG_SIDE);
        let most = picture.clamp(*MAX_DETAILED_SIDE.start(), *MAX_DETAILED_SIDE.end()).max(usual);
        let side = (usual * detail).min(most);
        let steps = (side / LONG_SIDE_STEP).ceil() * LONG_SIDE_STEP;
        (steps as u32).clamp(*LONG_SIDES.start(), *LONG_SIDES.end())
    }

    /// Returns the size of the smallest face that the detector finds in a picture of this size, in pixels of the picture. With
    /// a `detail` of 1 it is [`min_face`](Self::min_face) or less, unless `long_side` or the largest input sets a higher limit.
    ///
    /// ```
    /// use passerby_detect::YuNetSettings;
    ///
    /// let settings = YuNetSettings::default();
    /// assert!(settings.smallest_face(1920, 1080, 1.0) <= 24.0);
    /// let fixed = YuNetSettings { long_side: Some(480), ..settings };
    /// assert_eq!(fixed.smallest_face(1920, 1080, 1.0), 40.0);
    /// ```
    #[must_use]
    pub fn smallest_face(&self, width: u32, height: u32, detail: f32) -> f32 {
        SMALLEST_FACE_IN_INPUT * width.max(height) as f32 / self.input_long_side(width, height, detail) as f32
    }

    /// Returns an error that names the first setting outside its range.
    pub(crate) fn check(&self) -> Result<(), DetectorError> {
        check("min_face", self.min_face, 1.0..=4096.0, "1 to 4096 pixels")?;
        self.long_side.map_or(Ok(()), check_long_side)?;
        check_fraction("threshold", self.threshold)?;
        check_fraction("nms_iou", self.nms_iou)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_setting_outside_its_range() {
        let check = |change: fn(&mut YuNetSettings)| {
            let mut settings = YuNetSettings::default();
            change(&mut settings);
            settings.check().map_err(|e| e.to_string())
        };
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|s| s.max_faces = 0), Ok(()));
        for (change, name) in [
            ((|s| s.min_face = 0.0) as fn(&mut YuNetSettings), "min_face is 0,"),
            (|s| s.min_face = f32::NAN, "min_face is NaN,"),
            (|s| s.long_side = Some(0), "long_side is 0,"),
            (|s| s.long_side = Some(u32::MAX), "long_side is 4294967295,"),
            (|s| s.threshold = f32::NAN, "threshold is NaN,"),
            (|s| s.threshold = -0.1, "threshold is -0.1,"),
            (|s| s.nms_iou = 1.5, "nms_iou is 1.5,"),
        ] {
            let message = check(change).unwrap_err();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn the_input_follows_from_the_picture_and_the_smallest_face() {
        let side = |min_face, width, height, detail| {
            YuNetSettings { min_face, ..YuNetSettings::default() }.input_long_side(width, height, detail)
        };
        assert_eq!(side(24.0, 1920, 1080, 1.0), 800);
        assert_eq!(side(24.0, 1080, 1920, 1.0), 800);
        assert_eq!(side(24.0, 3840, 2160, 1.0), 1600);
        assert_eq!(side(12.0, 1920, 1080, 1.0), 1600);
        assert_eq!(side(100.0, 1920, 1080, 1.0), 480);
        assert_eq!(side(24.0, 640, 480, 2.0), 960);
        assert_eq!(side(24.0, 640, 480, 3.0), 960);
        assert_eq!(side(24.0, 1600, 900, 3.0), 1600);
        assert_eq!(side(24.0, 3840, 2160, 3.0), 1920);
        assert_eq!(side(12.0, 3840, 2160, 3.0), 3200);
    }

    #[test]
    fn extreme_pictures_keep_the_input_in_its_range() {
        let settings = YuNetSettings::default();
        assert_eq!(settings.input_long_side(u32::MAX, 1, 1.0), 3840);
        for detail in [0.0, -1.0] {
            assert_eq!(settings.input_long_side(640, 480, detail), 32, "{detail}");
        }
        assert_eq!(settings.input_long_side(640, 480, f32::NAN), 960);
        assert_eq!(settings.input_long_side(640, 480, f32::INFINITY), 960);
    }

    #[test]
    fn a_fixed_side_stays() {
        let settings = YuNetSettings { long_side: Some(320), ..YuNetSettings::default() };
        assert_eq!(settings.input_long_side(3840, 2160, 2.0), 320);
    }
}
