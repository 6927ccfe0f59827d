//! Prints the summary, for people and for programs, and the problems of a run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use passerby::pipeline::{CameraReport, CameraSnapshot, PersonSummary, Summary, WriteCounts};
use passerby::types::{CameraId, DropReason, FrameMeta, Gender, Ledger};
use serde_json::{Value, json};

use super::pipelines::RunResults;
use crate::terminal;

/// Prints each problem as one line, input by input. Returns `false` if something failed. If the inputs were not given
/// their time (`had_time`), an input without frames is not a problem.
pub(crate) fn print_problems(ended: &RunResults, had_time: bool) -> bool {
    let mut ok = ended.abandoned.is_empty();
    for report in &ended.reports {
        ok &= print_problems_of(report, had_time);
    }
    // Each input's report repeats an error of the shared sink. If the sink lost frames, that input's line named the
    // error already.
    let lost = ended.reports.iter().any(|report| report.writes.lost > 0);
    if let Some(e) = ended.reports.iter().find_map(|report| report.sink_error.as_ref()) {
        ok = false;
        if !lost {
            terminal::message(e);
        }
    }
    for thread in &ended.abandoned {
        terminal::message(format_args!("{thread} did not end"));
    }
    ok
}

fn print_problems_of(report: &CameraReport, had_time: bool) -> bool {
    let name = &report.name;
    for note in &report.notes {
        terminal::warning(with_name(name, note));
    }
    // The report keeps the first notes only, but counts all.
    let lost = report.ledger.dropped.get(&DropReason::Undecodable).copied().unwrap_or(0);
    let counted = lost + report.failures.values().sum::<u64>();
    let more = counted.saturating_sub(report.notes.len() as u64);
    if more > 0 {
        terminal::warning(format_args!("{name}: {more} more like these"));
    }
    if report.writes.lost > 0 {
        let why = report
            .sink_error
            .as_ref()
            .map_or_else(|| "the database was busy or refused them".into(), ToString::to_string);
        let WriteCounts { lost, offered, .. } = report.writes;
        terminal::message(format_args!("{name}: {lost} of {offered} frames not stored: {why}"));
    }
    let empty = report.ledger.analysed == 0 && had_time;
    if let Some(e) = &report.error {
        terminal::message(with_name(name, &e.to_string()));
    } else if empty {
        let none = if report.ledger.captured == 0 { "no frame came" } else { "no frames could be analysed" };
        terminal::message(format_args!("{name}: {none}"));
    }
    report.error.is_none() && report.writes.lost == 0 && !empty
}

/// Returns the message, beginning with the input's name.
fn with_name(name: &str, message: &str) -> String {
    if message.starts_with(name) { message.to_string() } else { format!("{name}: {message}") }
}

/// Returns the summary as one JSON object. If inputs run one after another, all but `stages_ms` is the same in every
/// run on the same inputs. If they run live, it also holds the age of results, the final detection interval, and the
/// number of frames that should have been detected on but found no free worker.
pub(crate) fn json(summary: &Summary, ended: &RunResults, live: bool) -> Value {
    let reports = &ended.reports;
    let mut total = Ledger::default();
    reports.iter().for_each(|report| total.add(&report.ledger));
    let mut stages: BTreeMap<&str, f64> = BTreeMap::new();
    for (stage, busy) in &ended.stages {
        *stages.entry(stage).or_default() += ms(*busy);
    }
    let camera = |report: &CameraReport| {
        let mut value = input(report, summary);
        if let (true, Some(figures)) = (live, snapshot(ended, report.camera)) {
            value["age_ms"] =
                json!({"p50": ms(figures.age.p50), "p95": ms(figures.age.p95), "p99": ms(figures.age.p99)});
            value["cadence"] = json!(figures.cadence);
            value["yielded"] = json!(figures.yielded);
        }
        value
    };
    let persons = summary.persons();
    let networks = ended.networks.iter().map(|n| (n.name.clone(), json!(n.backend.to_string())));
    json!({
        "networks": networks.collect::<serde_json::Map<_, _>>(),
        "frames": total.captured,
        "faces": reports.iter().map(|r| r.faces).sum::<u64>(),
        "tracks": summary.tracks().count(),
        "persons": persons.len(),
        "people": persons.iter().map(|p| person(p, reports)).collect::<Vec<_>>(),
        "inputs": reports.iter().map(camera).collect::<Vec<_>>(),
        "ledger": total,
        "stages_ms": stages.iter().map(|(stage, ms)| (stage.to_string(), json!((ms * 1e3).round() / 1e3))).collect::<serde_json::Map<_, _>>(),
    })
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the last figures of this camera.
fn snapshot(ended: &RunResults, camera: CameraId) -> Option<&CameraSnapshot> {
    ended.cameras.iter().find(|figures| figures.camera == camera)
}

fn input(report: &CameraReport, summary: &Summary) -> Value {
    json!({
        "input": report.name,
        "camera": report.camera.0,
        "frames": report.ledger.captured,
        "faces": report.faces,
        "tracks": summary.tracks().filter(|t| t.track.camera == report.camera).count(),
        "ledger": report.ledger,
        "interruptions": report.interruptions,
        "failures": report.failures,
        "writes": {"offered": report.writes.offered, "written": report.writes.written, "lost": report.writes.lost},
        "error": report.error.as_ref().map(ToString::to_string),
    })
}

fn person(person: &PersonSummary, reports: &[CameraReport]) -> Value {
    let attributes = person.attributes;
    json!({
        "person": person.id,
        "first_seen_in": input_of(&person.first, reports),
        "first_seen_s": seconds(&person.first),
        "last_seen_in": input_of(&person.last, reports),
        "last_seen_s": seconds(&person.last),
        "frames": person.frames,
        "tracks": person.tracks,
        "age": attributes.map(|a| a.age.years),
        "age_interval": attributes.map(|a| [a.age.low, a.age.high]),
        "p_male": attributes.map(|a| a.p_male),
    })
}

/// Returns the name of the input that the frame came from: times are relative to that input.
fn input_of<'a>(meta: &FrameMeta, reports: &'a [CameraReport]) -> Option<&'a str> {
    reports.iter().find(|report| report.camera == meta.camera).map(|report| report.name.as_str())
}

fn seconds(meta: &FrameMeta) -> Option<f64> {
    meta.pts.map(|p| p.as_secs_f64())
}

/// Returns the summary as text.
pub(crate) fn table(summary: &Summary, ended: &RunResults, live: bool) -> String {
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
            "{}: {} frames ({} analysed, {} coasted, {} dropped), {} faces; work on a frame {:.1} ms: {capture}detect {:.1}, track {:.2}, embed {:.1}, classify {:.1}",
            report.name,
            ledger.captured,
            ledger.analysed,
            ledger.coasted,
            ledger.dropped_total(),
            report.faces,
            work.map(|(_, time)| ms(time.busy)).sum::<f64>() / frames,
            time("detect"),
            time("track"),
            time("embed"),
            time("classify"),
        );
        if let (true, Some(figures)) = (live, snapshot(ended, report.camera)) {
            let dropped = ledger.dropped.iter().map(|(reason, n)| format!(", {n} {reason}"));
            let interrupted = match report.interruptions {
                0 => String::new(),
                n => format!(", interrupted {n} times"),
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
