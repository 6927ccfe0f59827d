//! The report as tables for a terminal.

use std::fmt::Write;
use std::time::Duration;

use console::measure_text_width;
use jiff::Zoned;
use passerby::store::query::{Period, TrafficRow};
use passerby::types::visible;

use passerby::report::ReportRecord;

/// The most characters of a bar.
const BAR_WIDTH: usize = 40;
/// The name of all cameras together.
const ALL: &str = "all";

/// Returns the report as text.
pub(super) fn text(record: &ReportRecord) -> String {
    let mut out = String::new();
    let (Some(first), Some(last)) = (&record.first, &record.last) else {
        return format!("no visits{}\n", left_out(record));
    };
    let _ = writeln!(out, "{} to {} ({}){}", minute(first), minute(last), record.time_zone, left_out(record));
    out.push_str("\nCameras\n");
    out.push_str(&cameras(record));
    let _ = writeln!(out, "\nBy {}", if record.by == Period::Day { "day" } else { "hour" });
    out.push_str(&periods(record));
    if !record.places.line_totals.is_empty() {
        out.push_str("\nLines\n");
        out.push_str(&lines(record));
    }
    if !record.places.zone_totals.is_empty() {
        out.push_str("\nZones\n");
        out.push_str(&zones(record));
    }
    out.push_str("\nAges\n");
    out.push_str(&ages(record));
    out.push_str("\nGenders\n");
    out.push_str(&genders(record));
    if !record.transitions.is_empty() {
        out.push_str("\nWays\n");
        out.push_str(&ways(record));
    }
    for path in &record.paths {
        let _ = writeln!(out, "\nThe way of {}", path.person);
        let rows = path
            .steps
            .iter()
            .map(|step| vec![visible(&step.camera).to_string(), second(&step.from), second(&step.to)]);
        out.push_str(&table(&["camera", "from", "to"], rows.collect()));
    }
    if !record.last_seen.is_empty() {
        out.push_str("\nLast seen\n");
        out.push_str(&last_seen(record));
    }
    out
}

fn left_out(record: &ReportRecord) -> String {
    match record.left_out {
        0 => String::new(),
        n => format!("; {n} tracks left out, because a clock was set while they lived"),
    }
}

fn cameras(record: &ReportRecord) -> String {
    let rows = record.totals.iter().map(|row| {
        let mut cells = vec![camera(row)];
        cells.extend(counts(row));
        let dwell = record.dwell.iter().find(|dwell| dwell.camera == row.camera);
        cells.extend(match dwell {
            Some(dwell) => [dwell.median, dwell.p90, dwell.longest].map(span),
            None => ["-"; 3].map(str::to_owned),
        });
        cells
    });
    let head = [
        "camera",
        "visits",
        "persons",
        "new",
        "returning",
        "unidentified",
        "median stay",
        "9 of 10",
        "longest",
    ];
    table(&head, rows.collect())
}

fn periods(record: &ReportRecord) -> String {
    let time = if record.by == Period::Day { "%a %Y-%m-%d" } else { "%a %Y-%m-%d %H:%M %Z" };
    let rows = record.traffic.iter().map(|row| {
        let (mean, peak) = record.occupancy_of(row);
        let mut cells = vec![row.start.strftime(time).to_string(), camera(row)];
        cells.extend(counts(row));
        cells.extend([format!("{mean:.1}"), peak.to_string()]);
        cells
    });
    let head =
        ["begins", "camera", "visits", "persons", "new", "returning", "unidentified", "present", "at most"];
    table(&head, rows.collect())
}

fn lines(record: &ReportRecord) -> String {
    let rows = record.places.line_totals.iter().map(|row| {
        let [camera, line] = [&row.camera, &row.line].map(|name| visible(name).to_string());
        vec![camera, line, row.left_to_right.to_string(), row.right_to_left.to_string()]
    });
    table(&["camera", "line", "to the right", "to the left"], rows.collect())
}

fn zones(record: &ReportRecord) -> String {
    let rows = record.places.zone_totals.iter().map(|row| {
        let [camera, zone] = [&row.camera, &row.zone].map(|name| visible(name).to_string());
        let mut cells =
            vec![camera, zone, row.entered.to_string(), format!("{:.1}", row.mean), row.peak.to_string()];
        let stays = [row.median, row.p90, row.longest];
        cells.extend(stays.map(|stay| stay.map_or_else(|| "-".to_owned(), span)));
        cells
    });
    let head = ["camera", "zone", "entered", "present", "at most", "median stay", "9 of 10", "longest"];
    table(&head, rows.collect())
}

