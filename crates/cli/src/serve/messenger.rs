//! Hands the observations and events of the pipeline to one sink of messages.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use passerby::pipeline::{
    EventReceiver, PipelineEvent, RecvOutcome, Subscription, WhenFull, WriteReport, Writer, WriterSettings,
};
use passerby::store::EventSettings;
use passerby::types::{BoxError, CameraId, CameraLink, DeliveryCounts, EventKind, MessageSink, SystemClock};

use super::camera_set::CameraSet;
use crate::terminal::{self, counted};

/// The most observations that wait for the thread.
const CAPACITY: usize = 1024;
/// The interval between two looks at events.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Returns the settings of a sink.
pub(super) fn settings(node: &str, kinds: &[EventKind], known_persons: u64) -> EventSettings {
    EventSettings { node: node.to_owned(), kinds: kinds.to_vec(), known_persons, ..EventSettings::default() }
}

/// The thread of one sink.
pub(super) struct Messenger {
    server: String,
    thread: JoinHandle<Outcome>,
}

struct Outcome {
    written: WriteReport,
    /// Observations that found no room before the writer.
    overflowed: u64,
    delivered: DeliveryCounts,
}

impl Messenger {
    /// Starts the thread, or returns `None` if the pipeline has ended.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(super) fn start(
        sink: impl MessageSink + 'static,
        cameras: &Arc<CameraSet>,
    ) -> Result<Option<Self>, BoxError> {
        let Some(outputs) = cameras.outputs() else { return Ok(None) };
        let server = sink.name().to_owned();
        let observations = outputs.subscribe(&server, CAPACITY, WhenFull::DropOldest);
        let (events, cameras) = (outputs.events(), Arc::clone(cameras));
        let sink = Arc::new(Mutex::new(sink));
        let work = move || run(&sink, &observations, &events, &cameras);
        let thread = thread::Builder::new().name("passerby-events".into()).spawn(work)?;
        Ok(Some(Self { server, thread }))
    }

    /// Waits for the thread, which ends after the pipeline, and prints the number of delivered messages. Returns false if something
    /// was lost.
    pub(super) fn finish(self) -> bool {
        let Self { server, thread } = self;
        let Ok(Outcome { written, overflowed, delivered }) = thread.join() else {
            terminal::message(format_args!("{server}: the thread of messages has failed"));
            return false;
        };
        // What still waits is given up.
        let lost = delivered.lost + delivered.waiting;
        terminal::message(format_args!(
            "{server}: {} delivered, {lost} lost",
            counted(delivered.delivered, "message")
        ));
        if let Some(failure) = written.error.as_ref().filter(|_| lost > 0) {
            terminal::message(failure);
        }
        let left_out = written.total().lost + overflowed;
        if left_out > 0 {
            let left_out = counted(left_out, "observation");
            terminal::message(format_args!("{server}: no messages about {left_out}: it was away or slow"));
        }
        lost + left_out == 0
    }
}

/// Hands over until the pipeline has ended.
fn run<S: MessageSink>(
    sink: &Arc<Mutex<S>>,
    observations: &Subscription,
    events: &EventReceiver,
    cameras: &CameraSet,
) -> Outcome {
    let mut named = BTreeSet::new();
    let mut name = |camera: CameraId| {
        if named.insert(camera) {
            lock(sink).name_cameras(&[(camera, &cameras.name(camera))]);
        }
    };
    let mut shared = Arc::clone(sink);
    let mut writer = Writer::new(&mut shared, WriterSettings::default(), Arc::new(SystemClock::new()));
    loop {
        while let Some(event) = events.try_recv() {
            event.camera().into_iter().for_each(&mut name);
            tell(&event, &mut *lock(sink));
        }
        match observations.recv_timeout(writer.due().unwrap_or(POLL_INTERVAL).min(POLL_INTERVAL)) {
            RecvOutcome::Item(observation) => {
                name(observation.meta.camera);
                writer.offer((*observation).clone());
            }
            RecvOutcome::Empty => writer.poll(),
            RecvOutcome::Closed => break,
        }
    }
    while let Some(event) = events.try_recv() {
        tell(&event, &mut *lock(sink));
    }
    let written = writer.finish();
    let delivered = lock(sink).counts();
    Outcome { written, overflowed: observations.stats().dropped, delivered }
}

/// Sends the state of a camera's connection, if the event changes it.
fn tell(event: &PipelineEvent, sink: &mut impl MessageSink) {
    match event {
        PipelineEvent::CameraConnected { camera, .. } | PipelineEvent::CameraRecovered { camera, .. } => {
            sink.camera_link(*camera, CameraLink::Live, None);
        }
        PipelineEvent::CameraLost { camera, error, .. } => {
            sink.camera_link(*camera, CameraLink::Lost, Some(error));
        }
        PipelineEvent::CameraEnded { camera, error } => {
            sink.camera_link(*camera, CameraLink::Ended, error.as_deref());
        }
        _ => {}
    }
}

fn lock<S>(sink: &Mutex<S>) -> std::sync::MutexGuard<'_, S> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}
