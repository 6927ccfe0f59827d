//! Bounded queues and worker pools that count what they drop.
//!
//! - [`BoundedQueue`], [`FairQueue`], [`PriorityQueue`]: queues between threads. All are bounded and count what they drop.
//! - [`Reorder`] puts the results of several threads back in order. [`Sequencer`] lets threads in one after another.
//! - [`Threads`], [`WorkerPool`], [`PriorityPool`]: named threads that outlive the panics of their work, and that can be
//!   joined with a timeout.

mod bounded_queue;
mod catch_panic;
mod fair_queue;
mod priority_pool;
mod priority_queue;
mod reorder;
mod ring;
mod sequencer;
mod sync;
mod threads;
mod worker_pool;

pub use bounded_queue::{BoundedQueue, Popped, Pushed, QueueStats, WhenFull};
pub use catch_panic::{back_off, quietly, text};
pub use fair_queue::FairQueue;
pub use priority_pool::{JobOutcome, PoolClient, PriorityPool};
pub use priority_queue::PriorityQueue;
pub use reorder::{Late, Reorder};
pub use sequencer::Sequencer;
pub use threads::Threads;
pub use worker_pool::{Jobs, StuckWorker, WorkerPool, WorkerPoolStats};
