//! The program `passerby`: faces in videos, pictures and cameras, from the command line.
//!
//! `passerby --help` lists its commands. Exit code 0: the command did all its work. Exit code 2: an argument is wrong, or
//! something failed, which a line on standard error describes. Exit code 128 plus the number of a signal, so 130 after Ctrl-C:
//! the signal ended the command early, and the outputs hold everything up to then.

mod advice;
mod analyze;
mod annotated_video;
mod calibrate;
mod cameras;
mod cli;
mod completions;
mod core_dumps;
mod demo;
mod evaluate;
mod live_source;
mod man;
mod missing;
mod options;
mod outcome;
mod output;
mod persons;
mod pictures;
mod probe;
mod progress;
mod report;
mod serve;
mod stop;
mod terminal;
mod track;

use std::error::Error;
use std::process::ExitCode;

use cli::Cli;
use outcome::Outcome;
use passerby::workers::can_catch_panics;

fn main() -> ExitCode {
    stop::survive_size_limit();
    core_dumps::switch_off();
    if !can_catch_panics() {
        terminal::warning("built with panic = \"abort\": a panic of any part ends the whole program");
    }
    let code = match Cli::parse() {
        Ok(Some(cli)) => cli.run().unwrap_or_else(|e| fail(&*e)),
        Ok(None) => ExitCode::SUCCESS,
        Err(e) => fail(&*e),
    };
    terminal::flush();
    code
}

/// Prints the error that ended the program, and returns the exit code.
fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    terminal::message(advice::with_advice(error));
    Outcome::Failed.exit_code()
}
