//! Sources, stages and sinks with known answers.

mod people;
mod sink;
mod source;
mod stages;

pub use people::{LatestEstimate, OnePerson, PersonPerTrack};
pub use sink::RecordingSink;
pub use source::{Excerpt, ScriptedSource, SourceStep};
pub use stages::{FixedClassifier, FixedEmbedder, OrderTracker, ScriptedDetector};
