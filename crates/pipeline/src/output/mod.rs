//! Where observations go: to subscribers, to the writer and its sink, and into a summary.

pub(crate) mod fanout;
pub(crate) mod summary;
pub(crate) mod writer;
pub(crate) mod writer_thread;

pub use fanout::Subscription;
pub use summary::{PersonSummary, Summary, TrackSummary};
pub use writer::{WriteCounts, WriteReport, Writer, WriterSettings};
