//! Annotated pictures and videos.

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

    /// Writes the best view of each person into this file, with age, gender, first and last time
    ///
    /// JPEG or PNG, by the extension. With --pictures, instead of contact-sheet.jpg in its folder.
    #[arg(long, value_name = "FILE.jpg", allow_hyphen_values = true)]
    pub(crate) contact_sheet: Option<PathBuf>,

    /// Makes the faces in pictures and videos unrecognisable
    #[arg(long)]
    pub(crate) blur: bool,
}

impl PictureArgs {
    /// Returns true if pictures are written.
    pub(crate) fn is_any(&self) -> bool {
        self.pictures.is_some() || self.contact_sheet.is_some()
    }
}

/// Annotated videos.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct VideoArgs {
    /// Writes the input as a video with boxes, trails, persons, ages, genders, zones and lines
    ///
    /// H.264 in MP4, with every frame at its own time. With several inputs OUT is a folder of STEM.mp4. A frame between two detections
    /// shows the boxes that the tracker expects.
    #[arg(long, value_name = "OUT.mp4", allow_hyphen_values = true)]
    pub(crate) annotate: Option<PathBuf>,

    /// With --annotate, the number of frames whose boxes leave a dot; 0 for none
    #[arg(long, value_name = "N", default_value_t = 24, requires = "annotate", value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(crate) trail: u16,
}
