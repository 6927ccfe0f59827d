//! Draws results onto pictures.
//!
//! - An [`Annotator`] draws boxes and labels onto a picture, in the picture's own layout, and blurs faces if asked to.
//! - [`blur_face`] makes one face unrecognisable.
//! - A [`ContactSheet`] keeps the best view of each person and shows all persons in one picture.
//!
//! Nothing here stores a picture in a file.
//!
//! ```
//! use passerby_annotate::{AnnotateSettings, Annotator};
//! use passerby_types::{BBox, ColorSpace, Image, ObservedFace, PixelLayout};
//!
//! let bytes = vec![128; PixelLayout::I420.tight_len(640, 360)];
//! let mut image = Image::from_vec(PixelLayout::I420, 640, 360, ColorSpace::default(), bytes)?;
//! let faces = [ObservedFace::new(1, BBox::from_xywh(280.0, 120.0, 80.0, 100.0))];
//! Annotator::new(AnnotateSettings::default()).draw(&mut image, &faces);
//! # Ok::<(), passerby_types::ImageError>(())
//! ```

mod annotator;
mod blur;
mod canvas;
mod contact_sheet;
mod glyphs;
mod label;
mod palette;
mod rect;
mod settings;
mod thumbnail;
mod trails;

pub use annotator::Annotator;
pub use blur::blur_face;
pub use contact_sheet::{ContactSheet, SheetEntry, SheetSettings};
pub use palette::ColorBy;
pub use settings::AnnotateSettings;
