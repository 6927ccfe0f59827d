//! Why a track has no person.

use passerby::pipeline::Summary;

use crate::terminal::counted;

/// Returns lines that say why tracks have no person, or an empty text if each track has one. A face must have `min_size`
/// pixels to be identified.
pub(crate) fn unidentified(summary: &Summary, min_size: f32) -> String {
    let sizes = || summary.tracks().filter(|track| track.person.is_none()).map(|track| track.largest_face);
    let small: Vec<f32> = sizes().filter(|size| *size < min_size).collect();
    let other = sizes().count() - small.len();
    let mut text = String::new();
    if let Some(largest) = small.iter().copied().reduce(f32::max) {
        let smallest = small.iter().copied().fold(largest, f32::min);
        let span = match (smallest.round(), largest.round()) {
            (from, to) if from == to => format!("{to}"),
            (from, to) => format!("{from} to {to}"),
        };
        text += &format!(
            "{} had faces of {span} pixels; {min_size} are needed to identify a person\n",
            tracks(small.len())
        );
    }
    if other > 0 {
        text += &format!("{} gave too few good views to identify a person\n", tracks(other));
    }
    text
}

fn tracks(count: usize) -> String {
    counted(count as u64, "track")
}

#[cfg(test)]
mod tests {
    use passerby::types::{BBox, Face, FrameMeta, Observation, ObservedFace};

    use super::*;

    /// Returns the summary of tracks with faces of these sizes, none of which was identified.
    fn summary(sizes: &[f32]) -> Summary {
        let mut observation = Observation::new(FrameMeta::new(0, 0), 640, 360);
        for (track, size) in (1_u64..).zip(sizes) {
            let bbox = BBox::from_xywh(0.0, 0.0, *size, 2.0 * size);
            let mut face = ObservedFace::new(track, bbox);
            face.face = Some(Face::new(bbox, 0.9));
            observation.faces.push(face);
        }
        let mut summary = Summary::default();
        summary.add(&observation);
        summary
    }

    #[test]
    fn small_faces_are_named_with_the_size_that_is_needed() {
        let text = unidentified(&summary(&[12.2, 25.0, 18.0]), 30.0);
        assert_eq!(text, "3 tracks had faces of 12 to 25 pixels; 30 are needed to identify a person\n");
    }

    #[test]
    fn large_faces_without_a_person_were_seen_too_briefly() {
        let text = unidentified(&summary(&[25.0, 80.0]), 30.0);
        assert_eq!(
            text,
            "1 track had faces of 25 pixels; 30 are needed to identify a person\n\
             1 track gave too few good views to identify a person\n"
        );
    }

    #[test]
    fn nothing_is_said_without_tracks() {
        assert_eq!(unidentified(&Summary::default(), 30.0), "");
    }
}
