//! The report as rows for a spreadsheet.

use std::time::Duration;

use jiff::Zoned;
use passerby::report::ReportRecord;
use passerby::store::query::{LineRow, TrafficRow, ZoneRow};
use passerby::types::BoxError;

const COLUMNS: [&str; 18] = [
    "start",
    "end",
    "camera",
    "visits",
    "persons",
    "new",
    "returning",
    "unidentified",
    "mean_present",
    "peak_present",
    "zone",
    "entered",
    "median_stay_s",
    "p90_stay_s",
    "longest_stay_s",
    "line",
    "left_to_right",
    "right_to_left",
];

/// The cells of a row, one a column. A cell is empty if the row has no value for it.
type Cells = [String; COLUMNS.len()];

/// Returns one row for each period and camera, after the names of the columns, and then one for each period and zone, and for each
/// period and line. Rows without a camera are all cameras together.
///
/// # Errors
/// None is expected: the rows go into memory.
pub(super) fn text(record: &ReportRecord) -> Result<String, BoxError> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(COLUMNS)?;
    for row in &record.traffic {
        out.write_record(traffic(row, record.occupancy_of(row)))?;
    }
    for row in &record.places.zones {
        out.write_record(zone(row))?;
    }
    for row in &record.places.lines {
        out.write_record(line(row))?;
    }
    Ok(String::from_utf8(out.into_inner()?)?)
}

fn traffic(row: &TrafficRow, (mean, peak): (f64, u64)) -> Cells {
    cells(&[
        ("start", rfc3339(&row.start)),
        ("end", rfc3339(&row.end)),
        ("camera", row.camera.clone().unwrap_or_default()),
        ("visits", row.visits.to_string()),
        ("persons", row.persons.to_string()),
        ("new", row.new.to_string()),
        ("returning", row.returning.to_string()),
        ("unidentified", row.unidentified.to_string()),
        ("mean_present", format!("{mean:.3}")),
        ("peak_present", peak.to_string()),
    ])
}

fn zone(row: &ZoneRow) -> Cells {
    let stay =
        |time: Option<Duration>| time.map_or_else(String::new, |time| format!("{:.3}", time.as_secs_f64()));
    cells(&[
        ("start", rfc3339(&row.start)),
        ("end", rfc3339(&row.end)),
        ("camera", row.camera.clone()),
        ("mean_present", format!("{:.3}", row.mean)),
        ("peak_present", row.peak.to_string()),
        ("zone", row.zone.clone()),
        ("entered", row.entered.to_string()),
        ("median_stay_s", stay(row.median)),
        ("p90_stay_s", stay(row.p90)),
        ("longest_stay_s", stay(row.longest)),
    ])
}

fn line(row: &LineRow) -> Cells {
    cells(&[
        ("start", rfc3339(&row.start)),
        ("end", rfc3339(&row.end)),
        ("camera", row.camera.clone()),
        ("line", row.line.clone()),
        ("left_to_right", row.left_to_right.to_string()),
        ("right_to_left", row.right_to_left.to_string()),
    ])
}

/// Returns a row with these cells, each with the name of its column.
fn cells(values: &[(&str, String)]) -> Cells {
    COLUMNS.map(|column| {
        let value = values.iter().find(|(name, _)| *name == column);
        value.map_or_else(String::new, |(_, value)| value.clone())
    })
}

fn rfc3339(at: &Zoned) -> String {
    at.timestamp().display_with_offset(at.offset()).to_string()
}
