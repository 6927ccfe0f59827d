//! Prints the problems of a run.

use passerby::pipeline::CameraReport;
use passerby::types::DropReason;

use super::pipelines::RunResults;
use crate::advice::with_advice;
use crate::missing::{left_out, lost_writes};
use crate::terminal;

/// Prints each problem as one line, input by input. Returns `false` if something failed. If the inputs were not given
/// their time (`had_time`), an input without frames is not a problem.
pub(super) fn print(ended: &RunResults, had_time: bool) -> bool {
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
    let empty = report.ledger.analysed == 0 && had_time;
    // Without a frame, the last note says why there was none. It is part of that message.
    let why_none = report.notes.last().filter(|_| empty && report.error.is_none());
    for note in report.notes.iter().filter(|note| why_none.is_none_or(|why| why != *note)) {
        terminal::warning(with_name(name, note));
    }
    // The report keeps the first notes only, but counts all.
    let lost = report.ledger.dropped.get(&DropReason::Undecodable).copied().unwrap_or(0);
    let counted = lost + report.failures.values().sum::<u64>();
    let more = counted.saturating_sub(report.notes.len() as u64);
    if more > 0 {
        terminal::warning(format_args!("{name}: {more} more like these"));
    }
    left_out(report).into_iter().for_each(terminal::warning);
    lost_writes(report).iter().for_each(terminal::message);
    if let Some(e) = &report.error {
        terminal::message(with_name(name, &with_advice(e)));
    } else if empty {
        let none = if report.ledger.captured == 0 { "no frame came" } else { "no frames could be analysed" };
        let why = why_none.map(|why| format!(": {}", without_name(name, why))).unwrap_or_default();
        terminal::message(format_args!("{name}: {none}{why}"));
    }
    report.error.is_none() && report.writes.lost == 0 && !empty
}

/// Returns the message, beginning with the input's name.
fn with_name(name: &str, message: &str) -> String {
    if message.starts_with(name) { message.to_string() } else { format!("{name}: {message}") }
}

/// Returns the message without the input's name at its beginning.
fn without_name<'a>(name: &str, message: &'a str) -> &'a str {
    message.strip_prefix(name).map_or(message, |rest| rest.trim_start_matches([':', ' ']))
}
