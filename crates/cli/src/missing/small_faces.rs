//! Faces that are too small for the detector.

use passerby::detect::YuNetSettings;
use passerby::types::Observation;

/// The sizes of the smallest faces that the detector looked for, over all frames.
#[derive(Clone, Debug)]
pub(crate) struct SmallFaces {
    settings: YuNetSettings,
    /// True if the user asked for faces of `min_face`, and did not just set the size of the input.
    is_asked: bool,
    /// The smallest and the largest of these sizes, in pixels. `None` before the first frame.
    sizes: Option<(f32, f32)>,
}

impl SmallFaces {
    /// Creates the sizes of a detector with these settings. `is_min_face_given` is true if the user set `min_face`.
    pub(crate) fn new(settings: YuNetSettings, is_min_face_given: bool) -> Self {
        let is_asked = is_min_face_given || settings.long_side.is_none();
        Self { settings, is_asked, sizes: None }
    }

    /// Takes the size of a frame.
    pub(crate) fn add(&mut self, observation: &Observation) {
        // The governor's own reductions are reported with the camera.
        let detail = observation.meta.detail.max(1.0);
        let size = self.settings.smallest_face(observation.width, observation.height, detail);
        let (least, most) = self.sizes.unwrap_or((size, size));
        self.sizes = Some((least.min(size), most.max(size)));
    }

    /// Returns the size from which on faces were found in every picture, or `None` without a frame.
    pub(crate) fn limit(&self) -> Option<f32> {
        self.sizes.map(|(_, most)| most)
    }

    /// Returns a line that says which faces were not looked for, or an empty text without a frame.
    pub(crate) fn line(&self) -> String {
        let Some((least, most)) = self.sizes else { return String::new() };
        let span = match (least.round(), most.round()) {
            (least, most) if least == most => format!("{most}"),
            (least, most) => format!("{least} to {most} (by the size of the picture)"),
        };
        format!(
            "faces of less than {span} pixels were not looked for; --min-face and --detector-side set the limit\n"
        )
    }

    /// Returns a warning if the detector's input is too small for the faces that `--min-face` asks for.
    pub(crate) fn warning(&self) -> Option<String> {
        let (_, most) = self.sizes?;
        let wanted = self.settings.min_face;
        // Sizes are rounded to steps of the input.
        (self.is_asked && most > 1.1 * wanted).then(|| {
            format!(
                "the detector's input is too small for faces of {wanted:.0} pixels: in the largest picture it finds those from {most:.0} on"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use passerby::types::FrameMeta;

    use super::*;

    fn seen(settings: YuNetSettings, sizes: &[(u32, u32)]) -> SmallFaces {
        let is_given = settings.min_face != YuNetSettings::default().min_face;
        let mut faces = SmallFaces::new(settings, is_given);
        for (width, height) in sizes {
            faces.add(&Observation::new(FrameMeta::new(0, 0), *width, *height));
        }
        faces
    }

    #[test]
    fn the_limit_is_said() {
        let faces = seen(YuNetSettings::default(), &[(1920, 1080)]);
        assert!(
            faces.line().starts_with("faces of less than 24 pixels were not looked for"),
            "{}",
            faces.line()
        );
        assert_eq!(faces.warning(), None);
        assert_eq!(seen(YuNetSettings::default(), &[]).line(), "");
    }

    #[test]
    fn an_input_that_is_too_small_for_the_wanted_faces_is_a_warning() {
        let fixed = YuNetSettings { long_side: Some(320), ..YuNetSettings::default() };
        let faces = seen(fixed.clone(), &[(640, 360), (3840, 2160)]);
        assert_eq!((faces.limit(), faces.warning()), (Some(120.0), None), "the user set the input alone");
        let both = YuNetSettings { min_face: 30.0, ..fixed };
        let warning = seen(both, &[(640, 360), (3840, 2160)]).warning().unwrap();
        assert!(warning.contains("faces of 30 pixels") && warning.ends_with("from 120 on"), "{warning}");
        let capped = YuNetSettings { min_face: 5.0, ..YuNetSettings::default() };
        assert!(seen(capped, &[(8000, 4500)]).warning().unwrap().ends_with("from 21 on"));
    }
}
