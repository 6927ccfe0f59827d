//! Runs live cameras at once: shows who passes which of them, when, and how old they are, and writes all of it to an SQLite
//! file.

mod args;
mod cameras;
mod connection_log;
mod live_page;
mod live_run;
mod table;
mod view;

use passerby::types::BoxError;

use crate::outcome::Outcome;
use crate::stop::Stop;
pub(crate) use args::DemoArgs;
use connection_log::ConnectionLog;

/// Runs the cameras until they end, or until Ctrl-C or `--seconds`.
///
/// # Errors
/// An input cannot be opened, or the database cannot be written.
pub(crate) fn run(args: &DemoArgs) -> Result<Outcome, BoxError> {
    if args.page {
        return live_page::run(args);
    }
    let stop = Stop::new(args.run.seconds)?;
    let connection_log = ConnectionLog::default();
    let cameras = cameras::open(&args.input.inputs, args.run.live, &connection_log)?;
    let ok = live_run::run(cameras, args, &stop, &connection_log)?;
    Ok(if ok { stop.outcome() } else { Outcome::Failed })
}
