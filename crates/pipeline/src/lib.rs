//! Moves frames through the stages of `passerby-types`. It knows the traits of the stages and none of their
//! implementations.
//!
//! The simple case is one input and one thread. A [`Flow`] hands each observation to your function before it reads the next
//! frame:
//!
//! ```
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//!
//! use passerby_detect::YuNet;
//! use passerby_pipeline::{Flow, FlowSettings, Stages};
//! use passerby_track::Sort;
//! use passerby_types::{CameraId, SystemClock};
//!
//! let mut source = passerby_capture::open("scene:people=2,size=640x360,frames=12")?; // or a file: "door.mp4"
//! let stages = Stages::new(YuNet::bundled, Sort::new);
//! let mut flow = Flow::new(stages, FlowSettings::default(), Arc::new(SystemClock::new()))?;
//! let report = flow.run(CameraId(0), &mut source, None, &mut |observation| {
//!     for face in &observation.faces {
//!         println!("frame {}: track {} at {:?}", observation.meta.seq, face.track.0, face.bbox);
//!     }
//!     ControlFlow::Continue(()) // `Break` ends the run
//! });
//! assert_eq!(report.ledger.analysed, 12);
//! assert!(report.faces > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Stages::identifying`] adds persons (`passerby-reid`), and [`Stages::classifying`] age and gender (`passerby-demographics`).
//! `passerby::stages` of the crate `passerby` returns all of them. A detector of your own is a struct that implements
//! [`Detector`](passerby_types::Detector); `passerby-types` shows one, and a source and a sink of your own.
//!
//! # Many cameras
//! A [`Pipeline`] does the same for many cameras on many threads. [`Pipeline::start`] returns a [`Handle`], which controls the
//! running pipeline:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use passerby_detect::YuNet;
//! use passerby_pipeline::{Pipeline, PipelineSettings, Stages, WhenFull};
//! use passerby_track::Sort;
//! use passerby_types::{CameraId, SystemClock};
//!
//! let stages = Stages::new(YuNet::bundled, Sort::new);
//! let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
//!     .camera(CameraId(0), passerby_capture::open("scene:size=320x180,loop")?); // or "rtsp://..."
//! let observations = pipeline.subscribe("printer", 16, WhenFull::DropOldest);
//! let handle = pipeline.start()?;
//!
//! // Cameras may come and go while it runs.
//! handle.add(CameraId(1), passerby_capture::open("scene:size=320x180,seed=2,loop")?)?;
//! for observation in observations.take(10) {
//!     println!("{}, frame {}", observation.meta.camera, observation.meta.seq);
//! }
//! handle.remove(CameraId(1), Duration::from_secs(60));
//!
//! // Lets the frames that are inside finish, and joins all threads.
//! let report = handle.stop(Duration::from_secs(60));
//! assert!(report.abandoned.is_empty());
//! for camera in &report.reports {
//!     println!("{} frames captured, {} analysed", camera.ledger.captured, camera.ledger.analysed);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If all sources are files, [`Pipeline::run`] returns at the end of the last one, and [`Handle::finish`] waits for it.
//!
//! # What else there is
//! - [`Pipeline::sink`] stores the observations. A [`Writer`] hands them to the [`Sink`](passerby_types::Sink) in batches,
//!   keeps them while the sink is busy, and counts lost ones.
//! - [`Handle::pause`] and [`Handle::resume`]. [`Metrics`] reads the pipeline's figures, [`EventReceiver`] receives its events,
//!   [`FrameTap`] takes its newest frames, and [`CodedStreams`] gives viewers the cameras' video as it came, without encoding.
//! - [`Summary`] sums up the observations by track and by person.
//! - [`Stages`] holds the factories of the stages, which the pipeline calls at the start and after a failure.
//! - [`ViewSelector`] decides which tracks should get an embedding or an attribute estimate now.
//! - [`Governor`] decides how many workers detect and on which frames, so that no frame is dropped.
//!
//! # Live and lossless
//! A live camera never waits: the pipeline drops frames that it cannot take in time, and counts them in the
//! [`Ledger`](passerby_types::Ledger). A lossless source, such as a file, waits, and its observations equal those of [`Flow`].
//! The source says which of the two it is ([`SourceInfo::live`](passerby_types::SourceInfo::live)).
//!
//! # Features
//! - `metrics`: the figures through the `metrics` facade.
//! - `prometheus`: the same over HTTP, for a Prometheus server.

mod camera;
mod coded;
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
mod sampling;
mod scene;
mod settings;
mod stages;

pub use coded::{CodedFrame, CodedStream, CodedStreamStats, CodedStreams};
pub use error::PipelineError;
#[cfg(feature = "metrics")]
pub use figures::publish;
#[cfg(feature = "prometheus")]
pub use figures::serve_prometheus;
pub use figures::{
    CameraReport, CameraSnapshot, FlowError, Metrics, MetricsSnapshot, Quantiles, StageSnapshot, StageTime,
    StuckCall, TrackEnd,
};
pub use flow::Flow;
pub use governor::{CameraLoad, Governor, GovernorDecision, GovernorLimits, GovernorLoad, GovernorReason};
pub use handle::{Handle, PipelineReport};
#[cfg(feature = "serde")]
pub use output::SummaryRecord;
pub use output::{
    EventReceiver, FrameSubscription, FrameTap, PersonSummary, PipelineEvent, PipelineOutputs, Subscription,
    Summary, TappedFrame, TrackSummary, WriteCounts, WriteReport, Writer, WriterSettings,
};
pub use passerby_workers::{
    CountedReceiver, QueueStats, RecvOutcome, SendOutcome, WhenFull, WorkerPoolStats,
};
pub use pipeline::Pipeline;
pub use sampling::{SampleReason, SamplingPolicy, ViewHistory, ViewSelector};
pub use settings::{FlowSettings, PipelineSettings};
#[doc(hidden)]
pub use stages::kind;
pub use stages::{IntoStageFactory, Stages};
