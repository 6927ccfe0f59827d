#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod fmp4;
mod page;
mod video;

pub use fmp4::{Fmp4Error, Fmp4Frame, Fmp4Muxer, InitSegment};
pub use page::{PageFile, UPLOT_SCRIPT, UPLOT_STYLE, page_file};
pub use video::{VideoEnd, VideoFeed, VideoMessage};
