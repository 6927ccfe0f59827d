#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod page;

pub use page::{PageFile, UPLOT_SCRIPT, UPLOT_STYLE, page_file};
