//! The manual pages.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;
use passerby::types::BoxError;

use crate::outcome::Outcome;
use crate::terminal;

/// Prints the manual page, or writes the pages of all commands.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby man | man -l -
  passerby man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Writes a page for the program and one for each command into this folder
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, command: Command) -> Result<Outcome, BoxError> {
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        terminal::print(&String::from_utf8(page)?)?;
        return Ok(Outcome::Done);
    };
    let at = |e| format!("{}: {e}", folder.display());
    std::fs::create_dir_all(folder).map_err(at)?;
    clap_mangen::generate_to(command, folder).map_err(at)?;
    Ok(Outcome::Done)
}
