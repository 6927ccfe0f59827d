//! Tells persons apart.
//!
//! - [`MobileFaceNet`] is an [`Embedder`](passerby_types::Embedder): it turns a face into an embedding, a vector that
//!   points in a similar direction for similar faces.
//! - [`Gallery`] is an [`Identifier`](passerby_types::Identifier): it decides which person a track is, and makes a new
//!   person of a face that it does not know. You can also enroll, search, list and remove persons by hand.
//! - [`SharedGallery`] is a gallery for several pipelines.
//!
//! From photos to persons. A detector finds the face and its landmarks, and the embedder needs both:
//!
//! ```
//! # #[cfg(feature = "bundled")]
//! # mod example {
//! use std::error::Error;
//!
//! use passerby_detect::YuNet;
//! use passerby_reid::{Gallery, MobileFaceNet};
//! use passerby_types::Embedding;
//!
//! fn embedding(photo: &str) -> Result<Embedding, Box<dyn Error>> {
//!     let image = passerby_capture::open(photo)?.next_picture()?.ok_or("no picture")?.image;
//!     let faces = YuNet::bundled()?.detect_image(&image)?;
//!     let face = faces.first().ok_or("no face")?;
//!     Ok(MobileFaceNet::bundled()?.embed_face(&image, face)?.ok_or("the face cannot be aligned")?)
//! }
//!
//! # pub(crate) fn run() -> Result<(), Box<dyn Error>> {
//! let mut gallery = Gallery::new();
//! let obama = gallery.enroll(&[embedding("obama.jpg")?])?;
//! gallery.enroll(&[embedding("biden.jpg")?])?;
//!
//! let found = gallery.search(&embedding("obama2.jpg")?, 1); // another photo of the first person
//! assert_eq!(found[0].person, obama);
//! assert!(found[0].is_same());
//! println!("{} with similarity {:.2}", found[0].person, found[0].similarity);
//! # Ok(())
//! # }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "bundled")]
//! # {
//! # let folder = std::env::temp_dir().join(format!("passerby-reid-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # std::env::set_current_dir(&folder)?;
//! # use passerby_capture::Portrait::{Biden, Obama, Obama2};
//! # for (name, portrait) in [("obama", Obama), ("obama2", Obama2), ("biden", Biden)] {
//! #     std::fs::write(format!("{name}.jpg"), portrait.jpeg())?;
//! # }
//! # example::run()?;
//! # std::env::set_current_dir(std::env::temp_dir())?;
//! # std::fs::remove_dir_all(&folder)?;
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # Are two faces one person?
//! [`Embedding::cosine`](passerby_types::Embedding::cosine) of two embeddings is their similarity, from -1 to 1. The
//! similarity from which two faces are one person depends on how many persons a face is compared with: of two strangers 1 in
//! 10,000 pairs reach 0.53, so one of 100 persons is a false match for 1 stranger in 100. [`MatchRule`] computes it from the
//! share of strangers who may be taken for a known person. Faces below about 30 pixels look alike to the network. If you only
//! want to compare two photos, `passerby::same_person` of the crate `passerby` does all of it in one call.
//!
//! # Persons in a video
//! The gallery decides for a track and not for a picture. A pipeline calls [`Identifier::identify`](passerby_types::Identifier::identify)
//! with the new embeddings of its tracks, and two that agree make a person. In a loop of your own, do the same:
//!
//! ```
//! use passerby_reid::Gallery;
//! use passerby_types::{Embedding, Identifier, Sighting, Timestamp, TrackKey};
//!
//! /// Returns the number of the track's person, or `None` if the gallery has not decided yet.
//! fn identify(gallery: &mut Gallery, track: TrackKey, seq: u64, embedding: Embedding) -> Option<u64> {
//!     let sighting = Sighting {
//!         track,
//!         seq,
//!         captured: Timestamp::default(),
//!         embedding,    // from an embedder
//!         quality: 0.8, // `Face::quality`
//!         size: 90.0,   // `Face::size`, in pixels
//!     };
//!     gallery.identify(&[sighting], &[track]);
//!     gallery.identity(track).person().map(|person| person.0)
//! }
//! # let (mut gallery, track) = (Gallery::new(), TrackKey::default());
//! # let view = Embedding::new(vec![0.6, 0.8])?;
//! # assert_eq!(identify(&mut gallery, track, 0, view.clone()), None);
//! # assert_eq!(identify(&mut gallery, track, 1, view), Some(1));
//! # Ok::<(), passerby_types::EmbeddingError>(())
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
mod lasting;
#[cfg(feature = "mobilefacenet")]
mod mobilefacenet;
#[cfg(feature = "ndarray")]
mod ndarray_views;
mod policy;
mod shared;
mod similarity;
mod state;
mod suggestions;
mod tracks;
mod views;

pub use align::{ALIGNED_LANDMARKS, INPUT_SIDE, picture_from_input};
#[cfg(feature = "mobilefacenet")]
pub use error::EmbedderError;
pub use error::EnrollError;
pub use gallery::{Gallery, GalleryIter, GalleryPerson, Match};
pub use lasting::journal_link::JournalCounts;
#[cfg(feature = "mobilefacenet")]
pub use mobilefacenet::MobileFaceNet;
#[cfg(feature = "ndarray")]
pub use ndarray_views::embedding_view;
pub use policy::GalleryPolicy;
pub use shared::SharedGallery;
pub use similarity::MatchRule;
pub use suggestions::{Suggestion, SuggestionReason};
