//! Annotated pictures.

use std::path::PathBuf;

use clap::Args;

/// Annotated pictures. No picture is stored without them.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct PictureArgs {
    /// Writes annotated pictures and contact-sheet.jpg into this folder
    ///
    /// Boxes with person, age and gender; the contact sheet has the best view of each person. FOLDER must not hold an input.
    #[arg(long, value_name = "FOLDER", allow_hyphen_values = true)]
    pub(crate) pictures: Option<PathBuf>,

    /// Makes the faces in these pictures unrecognisable
    #[arg(long)]
    pub(crate) blur: bool,
}

impl PictureArgs {
    /// Must be called if no pictures are written.
    ///
    /// # Errors
    /// The user asked for blurred pictures.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.blur && self.pictures.is_none() {
            return Err("--blur: only pictures are blurred (add --pictures FOLDER)".into());
        }
        Ok(())
    }
}
