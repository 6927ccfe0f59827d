//! The figures of a pipeline: times, counts, running calls, and their export.

pub(crate) mod calls;
#[cfg(feature = "metrics")]
pub(crate) mod export;
pub(crate) mod meter;
pub(crate) mod metrics;
pub(crate) mod recorder;
pub(crate) mod report;
pub(crate) mod stage_timer;
pub(crate) mod track_end;

pub use calls::StuckCall;
#[cfg(feature = "metrics")]
pub use export::publish;
#[cfg(feature = "prometheus")]
pub use export::serve_prometheus;
pub use meter::Quantiles;
pub use metrics::{CameraSnapshot, Metrics, MetricsSnapshot, StageSnapshot};
pub use report::{CameraReport, FlowError, StageTime};
pub use track_end::TrackEnd;
