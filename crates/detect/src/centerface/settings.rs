//! The settings of CenterFace.

use passerby_inference::Precision;

use crate::error::DetectorError;
use crate::setting_ranges::{check_fraction, check_long_side};

/// The settings of [`CenterFace`](crate::CenterFace).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct CenterFaceSettings {
    /// The longer side of the network's input, in pixels, 32 to 3840. Default 480.
    ///
    /// The detector scales each picture, up or down, so that its longer side has this length, and keeps the aspect ratio:
    /// 1920x1080 becomes 480x270, and 1080x1920 becomes 270x480. The shorter side follows and cannot be set. The cost grows
    /// with the square of this length.
    ///
    /// The network finds faces from about 8 pixels of the scaled picture, which are 32 pixels of a 1920x1080 frame at the
    /// default. Use 320 if the faces are close to the camera, and 640 if they are far away. Above 640, faces that fill the
    /// picture give partial boxes, because WIDER FACE, the training set, has few faces of that size.
    pub long_side: u32,
    /// The score above which the detector reports a face, 0 to 1. Default 0.4, measured on four clips of people (177
    /// frames, 485 faces of 11 to 76 pixels, `long_side` 480): recall is 100 % and precision 99.8 %, 98.6 % on the worst
    /// clip. From 0.45 to 0.5 both are 100 %; at 0.55 recall falls to 97 %. At 0.35, photographs give about one false face
    /// in ten pictures.
    pub threshold: f32,
    /// The intersection over union above which two boxes are one face, 0 to 1. Default 0.3, as in CenterFace's code.
    pub nms_iou: f32,
    /// The most faces of a picture; the best are kept. Default 256. It bounds the work that a hostile picture can cause.
    pub max_faces: usize,
    /// The numbers that the network computes with. Default [`Precision::Float`]. [`Precision::Int8`] needs a network with
    /// ranges, which the bundled one has.
    pub precision: Precision,
}

impl Default for CenterFaceSettings {
    fn default() -> Self {
        Self { long_side: 480, threshold: 0.4, nms_iou: 0.3, max_faces: 256, precision: Precision::Float }
    }
}

impl CenterFaceSettings {
    /// Returns an error that names the first setting outside its range.
    pub(crate) fn check(&self) -> Result<(), DetectorError> {
        check_long_side(self.long_side)?;
        check_fraction("threshold", self.threshold)?;
        check_fraction("nms_iou", self.nms_iou)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_setting_outside_its_range() {
        let check = |change: fn(&mut CenterFaceSettings)| {
            let mut settings = CenterFaceSettings::default();
            change(&mut settings);
            settings.check().map_err(|e| e.to_string())
        };
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|s| s.max_faces = 0), Ok(()));
        for (change, name) in [
            ((|s| s.long_side = 0) as fn(&mut CenterFaceSettings), "long_side is 0,"),
            (|s| s.long_side = u32::MAX, "long_side is 4294967295,"),
            (|s| s.threshold = f32::NAN, "threshold is NaN,"),
            (|s| s.threshold = -0.1, "threshold is -0.1,"),
            (|s| s.nms_iou = 1.5, "nms_iou is 1.5,"),
        ] {
            let message = check(change).unwrap_err();
            assert!(message.contains(name), "{message}");
        }
    }
}
