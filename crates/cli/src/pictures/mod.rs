//! Writes annotated pictures and a contact sheet.

mod names;
mod recorder;

pub(crate) use names::unique_name;
pub(crate) use recorder::{PictureChoice, PicturePlan, Recorder, SHEET_OPTION};
