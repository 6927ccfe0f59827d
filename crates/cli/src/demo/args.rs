//! The options of `demo`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use passerby::types::BoxError;

use crate::options::{GalleryArgs, InputArgs, NetworkArgs, PictureArgs, QuietArgs, RunArgs};
use crate::output::FileClaims;
use crate::pictures::{PictureChoice, PicturePlan, Recorder, SHEET_OPTION};

/// The folder of the bundled clip's pictures.
const PICTURES: &str = "passerby-pictures";

/// Runs live cameras at once and shows who passes which of them.
///
/// Without inputs it plays the bundled clip from four places in it, for ten seconds. A file plays as a live camera, and each
/// video of a folder is a camera. On a terminal there is a line for each camera. Ctrl-C ends the run with the same summary.
///
/// At the end it writes an annotated picture of each camera and a contact sheet of the persons into the folder
/// passerby-pictures. Pictures of inputs of your own are stored only with --pictures.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby demo                                      four cameras on the bundled clip
  passerby demo --page                               the same on a live page
  passerby demo rtsp://NAME:PASSWORD@door.local/live a network camera
  passerby demo 'rtsp://door.local/live#transport=udp'
  passerby demo 'webcam:0?size=1280x720&rate=30'     a camera at this machine (built with --features webcam)
  passerby demo recordings/                          a folder of videos
  passerby demo --pictures seen/ webcam:0            with pictures of a camera of your own")]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(super) input: InputArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(flatten)]
    pub(super) networks: NetworkArgs,
    /// Writes tracks, persons and observations into this SQLite database
    ///
    /// The persons of earlier runs are known again by the templates of their faces, which are stored with it.
    #[arg(long, value_name = "FILE.sqlite", default_value = "passerby.sqlite", help_heading = "Output")]
    #[arg(allow_hyphen_values = true)]
    pub(super) db: PathBuf,
    #[command(flatten)]
    pub(super) gallery: GalleryArgs,
    #[command(flatten)]
    pub(super) pictures: PictureArgs,
    /// Shows the cameras on a live page, whose address is printed, until Ctrl-C or --seconds
    ///
    /// The bundled clip plays over and over. No pictures are written. `passerby serve` has more settings.
    #[arg(long, conflicts_with_all = ["pictures", "contact_sheet", "blur"])]
    pub(super) page: bool,
    /// The address of the live page
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8088", requires = "page")]
    pub(super) page_address: SocketAddr,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
}

impl DemoArgs {
    /// Returns the recorder of pictures, which must not overwrite an input of `files` or a file of `claims`, or `None` for inputs of the user's own without --pictures.
    ///
    /// # Errors
    /// The folder cannot be made, or holds an input; or there is nothing to blur.
    pub(super) fn recorder(
        &self,
        files: &[PathBuf],
        mut claims: FileClaims,
    ) -> Result<Option<Recorder>, BoxError> {
        let inputs = &self.input.inputs;
        let sheet = self.pictures.contact_sheet.as_deref();
        let bundled = inputs.is_empty().then_some(Path::new(PICTURES));
        let folder = self.pictures.pictures.as_deref().or(bundled);
        let blur = self.pictures.blur;
        if folder.is_none() && sheet.is_none() {
            if blur {
                return Err("--blur: only pictures are blurred (add --pictures FOLDER)".into());
            }
            return Ok(None);
        }
        if let Some(sheet) = sheet {
            claims.claim(SHEET_OPTION, sheet)?;
        }
        let files = files.iter().map(PathBuf::as_path);
        let plan = PicturePlan { folder, sheet, choice: PictureChoice::Best, blur, names: Vec::new() };
        Recorder::create(plan, files, claims).map(Some)
    }
}
