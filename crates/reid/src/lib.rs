//! Tells persons apart.
//!
//! - [`MobileFaceNet`] is an [`Embedder`](passerby_types::Embedder): it turns a face into an embedding, a vector that
//!   points in a similar direction for similar faces.
//! - [`Gallery`] is an [`Identifier`](passerby_types::Identifier): it decides which person a track is, and makes a new
//!   person of a face that it does not know. You can also enroll, search, list and remove persons by hand.
//! - [`SharedGallery`] is a gallery for several pipelines.
//!
//! ```
//! use passerby_reid::Gallery;
//! use passerby_types::{Embedding, Identifier, Sighting, Timestamp, TrackId, TrackKey};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut gallery = Gallery::new();
//! let sighting = |camera: u32, seq: u64| -> Result<Sighting, Box<dyn std::error::Error>> {
//!     Ok(Sighting {
//!         track: TrackKey { camera: camera.into(), track: TrackId(1) },
//!         seq,
//!         captured: Timestamp::default(),
//!         embedding: Embedding::new(vec![0.6, 0.8])?, // from an embedder
//!         quality: 0.8,
//!         size: 90.0,
//!     })
//! };
//!
//! // Two sightings that agree make a person.
//! for seq in 0..2 {
//!     let view = sighting(0, seq)?;
//!     gallery.identify(&[view.clone()], &[view.track]);
//! }
//! // Another camera recognises the person.
//! let elsewhere = sighting(1, 500)?;
//! gallery.identify(&[elsewhere.clone()], &[elsewhere.track]);
//! assert_eq!(gallery.identity(elsewhere.track).person(), gallery.iter().next().map(|person| person.id));
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `mobilefacenet` (default): [`MobileFaceNet`], which needs an inference engine. Without it this crate is the gallery
//!   alone and depends only on `passerby-types`.
//! - `bundled` (default): the weights (2.6 MB) are part of the binary. Without it, load them with
//!   [`MobileFaceNet::from_path`].
//! - `tract` (default): ONNX files. Without it this crate compiles much faster, and only the bundled weights or a
//!   network of `passerby_inference::Model::from_graph_bytes` can be used.
//! - `ndarray`: embeddings and templates as arrays, without a copy.
//! - `serde`: the policy as a serde type, for configuration files, and the gallery's persons for JSON.
//!
//! # Networks of your own
//! An embedder of another network should use [`picture_from_input`] if it was trained on the common 112x112 alignment.
//! Its gallery needs a [`GalleryPolicy`] that was measured on that network.

mod align;
mod decision;
mod error;
mod gallery;
mod index;
#[cfg(feature = "mobilefacenet")]
mod mobilefacenet;
#[cfg(feature = "ndarray")]
mod ndarray_views;
mod policy;
mod shared;
mod state;
mod tracks;
mod views;

pub use align::{ALIGNED_LANDMARKS, INPUT_SIDE, picture_from_input};
#[cfg(feature = "mobilefacenet")]
pub use error::EmbedderError;
pub use error::EnrollError;
pub use gallery::{Gallery, GalleryIter, GalleryPerson, Match};
#[cfg(feature = "mobilefacenet")]
pub use mobilefacenet::MobileFaceNet;
#[cfg(feature = "ndarray")]
pub use ndarray_views::embedding_view;
pub use policy::GalleryPolicy;
pub use shared::SharedGallery;
