//! Bounded queues and worker pools that count every item they drop. They know nothing of cameras and can be used alone.
//!
//! - [`BoundedQueue`], [`PriorityQueue`] and [`FairQueue`] are queues between threads: first in, first out; highest
//!   priority first; fair over several lanes. [`counted_channel`] is a bounded `crossbeam-channel` with the same rules and
//!   counts, for receivers that wait in a `select!`.
//! - [`ReorderBuffer`] puts the results of several threads back in order. [`Sequencer`] gives threads their turns.
//! - [`ThreadGroup`], [`WorkerPool`] and [`PriorityPool`] run named threads that survive the panics of their work and can be
//!   joined with a timeout.
//! - [`catch_panic`] and [`back_off`] help to retry code that may panic.
//!
//! Every queue has a capacity, a rule for what happens when it is full ([`WhenFull`]), and counts ([`QueueStats`]). All
//! queues use the same names: `send` and `recv`, each with a `_timeout`, `_wait` or `try_` variant if there is one.
//!
//! This example does the work of a file on two threads and restores its order:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use passerby_types::{Clock, SystemClock};
//! use passerby_workers::{BoundedQueue, ReorderBuffer, WhenFull, WorkerPool};
//!
//! let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
//! let jobs = Arc::new(BoundedQueue::new("jobs", 4, WhenFull::Block, Arc::clone(&clock)));
//! let results = Arc::new(BoundedQueue::new("results", 100, WhenFull::Block, Arc::clone(&clock)));
//! let finished = Arc::clone(&results);
//! let pool = WorkerPool::start("square", 2, Arc::clone(&jobs), Arc::clone(&clock), move |_index| {
//!     let finished = Arc::clone(&finished);
//!     move |(seq, number): (u64, u64)| drop(finished.send((seq, number * number)))
//! })?;
//! for seq in 0..100 {
//!     assert!(jobs.send((seq, seq)).is_queued());
//! }
//! pool.join(Duration::from_secs(60));
//!
//! let mut in_order = ReorderBuffer::new(100, Duration::MAX);
//! for (seq, square) in results.drain() {
//!     in_order.insert(seq, square, clock.now())?;
//! }
//! let squares: Vec<u64> = in_order.flush().map(|(_, square)| square).collect();
//! assert_eq!(squares[..4], [0, 1, 4, 9]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bounded_queue;
mod catch_panic;
mod channel;
mod counts;
mod fair_queue;
mod priority_pool;
mod priority_queue;
mod reorder;
mod ring;
mod sequencer;
mod sync;
mod threads;
mod worker_pool;

pub use bounded_queue::BoundedQueue;
pub use catch_panic::{Panicked, back_off, can_catch_panics, catch_panic};
pub use channel::{CountedIter, CountedReceiver, CountedSender, counted_channel};
pub use counts::{QueueStats, RecvOutcome, SendOutcome, WhenFull};
pub use fair_queue::FairQueue;
pub use passerby_types::{Clock, SystemClock};
pub use priority_pool::{JobOutcome, PoolClient, PriorityPool};
pub use priority_queue::PriorityQueue;
pub use reorder::{LateItem, ReorderBuffer};
pub use sequencer::Sequencer;
pub use threads::ThreadGroup;
pub use worker_pool::{JobSource, StuckWorker, WorkerPool, WorkerPoolStats};
