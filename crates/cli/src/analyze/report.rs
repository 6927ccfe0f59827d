//! The summary, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use passerby::pipeline::{CameraReport, CameraSnapshot, PersonSummary, Summary, SummaryRecord};
use passerby::types::{Attributes, BoxError, CameraId, FrameMeta, Gender};
use passerby::zones::CameraZones;
use serde::Serialize;
use serde_json::{Map, Value};

use super::pipelines::RunResults;
use crate::terminal::counted;

/// The largest number of photographs that a person's line names.
const MAX_NAMES: usize = 6;

/// The summary as JSON.
#[derive(Serialize)]
struct Report<'a> {
    /// The engine of each network.
    networks: Map<String, Value>,
    /// The size from which on the detector finds faces in every picture, in pixels. `null` without a frame.
    smallest_face: Option<f32>,
    /// The counts of zones and lines, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    zones: Option<Vec<ZoneRecord<'a>>>,
    #[serde(flatten)]
    summary: SummaryRecord<'a>,
}

/// The counts of one input.
#[derive(Serialize)]
struct ZoneRecord<'a> {
    input: &'a str,
    #[serde(flatten)]
    counts: &'a CameraZones,
}

impl<'a> ZoneRecord<'a> {
    fn new(ended: &'a RunResults, counts: &'a CameraZones) -> Self {
        Self { input: name(ended, counts.camera), counts }
    }
}

/// Returns the summary as one JSON object. If inputs run one after another, all but `stages_ms` is the same in every
/// run on the same inputs. If they run live, it also holds their figures.
pub(super) fn json(
    summary: &Summary,
    ended: &RunResults,
    live: bool,
    smallest_face: Option<f32>,
) -> Result<Value, BoxError> {
    let record = SummaryRecord::new(summary, &ended.reports);
    let record = if live { record.with_live_figures(&ended.cameras) } else { record };
    let networks = ended.networks.iter().map(|n| (n.name.clone(), n.backend.to_string().into()));
    let zones = ended.zones.as_ref();
    let zones = zones.map(|zones| zones.iter().map(|counts| ZoneRecord::new(ended, counts)).collect());
    // A `Value` has its keys in the order of the alphabet.
    Ok(serde_json::to_value(Report { networks: networks.collect(), smallest_face, zones, summary: record })?)
}

