//! The options that several commands share.

mod cadence;
mod detector_size;
mod input_args;
mod network_args;
mod number;
mod output_args;
mod picture_args;
mod run_args;
mod tracker_args;
mod zone_args;

pub(crate) use input_args::InputArgs;
pub(crate) use network_args::NetworkArgs;
pub(crate) use number::{number, seconds};
pub(crate) use output_args::{GalleryArgs, KeyArgs, OutputArgs, QuietArgs};
pub(crate) use picture_args::{PictureArgs, VideoArgs};
pub(crate) use run_args::{RunArgs, default_workers};
pub(crate) use tracker_args::TrackerArgs;
pub(crate) use zone_args::ZoneArgs;
