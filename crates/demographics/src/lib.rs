//! Estimates age and gender.
//!
//! - [`DlibAgeGender`] is a [`Classifier`](passerby_types::Classifier): it estimates both from a single view of a face.
//! - [`AttributeVote`] is an [`AttributeFusion`](passerby_types::AttributeFusion): it combines the estimates of a track.
//!
//! The estimates are meant for statistics over many people. For a single person they are often wrong.
//!
//! ```
//! use passerby_demographics::AttributeVote;
//! use passerby_types::{Age, AttributeFusion, Attributes, TrackKey};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut vote = AttributeVote::new();
//! let track = TrackKey::default();
//! for years in [31.0, 35.0, 33.0] {
//!     // From a classifier.
//!     let view = Attributes { age: Age { years, low: years - 8.0, high: years + 9.0 }, p_male: 0.9 };
//!     vote.fuse(track, &view, 0.6);
//! }
//! let known = vote.attributes(track).ok_or("three good views are enough")?;
//! assert!((known.age.years - 33.0).abs() < 0.1 && known.p_male > 0.9);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `bundled` (default): the weights (5.6 MB) are part of the binary. Without it, load them with
//!   [`DlibAgeGender::from_paths`].
//! - `tract` (default): ONNX files. Without it this crate compiles much faster, and only the bundled weights or networks
//!   of [`Model::from_graph_bytes`](passerby_inference::Model::from_graph_bytes) can be used.
//! - `serde`: the vote's settings as a serde type, for configuration files.

mod align;
mod dlib;
mod error;
mod network;
mod vote;

pub use dlib::DlibAgeGender;
pub use error::ClassifierError;
pub use vote::{AttributeVote, VoteSettings};
