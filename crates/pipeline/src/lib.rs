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
//! # Example
//! A pipeline with a detector and a source of your own, and the tracker of `passerby-track`:
//!
//! ```
//! use std::sync::Arc;
//!
//! use passerby_pipeline::{Pipeline, PipelineSettings, Stages, WhenFull};
//! use passerby_track::Sort;
//! use passerby_types::{
//!     BBox, CameraId, ColorSpace, Detector, Face, Frame, FrameSource, Image, Picture, PixelLayout, SourceError,
//!     SourceInfo, StageError, SystemClock,
//! };
//!
//! /// Finds one face in the middle of every frame.
//! struct MiddleDetector;
//!
//! impl Detector for MiddleDetector {
//!     fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
//!         for (frame, faces) in frames.iter().zip(faces) {
//!             let x = frame.image.width() as f32 / 2.0 - 20.0;
//!             let y = frame.image.height() as f32 / 2.0 - 20.0;
//!             faces.clear();
//!             faces.push(Face::new(BBox::from_xywh(x, y, 40.0, 40.0), 0.9));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! /// Returns five black pictures.
//! struct BlackPictures {
//!     left: u32,
//!     info: SourceInfo,
//! }
//!
//! impl FrameSource for BlackPictures {
//!     fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
//!         if self.left == 0 {
//!             return Ok(None);
//!         }
//!         self.left -= 1;
//!         let pixels = vec![0; PixelLayout::Gray8.tight_len(160, 120)];
//!         let image = Image::from_vec(PixelLayout::Gray8, 160, 120, ColorSpace::JPEG, pixels);
//!         Ok(image.ok().map(|image| Picture::new(image, None)))
//!     }
//!
//!     fn info(&self) -> &SourceInfo {
//!         &self.info
//!     }
//! }
//!
//! let source = BlackPictures { left: 5, info: SourceInfo { name: "door".into(), ..SourceInfo::default() } };
//! let stages = Stages::new(|| MiddleDetector, Sort::new);
//! let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
//!     .camera(CameraId(0), source);
//! let observations = pipeline.subscribe("example", 16, WhenFull::Block);
//! let run = std::thread::spawn(|| pipeline.run());
//!
//! let mut tracks = Vec::new();
//! for observation in observations {
//!     tracks.extend(observation.faces.iter().map(|face| face.track.0));
//! }
//! assert_eq!(tracks, [1, 1, 1, 1, 1]);
//! let report = run.join().expect("the pipeline does not panic")?;
//! assert_eq!(report.reports[0].ledger.analysed, 5);
//! # Ok::<(), passerby_pipeline::PipelineError>(())
//! ```
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
#[cfg(feature = "serde")]
pub use output::SummaryRecord;
pub use output::{
    EventReceiver, FrameSubscription, FrameTap, PersonSummary, PipelineEvent, Subscription, Summary,
    TappedFrame, TrackSummary, WriteCounts, WriteReport, Writer, WriterSettings,
};
pub use passerby_workers::{
    CountedReceiver, QueueStats, RecvOutcome, SendOutcome, WhenFull, WorkerPoolStats,
};
pub use pipeline::Pipeline;
pub use settings::{FlowSettings, PipelineSettings};
#[doc(hidden)]
pub use stages::kind;
pub use stages::{IntoStageFactory, Stages};
