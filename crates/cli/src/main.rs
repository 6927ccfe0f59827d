//! The program `passerby`: faces in videos, pictures and cameras, from the command line.
//!
//! `passerby --help` lists its commands. Exit code 0: the command did all its work. Exit code 2: an argument is wrong, or
//! something failed, which a line on standard error describes. Exit code 130: the user pressed Ctrl-C, and the outputs hold
//! everything up to then.

mod analyze;
mod calibrate;
mod cameras;
mod cli;
mod completions;
mod demo;
mod inputs;
mod man;
mod options;
mod outcome;
mod probe;
mod stop;
mod terminal;
mod track;

use std::process::ExitCode;

use cli::Cli;

fn main() -> ExitCode {
    match Cli::parse() {
        Ok(Some(cli)) => cli.run().unwrap_or_else(|e| terminal::fail(&*e)),
        Ok(None) => ExitCode::SUCCESS,
        Err(e) => terminal::fail(&*e),
    }
}
