//! The writer's thread: one sink for all cameras.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use passerby_types::Sink;

use crate::context::Context;
use crate::output::writer::{WriteReport, Writer};
use passerby_workers::RecvOutcome;

/// How long the thread sleeps where nothing waits.
const IDLE: Duration = Duration::from_millis(500);

/// How long a busy sink is left alone at the end.
const AGAIN: Duration = Duration::from_millis(50);

/// Writes what the cameras observe until the queue is closed and empty. This is the body of the writer's thread.
///
/// Nobody waits for it but lossless cameras: a sink that takes its time, fails or never comes back holds this thread
/// up and no other.
pub(crate) fn record(context: &Context, mut sink: Box<dyn Sink>, told: &Mutex<WriteReport>) {
    let (clock, lists) = (Arc::clone(&context.clock), Arc::clone(&context.fanout.lists));
    let mut writer = Writer::giving_back(&mut *sink, context.settings.flow.writer, clock, lists);
    loop {
        let calls = (writer.written().batches, writer.written().failures);
        match context.fanout.next(writer.due().unwrap_or(IDLE)) {
            RecvOutcome::Item(observation) => {
                let rows = observation.faces.len();
                timed(context, rows, || writer.offer(observation));
            }
            RecvOutcome::Empty if writer.due() == Some(Duration::ZERO) => timed(context, 0, || writer.poll()),
            RecvOutcome::Empty => {}
            RecvOutcome::Closed => break,
        }
        if calls != (writer.written().batches, writer.written().failures) {
            told.lock().follow(writer.written());
        }
    }
    // A sink that is busy at the end is asked again while there is time.
    while !timed(context, 0, || writer.settle()) && context.fanout.writer_has_time() {
        told.lock().follow(writer.written());
        thread::sleep(AGAIN);
    }
    *told.lock() = timed(context, 0, || writer.finish());
}

/// Runs a call of the writer as one of the stage `store`.
fn timed<T>(context: &Context, rows: usize, call: impl FnOnce() -> T) -> T {
    context.timer.measured("store", None, rows, call).0
}
