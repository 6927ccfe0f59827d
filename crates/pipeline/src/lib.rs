//! The pipeline: moves frames through the stages of `passerby-types`, knowing no implementation of any.
//!
//! [`Flow`] is the whole way of a frame for one camera on one thread, written to be read from top to bottom. It is
//! the reference for everything that runs on more threads.
//!
//! - [`Stages`]: the factories of the stages, each called again after a failure.
//! - [`Attention`]: which tracks are worth an embedding or an attribute estimate now.
//! - [`Writer`]: hands observations to a [`Sink`](passerby_types::Sink) in batches, keeps what the sink would not
//!   take yet, and counts what is lost.
//! - [`Governor`]: how many workers detect and on which frames, so that no frame is dropped.
//! - [`Summary`]: who passed, from the observations.
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
mod flow;
mod governor;
mod guard;
mod report;
mod stages;
mod summary;
mod writer;

pub use attention::{Attention, Look, Policy};
pub use flow::{Flow, FlowSettings};
pub use governor::{CameraLoad, Decision, Governor, Limits, Load, Reason};
pub use report::{FlowError, Report, StageTime};
pub use stages::Stages;
pub use summary::{PersonSummary, Summary, TrackSummary};
pub use writer::{WriteCounts, Writer, WriterSettings};
