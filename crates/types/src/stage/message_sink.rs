//! The contract of what sends messages to other programs.

use crate::frame::CameraId;
use crate::stage::sink::Sink;

/// The state of a camera's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CameraLink {
    /// Pictures come.
    Live,
    /// The connection is lost, and the source tries to get it back.
    Lost,
    /// No pictures will come.
    Ended,
}

/// The counts of the messages of a [`MessageSink`]. At every moment `offered = delivered + lost + waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Messages that were made from observations and states of cameras.
    pub offered: u64,
    /// Messages that the other side acknowledged.
    pub delivered: u64,
    /// Messages that are gone: the other side refused them for good, they were too large, or the end came first.
    pub lost: u64,
    /// Messages that wait for delivery.
    pub waiting: u64,
    /// Attempts that failed. Their messages were sent again.
    pub failures: u64,
}

/// Sends messages about observations and cameras to another program, such as an MQTT broker.
///
/// [`Sink::write`] puts messages into a bounded queue, and never waits for the other side. [`Sink::flush`] waits for it.
///
/// ```
/// use passerby_types::{CameraId, CameraLink, DeliveryCounts, MessageSink, Observation, Sink, SinkError};
///
/// /// Keeps the lines that another program would get.
/// #[derive(Default)]
/// struct Lines(Vec<String>);
///
/// impl Sink for Lines {
///     fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
///         self.0.extend(batch.iter().map(|observation| format!("{} faces", observation.faces.len())));
///         Ok(())
///     }
///     fn flush(&mut self) -> Result<(), SinkError> {
///         Ok(())
///     }
/// }
///
/// impl MessageSink for Lines {
///     fn name(&self) -> &str {
///         "lines"
///     }
///     fn name_cameras(&mut self, _: &[(CameraId, &str)]) {}
///     fn camera_link(&mut self, camera: CameraId, link: CameraLink, _: Option<&str>) {
///         self.0.push(format!("{camera}: {link:?}"));
///     }
///     fn counts(&self) -> DeliveryCounts {
///         let lines = self.0.len() as u64;
///         DeliveryCounts { offered: lines, delivered: lines, ..DeliveryCounts::default() }
///     }
/// }
///
/// let mut sink = Lines::default();
/// sink.camera_link(CameraId(0), CameraLink::Live, None);
/// assert_eq!((sink.counts().delivered, sink.0[0].as_str()), (1, "camera 0: Live"));
/// ```
pub trait MessageSink: Sink {
    /// Returns the address of the other side, as errors name it: one line without passwords.
    fn name(&self) -> &str;

    /// Names cameras. Messages use the names from then on. A camera without a name has its number.
    fn name_cameras(&mut self, names: &[(CameraId, &str)]);

    /// Sends the state of a camera's connection, also if the queue is full: a camera has few of them. `error` says why it is lost or
    /// has ended.
    fn camera_link(&mut self, camera: CameraId, link: CameraLink, error: Option<&str>);

    /// Returns the counts of the messages.
    fn counts(&self) -> DeliveryCounts;
}
