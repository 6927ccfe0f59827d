//! The pipeline: moves frames through the stages of `passerby-types`, knowing no implementation of any.
//!
//! [`Flow`] is the whole way of a frame for one camera on one thread, written to be read from top to bottom. It is
//! the reference for [`Pipeline`], which takes many cameras the same way on many threads.
//!
//! - [`Stages`]: the factories of the stages, each called again after a failure.
//! - [`Handle`]: a running pipeline: subscribe, add and remove cameras, pause, stop by a deadline. [`Metrics`]: its figures.
//! - [`Attention`]: which tracks are worth an embedding or an attribute estimate now.
//! - [`Writer`]: hands observations to a [`Sink`](passerby_types::Sink) in batches, keeps what the sink would not
//!   take yet, and counts what is lost.
//! - [`Governor`]: how many workers detect and on which frames, so that no frame is dropped.
//! - [`Summary`]: who passed, from the observations.
//! - [`BoundedQueue`], [`Lanes`], [`PriorityQueue`]: what lies between threads. All are bounded and count what they
//!   drop. [`Reorder`] puts back in order what several threads worked on.
//! - [`Threads`], [`WorkerPool`], [`PriorityPool`]: named threads that outlive the panics of their work, and that
//!   nobody waits for without end.
//!
//! ```
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//!
//! use passerby_pipeline::{Flow, FlowSettings, Stages};
//! use passerby_testkit::{ByOrder, ScriptedDetector, ScriptedSource, Step};
//! use passerby_types::{CameraId, SystemClock};
//!
//! let stages = Stages::new(
//!     || Ok(Box::new(ScriptedDetector::default())),
//!     || Ok(Box::new(ByOrder::default())),
//! );
//! let mut flow = Flow::new(stages, FlowSettings::default(), Arc::new(SystemClock::new()))?;
//! let mut camera = ScriptedSource::new([Step::Picture(64, 48), Step::Picture(64, 48)]);
//! let report = flow.run(CameraId(0), &mut camera, None, &mut |_observation| ControlFlow::Continue(()));
//! assert_eq!(report.ledger.analysed, 2);
//! # Ok::<(), passerby_types::StageError>(())
//! ```

mod attention;
mod calls;
mod camera;
mod channel;
mod common;
mod desk;
mod detection;
#[cfg(feature = "metrics")]
mod export;
mod flow;
mod follow;
mod gone;
mod governor;
mod guard;
mod handle;
mod idle;
mod lanes;
mod looks;
mod meter;
mod metrics;
mod monitor;
mod outlets;
mod parallel;
mod people;
mod pool;
mod priority;
mod queue;
mod quota;
mod reader;
mod record;
mod reorder;
mod report;
mod ring;
mod settings;
mod spare;
mod stages;
mod summary;
mod sync;
mod threads;
mod turns;
mod writer;

pub use attention::{Attention, Interest, Look, Policy};
pub use calls::StuckCall;
pub use desk::{Client, Outcome, PriorityPool};
#[cfg(feature = "metrics")]
pub use export::publish;
#[cfg(feature = "prometheus")]
pub use export::serve_prometheus;
pub use flow::{Flow, FlowSettings};
pub use governor::{CameraLoad, Decision, Governor, Limits, Load, Reason};
pub use handle::{Finished, Handle};
pub use lanes::Lanes;
pub use meter::Quantiles;
pub use metrics::{CameraSnapshot, Metrics, Snapshot, StageSnapshot};
pub use outlets::Subscription;
pub use parallel::{Pipeline, PipelineError};
pub use pool::{Jobs, PoolStats, Stuck, WorkerPool};
pub use priority::PriorityQueue;
pub use queue::{BoundedQueue, Popped, Pushed, QueueStats, WhenFull};
pub use reorder::{Late, Reorder};
pub use report::{FlowError, Report, StageTime};
pub use settings::PipelineSettings;
pub use stages::Stages;
pub use summary::{PersonSummary, Summary, TrackSummary};
pub use threads::Threads;
pub use writer::{WriteCounts, Writer, WriterSettings, Written};
