//! The options of `report`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use passerby::store::query::Period;

use crate::options::seconds;

/// Answers from a database: who came, when, how long, and by which way.
///
/// Counts the visits and the different persons of each hour or day and camera, new and returning persons, how long they stayed, how many
/// were there at once, their ages and genders, their ways over the cameras, and who was seen last. A visit ends if the person
/// is not seen for --visit-gap. Only reads the database, also while another program writes it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby report door.sqlite                               all of it, as tables
  passerby report --from 2026-06-01 --to 2026-06-07 --by day door.sqlite
  passerby report --camera door --format csv door.sqlite    for a spreadsheet
  passerby report --format html --output week.html door.sqlite")]
pub(crate) struct ReportArgs {
    /// The database, which --db of `analyze` or `demo` wrote
    #[arg(value_name = "DATABASE")]
    pub(crate) database: PathBuf,

    /// The first day, 2026-06-01, or moment, 2026-06-01T08:00 [default: the beginning]
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    pub(crate) from: Option<String>,
    /// The last day, or the moment after the last one [default: the end]
    #[arg(long, value_name = "TIME", help_heading = "Selection")]
    pub(crate) to: Option<String>,
    /// Only this camera, by its name; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Selection", allow_hyphen_values = true)]
    pub(crate) camera: Vec<String>,
    /// Only this person, with the way over the cameras; may be repeated
    ///
    /// A number, for example 3. If numbers mean a person only within a run, the run comes first: 2:3 is person 3 of run 2.
    #[arg(long, value_name = "PERSON", help_heading = "Selection")]
    pub(crate) person: Vec<String>,

    /// The length of a time step [default: hour up to a week, and day beyond]
    #[arg(long, value_name = "STEP", value_enum, help_heading = "Counting")]
    pub(crate) by: Option<Step>,
    /// The time zone of hours, days, --from and --to, for example Europe/Berlin [default: that of this machine]
    #[arg(long, value_name = "ZONE", help_heading = "Counting")]
    pub(crate) time_zone: Option<String>,
    /// The longest break in a visit, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds(0.0..=1e8), default_value = "300", help_heading = "Counting")]
    pub(crate) visit_gap: Duration,
    /// The number of persons in the list of the last seen
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Counting")]
    pub(crate) last_seen: usize,

    /// The format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Table, help_heading = "Output")]
    pub(crate) format: Format,
    /// The file to write, for its owner alone [default: standard output]
    #[arg(long, short, value_name = "FILE", help_heading = "Output", allow_hyphen_values = true)]
    pub(crate) output: Option<PathBuf>,
}

/// The length of a time step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// An hour of the clock
    Hour,
    /// A day of the calendar
    Day,
}

impl Step {
    pub(super) fn period(self) -> Period {
        match self {
            Self::Hour => Period::Hour,
            Self::Day => Period::Day,
        }
    }
}

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people
    Table,
    /// One object with everything
    Json,
    /// One row a time step and camera, zone or line; rows without a camera are all of them together
    Csv,
    /// One page with charts, which needs no network
    Html,
}
