//! Writes annotated videos.

#[cfg(feature = "mp4")]
mod camera;
mod files;
#[cfg(feature = "mp4")]
mod place_counts;
#[cfg(feature = "mp4")]
mod recorder;
#[cfg(not(feature = "mp4"))]
mod without;

pub(crate) use files::VideoFiles;
#[cfg(feature = "mp4")]
pub(crate) use recorder::VideoRecorder;
#[cfg(not(feature = "mp4"))]
pub(crate) use without::VideoRecorder;
