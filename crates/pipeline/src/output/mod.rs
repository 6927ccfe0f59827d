//! The outputs of a pipeline: observations to subscribers, viewers and the sink, events, and a summary.

pub(crate) mod events;
pub(crate) mod fanout;
pub(crate) mod frame_tap;
pub(crate) mod outputs;
pub(crate) mod subscription;
pub(crate) mod summary;
#[cfg(feature = "serde")]
mod summary_record;
pub(crate) mod writer;
pub(crate) mod writer_queue;
pub(crate) mod writer_thread;

pub use events::{EventReceiver, PipelineEvent};
pub use frame_tap::{FrameTap, TappedFrame};
pub use outputs::PipelineOutputs;
pub use subscription::{FrameSubscription, Subscription};
pub use summary::{PersonSummary, Summary, TrackSummary};
#[cfg(feature = "serde")]
pub use summary_record::SummaryRecord;
pub use writer::{WriteCounts, WriteReport, Writer, WriterSettings};
