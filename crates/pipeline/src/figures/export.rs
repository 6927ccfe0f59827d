//! A pipeline's figures through the `metrics` facade, and over HTTP for Prometheus.

#[cfg(feature = "prometheus")]
use std::net::SocketAddr;

use metrics::{Label, counter, gauge};

use crate::figures::meter::Quantiles;
use crate::figures::metrics::MetricsSnapshot;
use passerby_workers::QueueStats;

/// Sends the figures to the recorder that the program has installed with the crate `metrics`. A running pipeline does this
/// by itself once a second and at its end.
///
/// Counters: `passerby_frames_total{camera, outcome}` (`captured`, `analysed`, `coasted`, `dropped_` and the reason),
/// `passerby_frames_yielded_total{camera}`, `passerby_frames_reduced_total{camera}` (analysed with less detail),
/// `passerby_faces_total{camera}`, `passerby_faces_left_out_total{camera}`, `passerby_faces_outside_region_total{camera}`, `passerby_interruptions_total{camera}`,
/// `passerby_looks_evicted_total{camera}`, `passerby_failures_total{camera, stage}`,
/// `passerby_rebuilds_total{camera, stage}`, `passerby_queue_items_total{queue, direction}` (`in`, `out`, `dropped`; yielded
/// frames count as dropped from the queue),
/// `passerby_queue_wait_milliseconds_total{queue}`, `passerby_stage_calls_total{stage}`, `passerby_stage_items_total{stage}`,
/// `passerby_stage_busy_milliseconds_total{stage}`, `passerby_observations_total{outcome}` (`written`, `lost`),
/// `passerby_sink_failures_total`, `passerby_stuck_calls_total`, `passerby_governor_decisions_total{reason}`.
/// Gauges: `passerby_frames_in_flight{camera}`, `passerby_age_seconds{camera, quantile}`, `passerby_cadence{camera}`,
/// `passerby_queue_depth{queue}`, `passerby_stage_seconds{stage, quantile}`, `passerby_workers{pool}`,
/// `passerby_stuck_calls`.
pub fn publish(snapshot: &MetricsSnapshot) {
    for camera in &snapshot.cameras {
        let name = || Label::new("camera", camera.camera.0.to_string());
        let frames = |outcome: String, n: u64| {
            counter!("passerby_frames_total", vec![name(), Label::new("outcome", outcome)]).absolute(n);
        };
        frames("captured".into(), camera.ledger.captured);
        frames("analysed".into(), camera.ledger.analysed);
        frames("coasted".into(), camera.ledger.coasted);
        for (reason, n) in &camera.ledger.dropped {
            frames(format!("dropped_{reason}"), *n);
        }
        counter!("passerby_frames_yielded_total", vec![name()]).absolute(camera.yielded);
        counter!("passerby_frames_reduced_total", vec![name()]).absolute(camera.reduced);
        counter!("passerby_faces_total", vec![name()]).absolute(camera.faces);
        counter!("passerby_faces_left_out_total", vec![name()]).absolute(camera.faces_left_out);
        counter!("passerby_faces_outside_region_total", vec![name()]).absolute(camera.faces_outside_region);
        counter!("passerby_scene_changes_total", vec![name()]).absolute(camera.scene_changes);
        for (reason, n) in &camera.track_ends {
            counter!("passerby_tracks_ended_total", vec![name(), Label::new("reason", reason.name())])
                .absolute(*n);
        }
        counter!("passerby_interruptions_total", vec![name()]).absolute(camera.interruptions);
        counter!("passerby_looks_evicted_total", vec![name()]).absolute(camera.evicted);
        for (metric, counts) in
            [("passerby_failures_total", &camera.failures), ("passerby_rebuilds_total", &camera.rebuilds)]
        {
            for (stage, n) in counts {
                counter!(metric, vec![name(), Label::new("stage", *stage)]).absolute(*n);
            }
        }
        gauge!("passerby_frames_in_flight", vec![name()]).set(camera.ledger.in_flight as f64);
        gauge!("passerby_cadence", vec![name()]).set(camera.cadence as f64);
        quantiles("passerby_age_seconds", &name(), &camera.age);
    }
    snapshot.queues.iter().for_each(|(name, stats)| queue(name, stats));
    for (name, pool) in &snapshot.pools {
        gauge!("passerby_workers", "pool" => *name).set(pool.workers as f64);
    }
    for stage in &snapshot.stages {
        counter!("passerby_stage_calls_total", "stage" => stage.stage).absolute(stage.time.calls);
        counter!("passerby_stage_items_total", "stage" => stage.stage).absolute(stage.time.items);
        let busy = u64::try_from(stage.time.busy.as_millis()).unwrap_or(u64::MAX);
        counter!("passerby_stage_busy_milliseconds_total", "stage" => stage.stage).absolute(busy);
        quantiles("passerby_stage_seconds", &Label::new("stage", stage.stage), &stage.latency);
    }
    let written = snapshot.written.total();
    counter!("passerby_observations_total", "outcome" => "written").absolute(written.written);
    counter!("passerby_observations_total", "outcome" => "lost").absolute(written.lost);
    counter!("passerby_sink_failures_total").absolute(snapshot.written.failures);
    counter!("passerby_stuck_calls_total").absolute(snapshot.stuck_total);
    gauge!("passerby_stuck_calls").set(snapshot.stuck.len() as f64);
    for (reason, n) in &snapshot.decisions {
        counter!("passerby_governor_decisions_total", "reason" => reason.name()).absolute(*n);
    }
}

