//! The summary, for people and for programs, and what went wrong.

use std::collections::BTreeMap;
use std::fmt::Write;

use passerby::pipeline::{PersonSummary, Report, Summary};
use passerby::types::{DropReason, FrameMeta, Gender, Ledger};
use serde_json::{Value, json};

/// Says what went wrong with an input, one line a thing; `false` where the input failed.
pub(crate) fn complain(name: &str, report: &Report) -> bool {
    for note in &report.notes {
        eprintln!("analyze: warning: {}", with_name(name, note));
    }
    // A frame that a stage failed on is in both counts, and has one note.
    let failed = report.ledger.dropped.get(&DropReason::StageFailed).copied().unwrap_or(0);
    let counted = report.ledger.dropped_total() - failed + report.failures.values().sum::<u64>();
    if counted > report.notes.len() as u64 {
        eprintln!("analyze: warning: {name}: {} more like these", counted - report.notes.len() as u64);
    }
    if report.writes.lost > 0 || report.sink_error.is_some() {
        let why = report
            .sink_error
            .as_ref()
            .map_or_else(|| "the database was busy or refused them".into(), ToString::to_string);
        eprintln!(
            "analyze: {name}: {} of {} frames not stored: {why}",
            report.writes.lost, report.writes.offered
        );
    }
    if let Some(e) = &report.error {
        eprintln!("analyze: {}", with_name(name, &e.to_string()));
    } else if report.ledger.analysed == 0 {
        eprintln!("analyze: {name}: no frames could be analysed");
    }
    report.error.is_none()
        && report.sink_error.is_none()
        && report.writes.lost == 0
        && report.ledger.analysed > 0
}

/// The message, beginning with the input's name.
fn with_name(name: &str, message: &str) -> String {
    if message.starts_with(name) { message.to_string() } else { format!("{name}: {message}") }
}

/// The whole as one JSON object. All but `stages_ms` is the same for every run on the same input.
pub(crate) fn json(summary: &Summary, reports: &[(String, Report)]) -> Value {
    let mut total = Ledger::default();
    let mut stages: BTreeMap<&str, f64> = BTreeMap::new();
    for (_, report) in reports {
        total.add(&report.ledger);
        for (stage, time) in &report.stages {
            *stages.entry(stage).or_default() += time.busy.as_secs_f64() * 1e3;
        }
    }
    let persons = summary.persons();
    json!({
        "frames": total.captured,
        "faces": reports.iter().map(|(_, r)| r.faces).sum::<u64>(),
        "tracks": summary.tracks().count(),
        "persons": persons.len(),
        "people": persons.iter().map(|p| person(p, reports)).collect::<Vec<_>>(),
        "inputs": reports.iter().map(|(name, report)| input(name, report, summary)).collect::<Vec<_>>(),
        "ledger": ledger(&total),
        "stages_ms": stages.iter().map(|(stage, ms)| (stage.to_string(), json!((ms * 1e3).round() / 1e3))).collect::<serde_json::Map<_, _>>(),
    })
}

fn input(name: &str, report: &Report, summary: &Summary) -> Value {
    json!({
        "input": name,
        "camera": report.camera.0,
        "frames": report.ledger.captured,
        "faces": report.faces,
        "tracks": summary.tracks().filter(|t| t.track.camera == report.camera).count(),
        "ledger": ledger(&report.ledger),
        "failures": report.failures,
        "writes": {"offered": report.writes.offered, "written": report.writes.written, "lost": report.writes.lost},
        "error": report.error.as_ref().map(ToString::to_string),
    })
}

fn ledger(ledger: &Ledger) -> Value {
    let dropped: BTreeMap<&str, u64> = ledger.dropped.iter().map(|(reason, n)| (reason.name(), *n)).collect();
    json!({
        "captured": ledger.captured,
        "analysed": ledger.analysed,
        "coasted": ledger.coasted,
        "dropped": dropped,
        "in_flight": ledger.in_flight,
    })
}

fn person(person: &PersonSummary, reports: &[(String, Report)]) -> Value {
    let attributes = person.attributes;
    json!({
        "person": person.id.0,
        "first_seen_in": input_of(&person.first, reports),
        "first_seen_s": seconds(&person.first),
        "last_seen_in": input_of(&person.last, reports),
        "last_seen_s": seconds(&person.last),
        "frames": person.frames,
        "tracks": person.tracks.iter().map(|t| json!({"camera": t.camera.0, "track": t.track.0})).collect::<Vec<_>>(),
        "age": attributes.map(|a| a.age.years),
        "age_interval": attributes.map(|a| [a.age.low, a.age.high]),
        "p_male": attributes.map(|a| a.p_male),
    })
}

/// The input that the frame is of: its time is one of that input.
fn input_of<'a>(meta: &FrameMeta, reports: &'a [(String, Report)]) -> Option<&'a str> {
    reports.iter().find(|(_, report)| report.camera == meta.camera).map(|(name, _)| name.as_str())
}

fn seconds(meta: &FrameMeta) -> Option<f64> {
    meta.pts.map(|p| p.as_secs_f64())
}

/// The whole as text.
pub(crate) fn table(summary: &Summary, reports: &[(String, Report)]) -> String {
    let mut out = String::new();
    for (name, report) in reports.iter().filter(|(_, report)| report.ledger.captured > 0) {
        let (ledger, ms) = (&report.ledger, |of: &str| {
            let time =
                report.stages.iter().find(|(stage, _)| *stage == of).map(|(_, t)| t.busy).unwrap_or_default();
            time.as_secs_f64() * 1e3 / report.ledger.captured.max(1) as f64
        });
        let _ = writeln!(
            out,
            "{name}: {} frames ({} analysed, {} coasted, {} dropped), {} faces; a frame took {:.1} ms: capture {:.1}, detect {:.1}, track {:.2}, embed {:.1}, classify {:.1}",
            ledger.captured,
            ledger.analysed,
            ledger.coasted,
            ledger.dropped_total(),
            report.faces,
            report.stages.iter().map(|(_, t)| t.busy.as_secs_f64() * 1e3).sum::<f64>()
                / ledger.captured.max(1) as f64,
            ms("capture"),
            ms("detect"),
            ms("track"),
            ms("embed"),
            ms("classify"),
        );
    }
    let persons = summary.persons();
    let _ = writeln!(out, "{} tracks, {} persons", summary.tracks().count(), persons.len());
    for p in persons {
        let span = |m: &FrameMeta| {
            let time = m.pts.map_or_else(|| "-".into(), |p| format!("{:.1} s", p.as_secs_f64()));
            match input_of(m, reports) {
                Some(name) if reports.len() > 1 => format!("{time} of {name}"),
                _ => time,
            }
        };
        let age = p.attributes.map_or_else(
            || "-".into(),
            |a| format!("{:.0} ({:.0}-{:.0})", a.age.years, a.age.low, a.age.high),
        );
        let gender = match p.attributes.and_then(|a| a.gender(0.8)) {
            Some(Gender::Female) => "female",
            Some(Gender::Male) => "male",
            None => "-",
        };
        let _ = writeln!(
            out,
            "  {}: {} to {}, {} tracks, {} frames, age {age}, {gender}",
            p.id,
            span(&p.first),
            span(&p.last),
            p.tracks.len(),
            p.frames
        );
    }
    out
}
