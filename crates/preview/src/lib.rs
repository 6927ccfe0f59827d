#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod app;
mod connection;
mod control;
mod error;
mod guard;
mod live;
mod page;
mod pictures;
mod places;
mod routes;
mod server;
mod settings;
mod sources;
mod video;

pub use control::{CameraControl, ControlError, ListedCamera};
pub use error::PreviewError;
pub use page::{PageFile, UPLOT_SCRIPT, UPLOT_STYLE, page_file};
pub use server::PreviewServer;
pub use settings::PreviewSettings;
pub use sources::PreviewSources;
pub use video::{VideoEnd, VideoFeed, VideoMessage};
