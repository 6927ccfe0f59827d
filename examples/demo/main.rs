//! Runs four live cameras at once: shows who passed which of them, when, and how old they are, and writes all of it to
//! an SQLite file.
//!
//! ```text
//! cargo run --release --example demo -- [--db FILE.sqlite] [INPUT...]
//! ```
//! An input is anything that `passerby::capture::open` accepts: a file, `rtsp://`, `http://`, `webcam:0`,
//! `scene:people=5`. Without inputs the program plays the bundled clip from four places in it, for ten seconds. On a
//! terminal it shows a line for each camera. Ctrl-C ends the run early, with the same summary and exit code 130.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

mod cameras;
mod connection_log;
mod run;
#[path = "../analyze/stop.rs"]
mod stop;
mod table;
mod view;

use std::process::ExitCode;

use lexopt::prelude::*;
use passerby::types::BoxError;

use connection_log::ConnectionLog;
use stop::{INTERRUPTED_EXIT_CODE, Stop};

const USAGE: &str = "usage: demo [--db FILE.sqlite] [INPUT...]";

fn main() -> ExitCode {
    let stopped = Stop::new(None).and_then(|stop| {
        let Some((inputs, database)) = arguments()? else {
            println!("{USAGE}");
            return Ok(false);
        };
        let connection_log = ConnectionLog::default();
        run::run("demo", cameras::open(&inputs, &connection_log)?, &database, &stop, &connection_log)?;
        Ok(stop.was_interrupted())
    });
    match stopped {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(INTERRUPTED_EXIT_CODE),
        Err(e) => {
            eprintln!("demo: {e}");
            ExitCode::from(2)
        }
    }
}

/// Returns the inputs and the database's file, or `None` if the user asked for help.
fn arguments() -> Result<Option<(Vec<String>, String)>, BoxError> {
    let mut inputs = Vec::new();
    let mut database = "passerby.sqlite".into();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("db") => database = parser.value()?.string()?,
            Long("help") | Short('h') => return Ok(None),
            Value(input) => inputs.push(input.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    Ok(Some((inputs, database)))
}
