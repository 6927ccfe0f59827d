//! Completions for shells.

use clap::{Args, Command};
use clap_complete::Shell;
use passerby::types::BoxError;

use crate::outcome::Outcome;
use crate::terminal;

/// Prints a script that completes the program's commands and options in a shell.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby completions bash > ~/.local/share/bash-completion/completions/passerby
  passerby completions zsh > \"${fpath[1]}/_passerby\"
  passerby completions fish > ~/.config/fish/completions/passerby.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, command: &mut Command) -> Result<Outcome, BoxError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "passerby", &mut script);
    terminal::print(&String::from_utf8(script)?)?;
    Ok(Outcome::Done)
}
