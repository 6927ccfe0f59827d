//! Frames that the database did not take.

use passerby::pipeline::{CameraReport, WriteCounts};

/// Returns a line about the camera's frames that were not stored, with the reason, or `None` if all were.
pub(crate) fn lost_writes(report: &CameraReport) -> Option<String> {
    let WriteCounts { lost, offered, .. } = report.writes;
    let why =
        report.sink_error.as_ref().map_or_else(|| "the database was too slow".into(), ToString::to_string);
    let name = &report.name;
    (lost > 0).then(|| format!("{name}: {lost} of {offered} frames not stored: {why}"))
}