fn ages(record: &ReportRecord) -> String {
    let persons: u64 = record.ages.bands.iter().map(|band| band.persons).sum::<u64>() + record.ages.unknown;
    let bands = record.ages.bands.iter().map(|band| {
        let name = match band.to {
            Some(to) => format!("{} to {}", band.from, to - 1),
            None => format!("{} and more", band.from),
        };
        bar(name, band.persons, persons)
    });
    let rows = bands.chain([bar("unknown".into(), record.ages.unknown, persons)]);
    table(&["years", "persons", "share", ""], rows.collect())
}

fn genders(record: &ReportRecord) -> String {
    let genders = &record.genders;
    let persons = genders.female + genders.male + genders.unknown;
    let rows = [("female", genders.female), ("male", genders.male), ("unknown", genders.unknown)];
    let rows = rows.map(|(name, count)| bar(name.into(), count, persons));
    table(&["gender", "persons", "share", ""], rows.into())
}

fn ways(record: &ReportRecord) -> String {
    let rows = record.transitions.iter();
    let rows =
        rows.map(|t| vec![visible(&t.from).to_string(), visible(&t.to).to_string(), t.times.to_string()]);
    table(&["from", "to", "times"], rows.collect())
}

fn last_seen(record: &ReportRecord) -> String {
    let rows = record.last_seen.iter().map(|row| {
        let name = row.name.as_deref().map_or_else(|| "-".to_owned(), |name| visible(name).to_string());
        let camera = visible(&row.camera).to_string();
        vec![
            row.person.to_string(),
            name,
            second(&row.last_seen),
            camera,
            second(&row.first_seen),
            row.visits.to_string(),
        ]
    });
    table(&["person", "name", "last seen", "camera", "first seen", "visits"], rows.collect())
}

fn camera(row: &TrafficRow) -> String {
    row.camera.as_deref().map_or_else(|| ALL.to_owned(), |name| visible(name).to_string())
}

fn counts(row: &TrafficRow) -> [String; 5] {
    [row.visits, row.persons, row.new, row.returning, row.unidentified].map(|n| n.to_string())
}

fn bar(name: String, count: u64, of: u64) -> Vec<String> {
    let share = count as f64 / of.max(1) as f64;
    let bar = "#".repeat((share * BAR_WIDTH as f64).round() as usize);
    vec![name, count.to_string(), format!("{:.1} %", share * 100.0), bar]
}

/// Returns a stay as people say it, for example `4.2 s`, `3:05 min` or `2:10 h`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

fn minute(at: &Zoned) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn second(at: &Zoned) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Returns the rows with their columns aligned: numbers to the right, and all else to the left.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let is_number = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit()) || cell == "-";
    let right: Vec<bool> = (0..head.len())
        .map(|column| {
            !rows.is_empty()
                && rows.iter().all(|row| {
                    is_number(&row[column]) && !row[column].contains(['-', 't']) || row[column] == "-"
                })
        })
        .collect();
    let head = head.iter().map(|&cell| cell.to_owned()).collect();
    let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let widths: Vec<usize> = (0..right.len())
        .map(|column| all.iter().map(|row| measure_text_width(&row[column])).max().unwrap_or_default())
        .collect();
    let mut out = String::new();
    for row in all {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(&widths).zip(&right) {
            let space = " ".repeat(width - measure_text_width(cell));
            line += &if *right { format!("  {space}{cell}") } else { format!("  {cell}{space}") };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_the_right() {
        let rows = vec![
            vec!["Tür".into(), "7".into(), "1:05 min".into()],
            vec!["a".into(), "12".into(), "-".into()],
        ];
        let expected = "  camera  visits      stay\n  Tür          7  1:05 min\n  a           12         -\n";
        assert_eq!(table(&["camera", "visits", "stay"], rows), expected);
    }

    #[test]
    fn a_stay_has_the_unit_that_fits() {
        let text = |ms| span(Duration::from_millis(ms));
        assert_eq!([text(4_240), text(185_000), text(7_800_000)], ["4.2 s", "3:05 min", "2:10 h"]);
    }
}
