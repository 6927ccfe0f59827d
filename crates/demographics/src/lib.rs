//! Age and gender: [`DlibAgeGender`], a [`Classifier`](passerby_types::Classifier) that estimates both from a single
//! view of a face, and [`AttributeVote`], a [`AttributeFusion`](passerby_types::AttributeFusion) that settles them over the views of a track.
//!
//! They are estimates of what a network says, for statistics over many people; of one person they are often wrong.
//!
//! ```
//! use passerby_demographics::{DlibAgeGender, AttributeVote};
//! use passerby_types::{Age, Attributes, Classifier, AttributeFusion, TrackKey};
//!
//! # #[cfg(feature = "bundled")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut classifier = DlibAgeGender::bundled()?;
//! classifier.classify(&[], &mut [])?;
//!
//! let (mut vote, track) = (AttributeVote::new(), TrackKey::default());
//! for years in [31.0, 35.0, 33.0] {
//!     let view = Attributes { age: Age { years, low: years - 8.0, high: years + 9.0 }, p_male: 0.9 };
//!     vote.fuse(track, &view, 0.6);
//! }
//! let known = vote.attributes(track).ok_or("three good views are enough")?;
//! assert!((known.age.years - 33.0).abs() < 0.1 && known.p_male > 0.9);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bundled"))]
//! # fn main() {}
//! ```
//!
//! # Features
//! - `bundled` (default): the weights (5.6 MB) are part of the binary. Without it, load them with
//!   [`DlibAgeGender::from_paths`].

mod align;
mod dlib;
mod error;
mod network;
mod vote;

pub use dlib::DlibAgeGender;
pub use error::ClassifierError;
pub use vote::{AttributeVote, VoteSettings};

/// What errors call this stage.
const STAGE: &str = "classify";
