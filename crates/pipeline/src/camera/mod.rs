//! What one camera has of its own: its state, its threads and its tracks.

pub(crate) mod reader;
pub(crate) mod skipped_seqs;
pub(crate) mod state;
pub(crate) mod tracks;
pub(crate) mod view_selector;
pub(crate) mod worker;

pub use view_selector::{SampleReason, SamplingPolicy, ViewHistory, ViewSelector};
