//! The parts of one camera: its state, its two threads, and the way from its frames to their observations.
//!
//! - `reader.rs` is the thread that pulls pictures from the source. `state.rs` is shared by the camera's threads and the
//!   detection workers, with `lifecycle.rs`, `schedule.rs` and `inbox.rs` as its parts.
//! - `worker.rs` is the thread that puts the frames back in order; `open_jobs.rs` holds the face jobs that it waits for.
//! - `observer.rs` turns a frame's faces into its observation, in a [`Flow`](crate::Flow) as in a pipeline, with
//!   `tracker.rs` and `zones.rs` as its parts.

pub(crate) mod inbox;
pub(crate) mod lifecycle;
pub(crate) mod observer;
pub(crate) mod open_jobs;
pub(crate) mod reader;
pub(crate) mod schedule;
pub(crate) mod skipped_seqs;
pub(crate) mod state;
pub(crate) mod tracker;
pub(crate) mod worker;
pub(crate) mod zones;
