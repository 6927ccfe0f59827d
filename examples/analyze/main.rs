//! Videos, pictures and folders in, results out.
//!
//! ```text
//! cargo run --release --example analyze -- [OPTIONS] INPUT...
//! ```
//! `--help` lists the options. Exit code 0: every input was read to its end. 2: bad arguments, or an input or output
//! that failed; the other inputs are processed all the same, and each failure is one line on standard error.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

mod args;
mod flows;
mod inputs;
mod output;
mod report;

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use passerby::pipeline::{Report, Summary};
use passerby::store::{Sqlite, SqliteSettings};
use passerby::types::{BoxError, CameraId, Sink};

use args::Args;
use flows::Flows;
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

/// Analyses every input. `false` where one failed, which was said already; an error where nothing more can be done.
fn analyze(args: &Args) -> Result<bool, BoxError> {
    let (inputs, mut sound) = inputs::expand(&args.inputs);
    let several = args.inputs.len() > 1 || inputs.len() > 1;

    let mut flows = Flows::new(args);

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
        let report = flows.of(source.info())?.run(camera, &mut *source, sink, &mut |observation| {
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
