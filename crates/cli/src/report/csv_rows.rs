//! The report as rows for a spreadsheet.

use jiff::Zoned;
use passerby::types::BoxError;

use passerby::report::ReportRecord;

const COLUMNS: [&str; 10] = [
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
];

/// Returns one row for each period and camera, after the names of the columns. Rows without a camera are all cameras together.
///
/// # Errors
/// None is expected: the rows go into memory.
pub(super) fn text(record: &ReportRecord) -> Result<String, BoxError> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(COLUMNS)?;
    for row in &record.traffic {
        let (mean, peak) = record.occupancy_of(row);
        let counts = [row.visits, row.persons, row.new, row.returning, row.unidentified];
        let mut fields = vec![rfc3339(&row.start), rfc3339(&row.end), row.camera.clone().unwrap_or_default()];
        fields.extend(counts.map(|n| n.to_string()));
        fields.push(format!("{mean:.3}"));
        fields.push(peak.to_string());
        out.write_record(&fields)?;
    }
    Ok(String::from_utf8(out.into_inner()?)?)
}

fn rfc3339(at: &Zoned) -> String {
    at.timestamp().display_with_offset(at.offset()).to_string()
}
