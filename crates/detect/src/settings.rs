//! What can be chosen about CenterFace.

use std::ops::RangeInclusive;

use passerby_inference::Precision;

use crate::DetectorError;

/// The long sides an input may have, in pixels: one multiple of the network's largest stride, up to a 4K picture.
const LONG_SIDES: RangeInclusive<u32> = 32..=3840;

/// What can be chosen about [`CenterFace`](crate::CenterFace).
#[derive(Clone, Debug, PartialEq)]
pub struct CenterFaceSettings {
    /// The longer side in pixels to which each picture is scaled, up or down, before the network sees it, 32 to 3840.
    /// The cost grows with its square. Default 480: a 16:9 picture becomes 480x270 and shows faces from about 8
    /// pixels of that; 320 is for close cameras, 640 for far ones. Above 640, faces that fill the picture give
    /// partial boxes: WIDER FACE, the training set, has few so large.
    pub long_side: u32,
    /// The score above which there is a face, 0 to 1. Default 0.4, from four clips of people (177 frames, 485 faces
    /// of 11 to 76 pixels, `long_side` 480): recall is 100 % and precision 99.8 %, 98.6 % on the worst clip. From
    /// 0.45 to 0.5 both are 100 %, at 0.55 recall falls to 97 %. At 0.35, photographs give about one false face in
    /// ten pictures.
    pub threshold: f32,
    /// The intersection over union above which two boxes are one face, 0 to 1. Default 0.3, CenterFace's own.
    pub nms_iou: f32,
    /// At most so many faces of a picture, the best ones. Default 256; bounds the work a hostile picture can cause.
    pub max_faces: usize,
    /// In what numbers the network computes. Default [`Precision::Float`]. [`Precision::Int8`] needs a network with ranges;
    /// the bundled one has them.
    pub precision: Precision,
}

impl Default for CenterFaceSettings {
    fn default() -> Self {
        Self { long_side: 480, threshold: 0.4, nms_iou: 0.3, max_faces: 256, precision: Precision::Float }
    }
}

impl CenterFaceSettings {
    pub(crate) fn check(&self) -> Result<(), DetectorError> {
        let probability = |value: f32| (0.0..=1.0).contains(&value);
        let wrong =
            |setting, value: String, range: &'static str| DetectorError::Setting { setting, value, range };
        if !LONG_SIDES.contains(&self.long_side) {
            return Err(wrong("long_side", self.long_side.to_string(), "32 to 3840 pixels"));
        }
        if !probability(self.threshold) {
            return Err(wrong("threshold", self.threshold.to_string(), "0 to 1"));
        }
        if !probability(self.nms_iou) {
            return Err(wrong("nms_iou", self.nms_iou.to_string(), "0 to 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_told_by_name() {
        let told = |change: fn(&mut CenterFaceSettings)| {
            let mut settings = CenterFaceSettings::default();
            change(&mut settings);
            settings.check().map_err(|e| e.to_string())
        };
        assert_eq!(told(|_| ()), Ok(()));
        assert_eq!(told(|s| s.max_faces = 0), Ok(()));
        for (change, name) in [
            ((|s| s.long_side = 0) as fn(&mut CenterFaceSettings), "long_side 0"),
            (|s| s.long_side = u32::MAX, "long_side 4294967295"),
            (|s| s.threshold = f32::NAN, "threshold NaN"),
            (|s| s.threshold = -0.1, "threshold -0.1"),
            (|s| s.nms_iou = 1.5, "nms_iou 1.5"),
        ] {
            let message = told(change).unwrap_err();
            assert!(message.contains(name), "{message}");
        }
    }
}
