//! Analyses videos, pictures, folders and cameras.
//!
//! ```text
//! cargo run --release --example analyze -- [OPTIONS] INPUT...
//! ```
//! `--help` lists the options. Exit code 0: the program read every input to its end, or to the end of its time. Exit
//! code 2: an argument is wrong, or an input or output failed; the program still processes the other inputs, and prints
//! one line to standard error for each failure. Exit code 130: the user pressed Ctrl-C, and the outputs hold everything
//! up to then.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

mod args;
mod detector_size;
mod files;
mod inputs;
mod live;
mod output;
mod pipelines;
mod report;
mod stop;

use std::io::Write;
use std::process::ExitCode;

use passerby::types::BoxError;

use args::Args;
use output::Outputs;
use pipelines::Pipelines;
use stop::{INTERRUPTED_EXIT_CODE, Stop};

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(Some(args)) => args,
        Ok(None) => return say(args::HELP).map_or(ExitCode::from(2), |()| ExitCode::SUCCESS),
        Err(e) => {
            eprintln!("analyze: {e}");
            return ExitCode::from(2);
        }
    };
    let ok = Stop::new(args.time).and_then(|stop| Ok((analyze(&args, &stop)?, stop.was_interrupted())));
    match ok {
        Ok((true, false)) => ExitCode::SUCCESS,
        Ok((true, true)) => ExitCode::from(INTERRUPTED_EXIT_CODE),
        Ok((false, _)) => ExitCode::from(2),
        Err(e) => {
            eprintln!("analyze: {e}");
            ExitCode::from(2)
        }
    }
}

/// Writes to standard output. A reader that closed the pipe is not an error.
fn say(text: &str) -> Result<(), BoxError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("standard output: {e}").into()),
        _ => Ok(()),
    }
}

/// Analyses every input. Returns `false` if one failed, which has been printed already, and an error if the program
/// cannot go on.
fn analyze(args: &Args, stop: &Stop) -> Result<bool, BoxError> {
    let (inputs, mut ok) = inputs::expand(&args.inputs);
    let mut outputs = Outputs::create(args, args.inputs.len() > 1 || inputs.len() > 1)?;
    let mut pipelines = Pipelines::new(args, outputs.database());

    let failed = if args.live {
        live::analyze(&inputs, args.rate, args.time.is_some(), &mut pipelines, &mut outputs, stop)
    } else {
        files::analyze(&inputs, &mut pipelines, &mut outputs, stop)
    }?;

    let mut ended = pipelines.finish();
    ended.reports.extend(failed);
    ended.reports.sort_by_key(|report| report.camera);
    for report in &mut ended.reports {
        report.name =
            inputs.iter().find(|i| i.camera == report.camera).map_or_else(String::new, |i| i.name.clone());
    }
    // Files run one after another, so the time may end before some begin. Live inputs all begin at once.
    let had_time = if args.live { !stop.was_interrupted() } else { !stop.is_requested() };
    ok &= report::print_problems(&ended, had_time);
    let summary = outputs.finish()?;
    if args.json {
        say(&format!("{}\n", report::json(&summary, &ended, args.live)))?;
    } else {
        say(&report::table(&summary, &ended, args.live))?;
    }
    Ok(ok)
}
