//! Tools for the tests of passerby and of your own stages: a simulated clock, fakes, fixtures, calls of single stages, and one
//! conformance suite for each stage trait.
//!
//! Add it as a development dependency. The path is that of a clone of passerby's repository:
//!
//! ```toml
//! [dev-dependencies]
//! passerby-testkit = { path = "../passerby/crates/testkit" }
//! ```
//!
//! A suite of [`suite`] asserts that an implementation keeps the contract of its trait: it calls the stage as the pipeline does, also
//! with empty, unusual and repeated input. Every implementation in the workspace passes its suite, and so should one of your own:
//!
//! ```
//! use passerby_testkit::{detect, frame, suite, uniform};
//! use passerby_types::{BBox, Detector, Face, Frame, PixelLayout, StageError};
//!
//! /// Your detector: it reports a bright frame as a face.
//! struct BrightFrame;
//!
//! impl Detector for BrightFrame {
//!     fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
//!         for (frame, faces) in frames.iter().zip(faces) {
//!             faces.clear(); // without this line the suite fails
//!             let rgb = frame.image.to_rgb();
//!             let mean = rgb.iter().map(|&value| f64::from(value)).sum::<f64>() / rgb.len() as f64;
//!             if mean > 120.0 {
//!                 let (width, height) = (frame.image.width() as f32, frame.image.height() as f32);
//!                 faces.push(Face::new(BBox::from_xywh(0.0, 0.0, width, height), 0.9));
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! // In a #[test] function:
//! suite::detector(|| BrightFrame);
//!
//! // A call with frames of your own.
//! let frames = [40, 240].map(|value| frame(0, uniform(PixelLayout::Gray8, 64, 48, value)));
//! let faces = detect(&mut BrightFrame, &frames)?;
//! assert_eq!((faces[0].len(), faces[1].len()), (0, 1));
//! # Ok::<(), StageError>(())
//! ```
//!
//! # What else there is
//! - [`SimulatedClock`]: a test sets the time instead of sleeping.
//! - [`ScriptedSource`], [`ScriptedDetector`], [`OrderTracker`] and the other fakes: a pipeline without networks or a camera.
//! - [`FaultySource`]: a source that fails on purpose.
//! - [`noise`], [`uniform`], [`frame`], [`meta`]: pictures and frames in any layout.
//! - [`detect`], [`track`], [`embed`], [`classify`]: a stage is called once, and its answer is returned.

mod call;
mod clock;
mod fakes;
mod faulty_source;
mod fixtures;
mod journal_suite;
pub mod suite;

pub use call::{classify, detect, embed, track};
pub use clock::SimulatedClock;
pub use fakes::{
    Excerpt, FixedClassifier, FixedEmbedder, LatestEstimate, OnePerson, OrderTracker, PersonPerTrack,
    RecordingSink, ScriptedDetector, ScriptedSource, SourceStep,
};
pub use faulty_source::{FaultySource, SourceFault, SourceGate, UNUSUAL_SHAPES};
pub use fixtures::{LAYOUTS, color_of, color_spaces, frame, meta, noise, shared, uniform};
