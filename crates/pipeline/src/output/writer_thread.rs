//! The writer's thread: one sink for all cameras.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use passerby_types::Sink;
use passerby_workers::RecvOutcome;

use crate::context::Context;
use crate::output::writer::{WriteReport, Writer};
use crate::output::writer_queue::WriterQueue;

/// How long the thread waits for an observation if the writer has nothing to do.
const IDLE_WAIT: Duration = Duration::from_millis(500);

/// The pause before a busy sink is called again at the end.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Writes the observations until the queue is closed and empty. This is the body of the writer's thread.
///
/// Only lossless cameras wait for this thread. A sink that is slow, fails or never returns holds up no other thread.
/// `report` receives the counts while the thread runs.
pub(crate) fn record(
    context: &Context,
    queue: &WriterQueue,
    mut sink: Box<dyn Sink>,
    report: &Mutex<WriteReport>,
) {
    let clock = Arc::clone(&context.clock);
    let lists = Arc::clone(&context.fanout.lists);
    let mut writer = Writer::recycling(&mut *sink, context.settings.flow.writer, clock, lists);
    loop {
        let calls = (writer.report().batches, writer.report().failures);
        match queue.recv_timeout(writer.due().unwrap_or(IDLE_WAIT)) {
            RecvOutcome::Item(observation) => {
                let rows = observation.faces.len();
                timed(context, rows, || writer.offer(observation));
            }
            RecvOutcome::Empty if writer.due() == Some(Duration::ZERO) => timed(context, 0, || writer.poll()),
            RecvOutcome::Empty => {}
            RecvOutcome::Closed => break,
        }
        if calls != (writer.report().batches, writer.report().failures) {
            report.lock().copy_from(writer.report());
        }
    }
    // A sink that is busy at the end is called again while there is time.
    let drained = Instant::now();
    let has_time = || queue.has_time() && drained.elapsed() < context.settings.flow.writer.retry_timeout;
    while !timed(context, 0, || writer.settle()) && has_time() {
        report.lock().copy_from(writer.report());
        thread::sleep(RETRY_PAUSE);
    }
    // The flush of `finish` may not return. The rows until now stay written.
    report.lock().copy_from(writer.report());
    let done = timed(context, 0, || writer.finish());
    *report.lock() = done;
}

/// Runs `call` as a call of the stage `store`.
fn timed<T>(context: &Context, rows: usize, call: impl FnOnce() -> T) -> T {
    context.timer.measured("store", None, rows, call).0
}
