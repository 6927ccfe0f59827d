//! The command line: the commands, and errors in it as one line.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use passerby::types::BoxError;

use crate::analyze::AnalyzeArgs;
use crate::calibrate::CalibrateArgs;
use crate::completions::CompletionsArgs;
use crate::demo::DemoArgs;
use crate::evaluate::EvaluateArgs;
use crate::man::ManArgs;
use crate::persons::PersonsArgs;
use crate::probe::ProbeArgs;
use crate::report::ReportArgs;
use crate::serve::ServeArgs;
use crate::track::TrackArgs;
use crate::{
    analyze, calibrate, cameras, completions, demo, evaluate, man, persons, probe, report, serve, terminal,
    track,
};

/// Finds, follows, recognises and describes the faces in videos, pictures and cameras.
#[derive(Debug, Parser)]
#[command(
    name = "passerby",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    args_override_self = true,
    after_help = "Examples:
  passerby demo                          four cameras on the bundled clip
  passerby demo rtsp://door.local/live   a camera of your own
  passerby analyze --json door.mp4       a video, with a summary as JSON
  passerby serve passerby.toml           all cameras of a configuration, until it is stopped
  passerby report door.sqlite            who came, when and for how long
  passerby persons passerby.sqlite list  the persons of all runs
  passerby probe rtsp://door.local/live  what the camera gives

Exit codes: 0 success, 2 if something failed (with a message), 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(DemoArgs),
    Analyze(AnalyzeArgs),
    Serve(ServeArgs),
    Report(ReportArgs),
    Persons(PersonsArgs),
    Track(TrackArgs),
    Probe(ProbeArgs),
    /// Lists the cameras at this machine with their formats.
    Cameras,
    Calibrate(CalibrateArgs),
    Evaluate(EvaluateArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Cli {
    /// Reads the command line. Returns `None` if it asks for help or the version, which is then printed.
    ///
    /// # Errors
    /// Returns one line that names the wrong argument.
    pub(crate) fn parse() -> Result<Option<Self>, BoxError> {
        match Self::try_parse() {
            Ok(cli) => Ok(Some(cli)),
            Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                terminal::print(&e.render().to_string())?;
                Ok(None)
            }
            Err(e) if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                terminal::message_lines(e.render().to_string().trim_end());
                Err("no command given".into())
            }
            Err(e) => Err(one_line(&e).into()),
        }
    }

    /// Runs the command and returns the exit code.
    ///
    /// # Errors
    /// The error that ended the command.
    pub(crate) fn run(self) -> Result<ExitCode, BoxError> {
        let outcome = match self.command {
            Command::Demo(args) => demo::run(&args),
            Command::Analyze(args) => analyze::run(&args),
            Command::Serve(args) => serve::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Persons(args) => persons::run(&args),
            Command::Track(args) => track::run(&args),
            Command::Probe(args) => probe::run(&args),
            Command::Cameras => cameras::run(),
            Command::Calibrate(args) => calibrate::run(args),
            Command::Evaluate(args) => evaluate::run(&args),
            Command::Completions(args) => completions::run(&args, &mut Self::command()),
            Command::Man(args) => man::run(&args, Self::command()),
        };
        Ok(outcome?.exit_code())
    }
}

/// Returns an error of the command line as one line, for example `--threshold 1.5: expected a number from 0 to 1`.
fn one_line(error: &clap::Error) -> String {
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    // An argument reads `--live <FPS>`; its name is enough.
    let argument = text(ContextKind::InvalidArg).map(|arg| name_of(&arg)).unwrap_or_default();
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let mut line = match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("no {argument} given"),
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument}: a value is missing"),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let expected = text(ContextKind::ValidValue).map(|valid| format!("expected one of {valid}"));
            let why = std::error::Error::source(error).map(ToString::to_string);
            format!("{argument} {value}: {}", why.or(expected).unwrap_or_else(|| "not a valid value".into()))
        }
        ErrorKind::UnknownArgument => format!("{argument}: no such option"),
        ErrorKind::InvalidSubcommand => {
            format!("{}: no such command", text(ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        _ => {
            let rendered = error.render().to_string();
            let first = rendered.split("\n\n").next().unwrap_or_default();
            first.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
        }
    };
    let suggested = text(ContextKind::SuggestedArg).or_else(|| text(ContextKind::SuggestedSubcommand));
    if let Some(suggested) = suggested.or_else(|| text(ContextKind::SuggestedValue)) {
        line.push_str(&format!("; did you mean {suggested}?"));
    }
    line + " (--help lists the options)"
}

/// Returns the name of an argument as clap shows it: `--live` for `--live <FPS>`, and `input` for `<INPUT>...`.
fn name_of(shown: &str) -> String {
    let names = shown.split(", ").map(|name| match name.strip_prefix('<') {
        Some(rest) => rest.trim_end_matches('.').trim_end_matches('>').to_lowercase(),
        None => name.split(' ').next().unwrap_or_default().to_owned(),
    });
    names.collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_error_is_one_line_that_names_the_argument() {
        let refused = |args: &[&str]| {
            let args = [&["passerby"], args].concat();
            one_line(&Cli::try_parse_from(args).unwrap_err())
        };
        let end = " (--help lists the options)";
        let cases: [(&[&str], &str); 6] = [
            (&["analyze", "--treshold", "1", "x"], "--treshold: no such option; did you mean --threshold?"),
            (&["analyze", "--threshold", "1.5", "x"], "--threshold 1.5: expected a number from 0 to 1"),
            (&["probe"], "no uri given"),
            (&["analyze", "--mot"], "--mot: a value is missing"),
            (&["analyse"], "analyse: no such command; did you mean analyze?"),
            (&["track", "a"], "no out.txt given"),
        ];
        for (args, line) in cases {
            assert_eq!(refused(args), format!("{line}{end}"), "{args:?}");
        }
    }
}
