//! Tools for the tests of passerby and of your own stages: a simulated clock, fakes, fixtures, calls of single stages, and one
//! conformance suite for each stage trait.
//!
//! A suite of [`suite`] asserts that an implementation keeps the contract of its trait. Every implementation in the workspace
//! passes its suite, and so should one of your own:
//!
//! ```
//! use passerby_testkit::{ScriptedDetector, suite};
//!
//! suite::detector(ScriptedDetector::default);
//! ```

mod call;
mod clock;
mod fakes;
mod faulty_source;
mod fixtures;
pub mod suite;

pub use call::{classify, detect, embed, track};
pub use clock::SimulatedClock;
pub use fakes::{
    Excerpt, FixedClassifier, FixedEmbedder, LatestEstimate, OnePerson, OrderTracker, PersonPerTrack,
    RecordingSink, ScriptedDetector, ScriptedSource, SourceStep,
};
pub use faulty_source::{FaultySource, SourceFault, SourceGate, UNUSUAL_SHAPES};
pub use fixtures::{LAYOUTS, color_of, frame, meta, noise, shared, uniform};
