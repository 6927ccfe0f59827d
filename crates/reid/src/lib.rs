//! Tells persons apart: [`MobileFaceNet`], an [`Embedder`](passerby_types::Embedder) that turns faces into directions
//! in which near means alike, and [`Gallery`], an [`Identifier`](passerby_types::Identifier) that says which person a
//! track is, also one it has never seen.
//!
//! ```
//! use std::time::Duration;
//!
//! use passerby_reid::Gallery;
//! use passerby_types::{CameraId, Embedding, Identifier, Sighting, Timestamp, TrackId, TrackKey};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut gallery = Gallery::new();
//! let look = |camera, track, seq| -> Result<Sighting, Box<dyn std::error::Error>> {
//!     Ok(Sighting {
//!         track: TrackKey { camera: CameraId(camera), track: TrackId(track) },
//!         seq,
//!         captured: Timestamp(Duration::from_millis(40 * seq)),
//!         embedding: Embedding::new(vec![0.6, 0.8])?, // from an embedder
//!         quality: 0.8,
//!         size: 90.0,
//!     })
//! };
//!
//! // Two looks that agree make a person; another camera recognises it.
//! for seq in 0..2 {
//!     let sighting = look(0, 1, seq)?;
//!     gallery.identify(&[sighting.clone()], &[sighting.track]);
//! }
//! let elsewhere = look(1, 1, 500)?;
//! gallery.identify(&[elsewhere.clone()], &[elsewhere.track]);
//! assert_eq!(gallery.identity(elsewhere.track).person(), gallery.persons().next().map(|p| p.id));
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `bundled` (default): the weights (2.6 MB) are part of the binary. Without it, load them with
//!   [`MobileFaceNet::from_path`].
//!
//! # Networks of your own
//! An embedder of another network uses [`picture_from_input`] if it was trained on the common 112x112 alignment, and
//! its gallery needs a [`GalleryPolicy`] measured on that network.

mod align;
mod decide;
mod error;
mod gallery;
mod index;
mod mobilefacenet;
mod policy;
mod shared;
mod tracks;
mod views;

pub use align::{SIDE, TEMPLATE, picture_from_input};
pub use error::EmbedderError;
pub use gallery::{Gallery, GalleryPerson};
pub use mobilefacenet::MobileFaceNet;
pub use policy::GalleryPolicy;
pub use shared::SharedGallery;

/// What errors call this stage.
const STAGE: &str = "embed";
