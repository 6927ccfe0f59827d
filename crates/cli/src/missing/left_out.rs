//! The faces that the detector left out, in words.

use passerby::pipeline::CameraReport;

/// Returns a sentence about the faces beyond the detector's limit, or `None` if there were none.
pub(crate) fn left_out(report: &CameraReport) -> Option<String> {
    let boxes = report.faces_left_out;
    let limit = passerby::Settings::default().detector.max_faces;
    (boxes > 0).then(|| {
        format!("{}: {boxes} boxes left out, since some frames had more than {limit} faces", report.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_faces_beyond_the_limit_are_worth_a_word() {
        let mut report = CameraReport { name: "crowd.jpg".into(), ..CameraReport::default() };
        assert_eq!(left_out(&report), None);
        report.faces_left_out = 7;
        let text = left_out(&report).unwrap();
        assert_eq!(text, "crowd.jpg: 7 boxes left out, since some frames had more than 1024 faces");
    }
}
