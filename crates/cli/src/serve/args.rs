//! The options of `serve`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use passerby::types::BoxError;

use crate::options::GalleryArgs;

/// The configuration that `serve` reads if no file is named.
const FILE: &str = "passerby.toml";

/// Runs cameras until it is stopped, by a configuration file or as named here.
///
/// FILE.toml names the cameras with their zones and all settings; without a name it is passerby.toml. A change of its cameras and zones
/// takes effect while it runs, when the file changes or on SIGHUP; the other cameras lose no frame. A wrong file changes nothing,
/// and a message names the line. Inputs instead of a file run with the defaults; files among them play over and over. Ctrl-C and
/// SIGTERM end it: every frame that was read is analysed and written.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby serve                             the cameras of passerby.toml
  passerby serve --check /etc/passerby.toml  only says whether the file is right
  passerby serve rtsp://door.local/live      a camera with the defaults
  kill -HUP $(pidof passerby)                reads the file again")]
pub(crate) struct ServeArgs {
    /// The configuration, or cameras, videos and folders
    #[arg(value_name = "FILE.toml|INPUT")]
    pub(super) words: Vec<OsString>,

    /// Checks the configuration with its cameras' names, zones and passwords, and ends
    #[arg(long)]
    pub(super) check: bool,

    /// The database of inputs that are named here; a configuration names its own
    #[arg(long, value_name = "FILE.sqlite", help_heading = "Output", allow_hyphen_values = true)]
    pub(super) db: Option<PathBuf>,
    #[command(flatten)]
    pub(super) gallery: GalleryArgs,
}

/// A configuration, or inputs.
#[derive(Debug)]
pub(super) enum Wanted<'a> {
    /// The cameras of a configuration.
    File(&'a Path),
    /// These inputs.
    Inputs(&'a [OsString]),
}

impl ServeArgs {
    /// Returns the configuration or the inputs that the user named.
    ///
    /// # Errors
    /// The options contradict each other.
    pub(super) fn wanted(&self) -> Result<Wanted<'_>, BoxError> {
        let is_file = |word: &OsString| Path::new(word).extension().is_some_and(|end| end == "toml");
        let wanted = match &self.words[..] {
            [] => Wanted::File(Path::new(FILE)),
            [file] if is_file(file) => Wanted::File(Path::new(file)),
            words => match words.iter().find(|word| is_file(word)) {
                Some(file) => {
                    let file = file.display();
                    return Err(format!("{file}: a configuration stands alone; name the inputs in it").into());
                }
                None => Wanted::Inputs(words),
            },
        };
        match wanted {
            Wanted::File(path) if self.db.is_some() || self.gallery.is_given() => {
                let file = path.display();
                Err(format!(
                    "--db, --no-gallery and --key-file: with {file} the table [store] of the file says it"
                )
                .into())
            }
            Wanted::Inputs(_) if self.check => Err("--check: only a configuration can be checked".into()),
            wanted => Ok(wanted),
        }
    }
}
