//! What the tests of passerby share: a simulated clock, fakes, fixtures, calls of single stages, and one conformance suite per stage trait.
//!
//! The suites ([`suite`]) state what each contract of `passerby-types` asks of an implementation; every
//! implementation in the workspace is run through its suite, and so can one of your own.

mod call;
mod clock;
mod fakes;
mod faults;
mod fixtures;
pub mod suite;

pub use call::{classify, detect, embed, track};
pub use clock::SimulatedClock;
pub use fakes::{
    ByOrder, FixedClassifier, FixedEmbedder, LatestEstimate, ScriptedDetector, ScriptedSource, Step,
};
pub use faults::{Fault, FaultySource, Gate, SHAPES};
pub use fixtures::{LAYOUTS, color_of, frame, meta, noise, shared, uniform};
