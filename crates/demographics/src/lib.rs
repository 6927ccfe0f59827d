//! Estimates age and gender.
//!
//! - [`AgeGender`] is a [`Classifier`](passerby_types::Classifier): it estimates both from a single view of a face.
//!   [`DlibAgeGender`] is a lighter one.
//! - [`AttributeVote`] is an [`AttributeFusion`](passerby_types::AttributeFusion): it combines the estimates of a track.
//!
//! The estimates are meant for statistics over many people. For a single person they are often wrong: the mean error of the age is 6
//! years. `docs/attributes.md` in the repository has the errors by age and group.
//!
//! A photo to its estimate. A detector finds the face and its landmarks, and the classifier needs both:
//!
//! ```
//! use passerby_demographics::AgeGender;
//! use passerby_detect::YuNet;
//!
//! # #[cfg(feature = "bundled")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("passerby-demographics-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # std::env::set_current_dir(&folder)?;
//! # std::fs::write("photo.jpg", passerby_capture::Portrait::Biden.jpeg())?;
//! let image = passerby_capture::open("photo.jpg")?.next_picture()?.ok_or("no picture")?.image;
//! let faces = YuNet::bundled()?.detect_image(&image)?;
//!
//! let mut classifier = AgeGender::bundled()?;
//! for face in &faces {
//!     // `None` if the view shows too little: it is small, blurred or noisy, or its landmarks fit no face.
//!     if let Some(estimate) = classifier.classify_face(&image, face)? {
//!         let age = estimate.age;
//!         println!("{:.0} years ({:.0} to {:.0}), male: {:.2}", age.years, age.low, age.high, estimate.p_male);
//!         assert!(age.years > 45.0 && estimate.p_male > 0.8);
//!     }
//! }
//! # assert_eq!(faces.len(), 1);
//! # std::env::set_current_dir(std::env::temp_dir())?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "bundled"))]
//! # fn main() {}
//! ```
//!
//! The interval from `low` to `high` holds the true age nine times out of ten. An age with a wide interval is best shown as unknown:
//! [`Age::is_certain`](passerby_types::Age::is_certain). [`Attributes::gender`](passerby_types::Attributes::gender) returns a gender if
//! it is sure enough, and none for small children.
//!
//! # Several views of a person
//! One view of a face is a weak witness. The vote combines the views of a track by their quality
//! ([`Face::quality`](passerby_types::Face::quality)), and answers after three good ones:
//!
//! ```
//! use passerby_demographics::AttributeVote;
//! use passerby_types::{Age, AttributeFusion, Attributes, TrackKey};
//!
//! let mut vote = AttributeVote::new();
//! let track = TrackKey::default();
//! for years in [31.0, 35.0, 33.0] {
//!     // From a classifier.
//!     let view = Attributes { age: Age { years, low: years - 8.0, high: years + 9.0 }, p_male: 0.9 };
//!     vote.fuse(track, &view, 0.6);
//! }
//! let known = vote.attributes(track).ok_or("three good views are enough")?;
//! assert!((known.age.years - 33.0).abs() < 0.1 && known.p_male > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a pipeline of the crate `passerby` both are in place, and each face of an observation has its
//! [`attributes`](passerby_types::ObservedFace::attributes).
//!
//! # Features
//! - `bundled` (default): the weights (12.6 MB) are part of the binary. Without it, load them with
//!   [`AgeGender::new`].
//! - `tract` (default): ONNX files. Without it this crate compiles much faster, and only the bundled weights or networks
//!   of [`Model::from_graph_bytes`](passerby_inference::Model::from_graph_bytes) can be used.
//! - `serde`: the vote's settings as a serde type, for configuration files.

mod age_gender;
mod align;
mod distribution;
mod dlib;
mod dlib_networks;
mod error;
mod faceres;
#[cfg(fuzzing)]
pub mod fuzzing;
mod interval;
mod network;
mod view_gate;
mod vote;

pub use age_gender::{AgeGender, AgeGenderModels};
pub use dlib::DlibAgeGender;
pub use error::ClassifierError;
pub use vote::{AttributeVote, VoteSettings};
