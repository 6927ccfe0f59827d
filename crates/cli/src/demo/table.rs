//! The summary as text: who was seen by which camera, and how many frames were analysed, coasted and dropped.

use std::fmt::Write as _;
use std::time::Duration;

use passerby::pipeline::{PersonSummary, PipelineReport, Summary};
use passerby::types::{Attributes, Gender};

use crate::terminal::counted;

/// The width of the line that shows when a person was seen, in characters.
const TIMELINE_WIDTH: usize = 40;

/// Returns the persons, the cameras, and the count of all frames.
pub(super) fn text(summary: &Summary, done: &PipelineReport) -> String {
    let mut out = String::new();
    let persons = summary.persons();
    let end = summary.tracks().filter_map(|t| t.last.pts).max().unwrap_or_default().as_secs_f64();
    let _ = writeln!(
        out,
        "person  cameras  first    last     frames  age          gender   seen (0 to {end:.0} s)"
    );
    for person in &persons {
        let time = |pts: Option<Duration>| format!("{:.1} s", pts.unwrap_or_default().as_secs_f64());
        let tracks = || summary.tracks().filter(|t| t.person == Some(person.id));
        let known = person.attributes;
        let age = known
            .and_then(|a| a.certain_age())
            .map(|age| format!("{:.0} ({:.0} to {:.0})", age.years, age.low, age.high));
        let gender = match known.and_then(|a| a.gender(Attributes::GENDER_CONFIDENCE)) {
            Some(Gender::Female) => "female",
            Some(Gender::Male) => "male",
            None => "unknown",
        };
        let _ = writeln!(
            out,
            "{:<7} {:<8} {:<8} {:<8} {:<7} {:<12} {gender:<8} {}",
            person.id.0,
            cameras(person),
            time(tracks().filter_map(|t| t.first.pts).min()),
            time(tracks().filter_map(|t| t.last.pts).max()),
            person.frames,
            age.unwrap_or_else(|| "unknown".into()),
            timeline(person, summary, end),
        );
    }
    let _ = writeln!(
        out,
        "\ncamera  frames  analysed  coasted  dropped  latency p50  latency p95  p99     detector"
    );
    for camera in &done.figures.cameras {
        let ledger = &camera.ledger;
        let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
        let _ = writeln!(
            out,
            "{:<7} {:<7} {:<9} {:<8} {:<8} {:<12} {:<12} {:<7} on 1 of {} frames at the end",
            camera.camera.0,
            ledger.captured,
            ledger.analysed,
            ledger.coasted,
            ledger.dropped_total(),
            ms(camera.age.p50),
            ms(camera.age.p95),
            ms(camera.age.p99),
            camera.cadence,
        );
    }
    for camera in done.figures.cameras.iter().filter(|camera| camera.interruptions > 0) {
        let _ =
            writeln!(out, "camera {} was away {}", camera.camera.0, counted(camera.interruptions, "time"));
    }
    let ledger = done.figures.ledger();
    let reasons: Vec<String> =
        ledger.dropped.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let yielded = match done.figures.cameras.iter().map(|camera| camera.yielded).sum::<u64>() {
        0 => String::new(),
        frames => format!(" ({frames} since no worker came to them)"),
    };
    let reduced = match done.figures.cameras.iter().map(|camera| camera.reduced).sum::<u64>() {
        0 => String::new(),
        frames => format!(" ({frames} at a smaller size, since the machine was full)"),
    };
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let _ = writeln!(
        out,
        "\n{} frames captured = {} analysed{reduced} + {} coasted{yielded} + {} dropped{reasons}; {}, {} not stored",
        ledger.captured,
        ledger.analysed,
        ledger.coasted,
        ledger.dropped_total(),
        counted(summary.tracks().count() as u64, "track"),
        counted(done.written.total().lost, "frame"),
    );
    out
}

/// Returns the cameras that saw the person.
fn cameras(person: &PersonSummary) -> String {
    person.cameras.iter().map(|camera| camera.0.to_string()).collect::<Vec<_>>().join(" ")
}

/// Returns when any camera saw the person, as a line from the start of the run to its end.
fn timeline(person: &PersonSummary, summary: &Summary, end: f64) -> String {
    let mut cells = ['.'; TIMELINE_WIDTH];
    let cell = |pts: Option<Duration>| {
        let share = pts.unwrap_or_default().as_secs_f64() / end.max(1e-9);
        ((share * (TIMELINE_WIDTH - 1) as f64) as usize).min(TIMELINE_WIDTH - 1)
    };
    for track in summary.tracks().filter(|t| t.person == Some(person.id)) {
        let from = cell(track.first.pts);
        let to = cell(track.last.pts);
        cells[from..=to.max(from)].fill('#');
    }
    cells.iter().collect()
}
