//! Videos, pictures and folders in, results out.
//!
//! ```text
//! cargo run --release --example analyze -- [OPTIONS] INPUT...
//! ```
//! `--help` lists the options. Exit code 0: every input was read to its end. 2: bad arguments, or an input or output
//! that failed; the other inputs are processed all the same, and each failure is one line on standard error.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

mod args;
mod inputs;
mod output;
mod report;

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

use passerby::Settings;
use passerby::pipeline::{Flow, FlowSettings, Report, Summary};
use passerby::store::{Sqlite, SqliteSettings};
use passerby::types::{BoxError, CameraId, Sink, SystemClock};

use args::Args;
use inputs::Input;
use output::{Faces, Mot};

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(Some(args)) => args,
        Ok(None) => return say(args::HELP).map_or(ExitCode::from(2), |()| ExitCode::SUCCESS),
        Err(e) => {
            eprintln!("analyze: {e}");
            return ExitCode::from(2);
        }
    };
    match analyze(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(e) => {
            eprintln!("analyze: {e}");
            ExitCode::from(2)
        }
    }
}

/// Writes to standard output. A reader that has gone away is no error.
fn say(text: &str) -> Result<(), BoxError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("standard output: {e}").into()),
        _ => Ok(()),
    }
}

/// The settings for these inputs.
fn settings(args: &Args, stills: bool) -> Settings {
    let mut settings = Settings::default();
    settings.detector.long_side = args.long_side.unwrap_or(settings.detector.long_side);
    if let Some(threshold) = args.threshold {
        (settings.detector.threshold, settings.tracker.strong) = (threshold, threshold);
    }
    if args.every_frame {
        settings.tracker.strong = 0.0;
    }
    if stills {
        // A photograph is all there is of its track: one look has to do.
        (settings.tracker.strong, settings.tracker.min_hits, settings.gallery.founding) = (0.0, 1, 1);
        (settings.vote.views, settings.vote.quality) = (1, 0.0);
    }
    settings
}

/// Analyses every input. `false` where one failed, which was said already; an error where nothing more can be done.
fn analyze(args: &Args) -> Result<bool, BoxError> {
    let (inputs, mut sound) = inputs::expand(&args.inputs);
    let several = args.inputs.len() > 1 || inputs.len() > 1;

    let settings = settings(args, inputs.iter().filter(|input| input.exists()).all(Input::is_still));
    let flow_settings =
        if args.every_frame { FlowSettings::default().every_frame() } else { FlowSettings::default() };
    let mut flow = Flow::new(passerby::stages(&settings)?, flow_settings, Arc::new(SystemClock::new()))?;

    let mut database =
        args.db.as_ref().map(|path| Sqlite::open(path, SqliteSettings::default())).transpose()?;
    let mut mot = args.mot.as_ref().map(|path| Mot::create(path, several)).transpose()?;
    let mut faces = args.faces.as_ref().map(|path| Faces::create(path, args.every_frame)).transpose()?;
    let (mut summary, mut reports) = (Summary::default(), Vec::new());

    for (number, input) in (0..).zip(inputs) {
        let camera = CameraId(number);
        let name = input.name();
        let mut source = match input.open() {
            Ok(source) => source,
            Err(e) => {
                eprintln!("analyze: {e}");
                sound = false;
                reports.push((name, Report { camera, error: Some(e.into()), ..Report::default() }));
                continue;
            }
        };
        if let Some(database) = &mut database {
            database.cameras(&[(camera, &name)])?;
        }
        let mut broken = None;
        let sink = database.as_mut().map(|d| d as &mut dyn Sink);
        let report = flow.run(camera, &mut *source, sink, &mut |observation| {
            summary.add(observation);
            if let Some(mot) = &mut mot {
                mot.add(observation);
            }
            match faces.as_mut().map_or(Ok(()), |faces| faces.write(&name, observation)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(e) => {
                    broken = Some(e);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(e) = broken {
            return Err(e);
        }
        if let Some(mot) = &mut mot {
            mot.finish(&name, report.ledger.captured)?;
        }
        sound &= report::complain(&name, &report);
        reports.push((name, report));
    }

    if let Some(faces) = faces {
        faces.finish()?;
    }
    if let Some(database) = database {
        database.finish()?;
    }
    if args.json {
        say(&format!("{}\n", report::json(&summary, &reports)))?;
    } else {
        say(&report::table(&summary, &reports))?;
    }
    Ok(sound)
}