/// Returns the name of an input.
fn name(ended: &RunResults, camera: CameraId) -> &str {
    ended.reports.iter().find(|report| report.camera == camera).map_or("", |report| report.name.as_str())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the last figures of this camera.
fn snapshot(ended: &RunResults, camera: CameraId) -> Option<&CameraSnapshot> {
    ended.cameras.iter().find(|figures| figures.camera == camera)
}

/// Returns the summary as text.
pub(super) fn table(summary: &Summary, ended: &RunResults, live: bool) -> String {
    let mut out = String::new();
    let reports = &ended.reports;
    for report in reports.iter().filter(|report| report.ledger.captured > 0) {
        let ledger = &report.ledger;
        let frames = report.ledger.captured as f64;
        let time = |of: &str| {
            let time = report.stages.iter().find(|(stage, _)| *stage == of);
            time.map_or(0.0, |(_, time)| ms(time.busy) / frames)
        };
        // The time of a live camera's capture is waiting, not work.
        let capture = if live { String::new() } else { format!("capture {:.1}, ", time("capture")) };
        let work = report.stages.iter().filter(|(stage, _)| !live || *stage != "capture");
        let _ = writeln!(
            out,
            "{}: {} ({} analysed, {} coasted, {} dropped), {}; work on a frame {:.1} ms: {capture}detect {:.1}, track {:.2}, embed {:.1}, classify {:.1}",
            report.name,
            counted(ledger.captured, "frame"),
            ledger.analysed,
            ledger.coasted,
            ledger.dropped_total(),
            counted(report.faces, "face"),
            work.map(|(_, time)| ms(time.busy)).sum::<f64>() / frames,
            time("detect"),
            time("track"),
            time("embed"),
            time("classify"),
        );
        if report.faces_outside_region > 0 {
            let _ = writeln!(
                out,
                "  {} outside its regions, not tracked",
                counted(report.faces_outside_region, "face")
            );
        }
        if let (true, Some(figures)) = (live, snapshot(ended, report.camera)) {
            let dropped = ledger.dropped.iter().map(|(reason, n)| format!(", {n} {reason}"));
            let interrupted = match report.interruptions {
                0 => String::new(),
                n => format!(", interrupted {}", counted(n, "time")),
            };
            let _ = writeln!(
                out,
                "  results {:.0} ms old (p95 {:.0}, p99 {:.0}), the detector on 1 of {} frames at the end{}{interrupted}",
                ms(figures.age.p50),
                ms(figures.age.p95),
                ms(figures.age.p99),
                figures.cadence,
                dropped.collect::<String>(),
            );
        }
    }
    for counts in ended.zones.iter().flatten() {
        out.push_str(&places(name(ended, counts.camera), counts));
    }
    let persons = summary.persons();
    let tracks = counted(summary.tracks().count() as u64, "track");
    let _ = writeln!(out, "{tracks}, {}", counted(persons.len() as u64, "person"));
    for p in persons {
        let age = p.attributes.and_then(|a| a.certain_age()).map_or_else(
            || "unknown".into(),
            |age| format!("{:.0} ({:.0}-{:.0})", age.years, age.low, age.high),
        );
        let gender = match p.attributes.and_then(|a| a.gender(Attributes::GENDER_CONFIDENCE)) {
            Some(Gender::Female) => "female",
            Some(Gender::Male) => "male",
            None => "gender unknown",
        };
        let _ = writeln!(
            out,
            "  {}: {}, {}, {}, age {age}, {gender}",
            p.id,
            span(&p, reports),
            counted(p.tracks.len() as u64, "track"),
            counted(p.frames, "frame"),
        );
    }
    out
}

/// Returns the counts of the zones and lines of an input, a line for each.
fn places(input: &str, counts: &CameraZones) -> String {
    let mut out = String::new();
    for line in &counts.lines {
        let (right, left) = (line.left_to_right, line.right_to_left);
        let _ = writeln!(out, "{input}: line {}: {right} to the right, {left} to the left", line.name);
    }
    for zone in &counts.zones {
        let entered = counted(zone.entered, "time");
        let stay = match u32::try_from(zone.left).ok().and_then(|left| zone.dwell.checked_div(left)) {
            Some(mean) => format!(", {:.1} s on average", mean.as_secs_f64()),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "{input}: zone {}: entered {entered}, at most {} at once{stay}",
            zone.name, zone.peak
        );
    }
    out
}

/// Returns when and in which inputs the person was seen, for example `0.0 s of a.mp4 to 9.5 s of b.mp4`. A photograph has no
/// time. The name is left out if there is a single input with times.
fn span(person: &PersonSummary, reports: &[CameraReport]) -> String {
    let name = |meta: &FrameMeta| {
        let report = reports.iter().find(|report| report.camera == meta.camera);
        report.map_or("", |report| report.name.as_str())
    };
    let time = |meta: &FrameMeta| meta.pts.map(|pts| format!("{:.1} s", pts.as_secs_f64()));
    let PersonSummary { first, last, .. } = person;
    let is_one = first.camera == last.camera;
    let named = |meta: &FrameMeta| match time(meta) {
        Some(time) => format!("{time} of {}", name(meta)),
        None => name(meta).to_owned(),
    };
    match (time(first), time(last)) {
        (None, None) => named_photographs(person, reports),
        (Some(from), Some(to)) if reports.len() == 1 => format!("{from} to {to}"),
        (Some(from), Some(to)) if is_one => format!("{from} to {to} of {}", name(first)),
        _ => format!("{} to {}", named(first), named(last)),
    }
}

/// Returns the names of the photographs that show the person, at most `MAX_NAMES` of them.
fn named_photographs(person: &PersonSummary, reports: &[CameraReport]) -> String {
    let names = reports.iter().filter(|report| person.cameras.contains(&report.camera));
    let shown: Vec<&str> = names.take(MAX_NAMES).map(|report| report.name.as_str()).collect();
    let more = person.cameras.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use passerby::types::PersonId;

    use super::*;

    /// Returns the span of a person that was seen first and last at these cameras and times.
    fn span_of(first: (u32, Option<u64>), last: (u32, Option<u64>), inputs: u32) -> String {
        let meta = |(camera, seconds): (u32, Option<u64>)| {
            let mut meta = FrameMeta::new(camera, 0);
            meta.pts = seconds.map(Duration::from_secs);
            meta
        };
        let person = PersonSummary {
            id: PersonId(1),
            first: meta(first),
            last: meta(last),
            frames: 1,
            tracks: Vec::new(),
            cameras: (first.0..=last.0).map(CameraId).collect(),
            attributes: None,
        };
        let report = |camera| CameraReport {
            camera: CameraId(camera),
            name: format!("{camera}.jpg"),
            ..CameraReport::default()
        };
        span(&person, &(0..inputs).map(report).collect::<Vec<_>>())
    }

    #[test]
    fn a_photograph_is_named_once() {
        assert_eq!(span_of((0, None), (0, None), 2), "0.jpg");
    }

    #[test]
    fn each_photograph_of_a_person_is_named() {
        assert_eq!(span_of((0, None), (2, None), 3), "0.jpg, 1.jpg, 2.jpg");
    }

    #[test]
    fn a_person_of_many_photographs_has_a_short_line() {
        let six = "0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, 5.jpg";
        assert_eq!(span_of((0, None), (5, None), 9), six);
        assert_eq!(span_of((0, None), (8, None), 9), format!("{six} and 3 more"));
    }

    #[test]
    fn a_video_is_named_once_if_there_are_several() {
        assert_eq!(span_of((0, Some(1)), (0, Some(9)), 1), "1.0 s to 9.0 s");
        assert_eq!(span_of((0, Some(1)), (0, Some(9)), 2), "1.0 s to 9.0 s of 0.jpg");
        assert_eq!(span_of((0, Some(1)), (1, Some(9)), 2), "1.0 s of 0.jpg to 9.0 s of 1.jpg");
        assert_eq!(span_of((0, Some(1)), (1, None), 2), "1.0 s of 0.jpg to 1.jpg");
    }
}
