//! Moves frames through the stages of `passerby-types`. It knows the traits of the stages and none of their
//! implementations.
//!
//! [`Flow`] takes the frames of a camera through all stages on one thread. It is the reference for [`Pipeline`], which does
//! the same for many cameras on many threads.
//!
//! - [`Stages`] holds the factories of the stages, which the pipeline calls at the start and after a failure.
//! - [`Handle`] controls a running pipeline: subscribe, add and remove cameras, pause, resume, stop. [`Metrics`] reads its
//!   figures, [`EventReceiver`] receives its events, and [`FrameTap`] takes its newest frames.
//! - [`ViewSelector`] decides which tracks should get an embedding or an attribute estimate now.
//! - [`Writer`] hands observations to a [`Sink`](passerby_types::Sink) in batches, keeps them while the sink is busy, and
//!   counts lost ones.
//! - [`Governor`] decides how many workers detect and on which frames, so that no frame is dropped.
//! - [`Summary`] sums up the observations by track and by person.
//!
//! ```
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//!
//! use passerby_pipeline::{Flow, FlowSettings, Stages};
//! use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
//! use passerby_types::{CameraId, SystemClock};
//!
//! let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
//! let mut flow = Flow::new(stages, FlowSettings::default(), Arc::new(SystemClock::new()))?;
//! let mut camera = ScriptedSource::new([SourceStep::Picture(64, 48), SourceStep::Picture(64, 48)]);
//! let report = flow.run(CameraId(0), &mut camera, None, &mut |_observation| ControlFlow::Continue(()));
//! assert_eq!(report.ledger.analysed, 2);
//! # Ok::<(), passerby_types::StageError>(())
//! ```

mod camera;
mod context;
mod detection;
mod engine;
mod error;
mod face_jobs;
mod figures;
mod flow;
mod governor;
mod guard;
mod handle;
mod identities;
mod output;
mod pause_gate;
mod pipeline;
mod settings;
mod stages;

pub use camera::{SampleReason, SamplingPolicy, ViewHistory, ViewSelector};
pub use error::PipelineError;
#[cfg(feature = "metrics")]
pub use figures::publish;
#[cfg(feature = "prometheus")]
pub use figures::serve_prometheus;
pub use figures::{
    CameraReport, CameraSnapshot, FlowError, Metrics, MetricsSnapshot, Quantiles, StageSnapshot, StageTime,
    StuckCall,
};
pub use flow::Flow;
pub use governor::{CameraLoad, Governor, GovernorDecision, GovernorLimits, GovernorLoad, GovernorReason};
pub use handle::{Handle, PipelineReport};
pub use output::{
    EventReceiver, FrameTap, PersonSummary, PipelineEvent, Subscription, Summary, TappedFrame, TrackSummary,
    WriteCounts, WriteReport, Writer, WriterSettings,
};
pub use passerby_workers::{
    CountedReceiver, QueueStats, RecvOutcome, SendOutcome, WhenFull, WorkerPoolStats,
};
pub use pipeline::Pipeline;
pub use settings::{FlowSettings, PipelineSettings};
#[doc(hidden)]
pub use stages::kind;
pub use stages::{IntoStageFactory, Stages};
