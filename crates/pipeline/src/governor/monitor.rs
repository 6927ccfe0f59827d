//! The monitor's thread: reports stuck calls and lost observations, and runs the governor.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::PipelineEngine;
use crate::governor::control::GovernorControl;
use crate::governor::stuck_calls::StuckCallWatch;
use crate::output::events::PipelineEvent;
use crate::output::writer::WriteReport;

/// How often the monitor looks for stuck calls and lost observations.
const STUCK_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How often the governor decides.
const DECISION_INTERVAL: Duration = Duration::from_secs(1);
/// When the governor decides first: before the queues fill up if there are too many cameras for the machine.
const FIRST_DECISION: Duration = Duration::from_millis(40);

/// Watches the pipeline until it stops. This is the body of the monitor's thread.
pub(crate) fn watch(engine: &Arc<PipelineEngine>) {
    let clock = &engine.context.clock;
    let mut stuck_calls = StuckCallWatch::new(engine);
    let mut control = GovernorControl::new(engine);
    // The load of a new camera is unknown, so the first decisions come soon, and the intervals between them grow.
    let began = clock.now();
    let mut last = began;
    let mut interval = FIRST_DECISION;
    while engine.context.gate.sleep(STUCK_POLL_INTERVAL.min(interval)) {
        let now = clock.now();
        stuck_calls.check();
        check_lost_rows(engine);
        if now.since(last) >= interval {
            control.decide(now.since(last), stuck_calls.held());
            last = now;
            interval = (now.since(began) / 2).clamp(FIRST_DECISION, DECISION_INTERVAL);
            #[cfg(feature = "metrics")]
            if engine.context.settings.publish_metrics {
                crate::figures::export::publish(&crate::Metrics { engine: Arc::clone(engine) }.snapshot());
            }
        }
    }
}

/// Looks for observations that did not reach the sink.
fn check_lost_rows(engine: &PipelineEngine) {
    if engine.lost_rows() != engine.monitor.lock().reported_losses.values().sum::<u64>() {
        report_lost_rows(engine, &engine.written());
    }
}

/// Sends an event for each camera that has lost observations since the last call.
pub(crate) fn report_lost_rows(engine: &PipelineEngine, written: &WriteReport) {
    let mut state = engine.monitor.lock();
    for (&camera, counts) in &written.cameras {
        let observations =
            counts.lost.saturating_sub(state.reported_losses.get(&camera).copied().unwrap_or(0));
        if observations > 0 {
            state.reported_losses.insert(camera, counts.lost);
            tracing::warn!(camera = camera.0, observations, "observations lost");
            let events = &engine.context.fanout.listeners.events;
            events.send(|| PipelineEvent::RowsLost { camera, observations });
        }
    }
}
