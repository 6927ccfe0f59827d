//! Measures the error rates of the program on pictures whose truth is known.

mod attribute_figures;
mod attributes;
mod clusters;
mod face_reader;
mod open_set;
mod people;
mod persons;
mod pictures;
mod stream;

use clap::{Args, Subcommand};
use passerby::types::BoxError;

use crate::outcome::Outcome;
use attributes::AttributesArgs;
use persons::PersonsArgs;

/// Measures error rates on pictures whose truth is known.
#[derive(Args, Debug)]
pub(crate) struct EvaluateArgs {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    Attributes(AttributesArgs),
    Persons(PersonsArgs),
}

/// Measures and prints the error rates.
///
/// # Errors
/// As for the subject.
pub(crate) fn run(args: &EvaluateArgs) -> Result<Outcome, BoxError> {
    match &args.subject {
        Subject::Attributes(args) => attributes::run(args),
        Subject::Persons(args) => persons::run(args),
    }
}
