//! Draws results onto pictures.
//!
//! - An [`Annotator`] draws boxes and labels onto a picture, in the picture's own layout, and blurs faces if asked to.
//! - [`blur_face`] makes one face unrecognisable.
//! - A [`ContactSheet`] keeps the best view of each person and shows all persons in one picture.
//!
//! ```
//! use passerby_annotate::{AnnotateSettings, Annotator};
//! use passerby_types::{Identity, ObservedFace, PersonId};
//!
//! # let folder = std::env::temp_dir().join(format!("passerby-annotate-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # std::env::set_current_dir(&folder)?;
//! # std::fs::write("photo.jpg", passerby_capture::Portrait::Obama.jpeg())?;
//! let mut image = passerby_capture::open("photo.jpg")?.next_picture()?.ok_or("no picture")?.image;
//! # let before = image.to_rgb();
//!
//! // The box comes from an observation or a detector. This one belongs to the photo.
//! let bbox = passerby_capture::Portrait::Obama.bbox();
//! let mut face = ObservedFace::new(1, bbox);
//! face.identity = Identity::Person { id: PersonId(1), similarity: 0.8 };
//!
//! let mut annotator = Annotator::new(AnnotateSettings::default());
//! annotator.name(PersonId(1), "Barack"); // instead of the number
//! annotator.draw(&mut image, &[face]);
//! # assert_ne!(image.to_rgb(), before);
//! # std::env::set_current_dir(std::env::temp_dir())?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Files
//! This crate writes no file. `passerby::write_image("seen.jpg", &image)?` of the crate `passerby` does. With the feature `image`
//! of `passerby-types`, `image.to_rgb_image().save("seen.png")?` of the `image` crate does it as well.
//!
//! # Videos
//! Keep one annotator for many pictures. The observations of a pipeline and their pictures come together from
//! `Pipeline::subscribe_frames` of `passerby-pipeline`. [`AnnotateSettings`] switches landmarks, trails and the blur on, and
//! [`Annotator::set_places`] shows zones and lines. `VideoWriter` of `passerby-mp4` writes a video file.
//!
//! # Features
//! - `image`: [`Annotator::draw_on`](Annotator) draws on an `image::RgbImage`.

mod annotator;
mod blur;
mod canvas;
mod contact_sheet;
mod glyphs;
mod label;
mod palette;
mod places;
mod rect;
mod settings;
mod thumbnail;
mod trails;

pub use annotator::Annotator;
pub use blur::blur_face;
pub use contact_sheet::{ContactSheet, SheetEntry, SheetSettings};
pub use palette::ColorBy;
pub use places::{PlaceMark, PlaceOutline};
pub use settings::AnnotateSettings;