fn quantiles(metric: &'static str, of: &Label, values: &Quantiles) {
    for (quantile, value) in [("0.5", values.p50), ("0.95", values.p95), ("0.99", values.p99)] {
        gauge!(metric, vec![of.clone(), Label::new("quantile", quantile)]).set(value.as_secs_f64());
    }
}

fn queue(name: &str, stats: &QueueStats) {
    let of = || Label::new("queue", name.to_owned());
    gauge!("passerby_queue_depth", vec![of()]).set(stats.depth as f64);
    for (direction, n) in [("in", stats.sent), ("out", stats.received), ("dropped", stats.dropped)] {
        counter!("passerby_queue_items_total", vec![of(), Label::new("direction", direction)]).absolute(n);
    }
    counter!("passerby_queue_wait_milliseconds_total", vec![of()])
        .absolute(u64::try_from(stats.total_wait.as_millis()).unwrap_or(u64::MAX));
}

/// Installs a recorder for the whole program that serves `http://ADDRESS/metrics` for Prometheus on its own thread.
///
/// # Errors
/// An error if the address is in use or the program already has a recorder. The pipeline runs without it.
#[cfg(feature = "prometheus")]
pub fn serve_prometheus(address: SocketAddr) -> Result<(), passerby_types::BoxError> {
    metrics_exporter_prometheus::PrometheusBuilder::new().with_http_listener(address).install()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
    use passerby_types::{CameraId, SystemClock};

    use crate::pipeline::Pipeline;
    use crate::settings::PipelineSettings;
    use crate::stages::Stages;

    #[test]
    fn every_frame_of_the_ledger_is_in_the_counters() {
        let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
        let mut steps = vec![SourceStep::Picture(64, 48); 9];
        steps[4] = SourceStep::Damaged;
        let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
            .camera(CameraId(7), ScriptedSource::new(steps));

        // The pipeline publishes on the thread that waits for its end.
        let recorder = DebuggingRecorder::new();
        let seen = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, || pipeline.run()).unwrap();
        let values: BTreeMap<String, f64> = seen
            .snapshot()
            .into_vec()
            .into_iter()
            .map(|(key, _, _, value)| {
                let labels: Vec<String> =
                    key.key().labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
                let value = match value {
                    DebugValue::Counter(n) => n as f64,
                    DebugValue::Gauge(x) => x.into_inner(),
                    DebugValue::Histogram(_) => f64::NAN,
                };
                (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
            })
            .collect();
        assert_eq!(values["passerby_frames_total{camera=7,outcome=captured}"], 9.0);
        assert_eq!(values["passerby_frames_total{camera=7,outcome=analysed}"], 8.0);
        assert_eq!(values["passerby_frames_total{camera=7,outcome=dropped_undecodable}"], 1.0);
        assert_eq!(values["passerby_frames_in_flight{camera=7}"], 0.0);
        assert_eq!(values["passerby_stage_items_total{stage=detect}"], 8.0);
        let age = values["passerby_age_seconds{camera=7,quantile=0.95}"];
        assert!(age > 0.0 && age < Duration::from_secs(60).as_secs_f64(), "{age}");
    }
}
