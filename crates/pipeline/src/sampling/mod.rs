//! Which views of a track are worth an embedding or an attribute estimate.
//!
//! - `view_selector.rs` decides by a policy, whose changes in a configuration file `sampling_changes.rs` reads.
//! - `face_watch.rs` notices what may have put another face under a track's number.
//! - `sampler.rs` applies both to a frame, and cuts the faces out.

pub(crate) mod face_watch;
pub(crate) mod sampler;
#[cfg(feature = "serde")]
pub(crate) mod sampling_changes;
pub(crate) mod view_selector;

pub use view_selector::{SampleReason, SamplingPolicy, ViewHistory, ViewSelector};
