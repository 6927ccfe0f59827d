//! The figures of a pipeline while it runs and afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use passerby_types::{CameraId, Ledger, Timestamp};
use passerby_workers::{QueueStats, WorkerPoolStats};

use crate::engine::PipelineEngine;
use crate::figures::calls::StuckCall;
use crate::figures::meter::{Durations, Quantiles};
use crate::figures::report::StageTime;
use crate::figures::track_end::TrackEnd;
use crate::governor::load::{GovernorDecision, GovernorReason};
use crate::output::writer::WriteReport;

/// Reads the figures of a pipeline while it runs and after it has ended. A clone reads the same figures.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) engine: Arc<PipelineEngine>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// The figures of a pipeline at one moment.
///
/// The ledger of each camera adds up. Different cameras and queues are read one after another, so their figures may be a
/// few microseconds apart.
#[derive(Clone, Debug, Default)]
pub struct MetricsSnapshot {
    /// The moment on the pipeline's clock.
    pub at: Timestamp,
    /// The age of the observations of all cameras: the time from the capture of a frame until its observation left.
    pub age: Quantiles,
    /// The cameras in the order in which they were added, including those that have ended.
    pub cameras: Vec<CameraSnapshot>,
    /// The counts of the queues by name: `detect` of each camera that runs, `embed`, `classify`, `store`, and those of the
    /// subscriptions.
    pub queues: Vec<(String, QueueStats)>,
    /// The counts of the pools `detect`, `embed` and `classify`.
    pub pools: Vec<(&'static str, WorkerPoolStats)>,
    /// The figures of each stage over all cameras. A stage that was not called is not in the list.
    pub stages: Vec<StageSnapshot>,
    /// The counts of the sink.
    pub written: WriteReport,
    /// The governor's last decision, or `None` without a governor and before its first decision.
    pub governor: Option<GovernorDecision>,
    /// The number of the governor's decisions by reason.
    pub decisions: BTreeMap<GovernorReason, u64>,
    /// The calls that are stuck now.
    pub stuck: Vec<StuckCall>,
    /// The number of calls that were ever stuck.
    pub stuck_total: u64,
}

/// The figures of one camera.
#[derive(Clone, Debug, Default)]
pub struct CameraSnapshot {
    /// The camera.
    pub camera: CameraId,
    /// The name of its source.
    pub name: String,
    /// The fates of all frames.
    pub ledger: Ledger,
    /// The number of faces that the detector found.
    pub faces: u64,
    /// The age of its observations: the time from the capture of a frame until its observation left.
    pub age: Quantiles,
    /// The cadence: the detector runs on one of every `cadence` frames.
    pub cadence: u64,
    /// The number of coasted frames that were due for detection, but for which no worker was free in time. Only a governor
    /// allows this.
    pub yielded: u64,
    /// The number of analysed frames at which the detector looked with less detail, because the governor had lowered it. Faces
    /// that are too small for the smaller input were not found.
    pub reduced: u64,
    /// The number of boxes that the detector left out because a frame had too many; see
    /// [`Detector::left_out`](passerby_types::Detector::left_out).
    pub faces_left_out: u64,
    /// The number of faces that were not tracked because the camera's zones do not watch their places; see
    /// [`ZoneCounter::watches`](passerby_types::ZoneCounter::watches). They are among `faces`.
    pub faces_outside_region: u64,
    /// How often the picture showed another scene than the one before: a cut, another channel, or a camera that was turned. All
    /// tracks of the camera end there.
    pub scene_changes: u64,
    /// The number of tracks that ended, by reason. A reason without a track is not in the map.
    pub track_ends: BTreeMap<TrackEnd, u64>,
    /// The number of face views that were given up for more urgent ones.
    pub evicted: u64,
    /// The number of failed calls of each stage.
    pub failures: BTreeMap<&'static str, u64>,
    /// The number of instances of each stage that failed and were replaced.
    pub rebuilds: BTreeMap<&'static str, u64>,
    /// How often its source lost its connection, stalled or froze, and was asked again.
    pub interruptions: u64,
    /// True if the camera has ended.
    pub ended: bool,
}

/// The figures of one stage over all cameras.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageSnapshot {
    /// The name of the stage.
    pub stage: &'static str,
    /// The number of calls and items, and the time in all calls together.
    pub time: StageTime,
    /// The duration of its calls.
    pub latency: Quantiles,
    /// The number of failed calls.
    pub failures: u64,
    /// The number of instances that failed and were replaced.
    pub rebuilds: u64,
}

impl Metrics {
    /// Returns the figures at this moment.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        let engine = &*self.engine;
        let cameras = engine.cameras.read();
        let mut age = Durations::default();
        let snapshots = cameras.iter().map(|camera| {
            let ended = camera.has_ended();
            let meter = camera.meter.lock();
            age.merge(&meter.age);
            CameraSnapshot {
                camera: camera.id,
                name: meter.report.name.clone(),
                ledger: meter.report.ledger.clone(),
                faces: meter.report.faces.found,
                age: meter.age.quantiles(),
                cadence: camera.detections.cadence(),
                yielded: meter.yielded,
                reduced: meter.reduced,
                faces_left_out: meter.report.faces.left_out,
                faces_outside_region: meter.report.faces.outside_region,
                scene_changes: meter.report.faces.scene_changes,
                track_ends: meter.report.faces.track_ends.clone(),
                evicted: meter.evicted,
                failures: meter.report.failures.clone(),
                rebuilds: meter.report.rebuilds.clone(),
                interruptions: meter.report.interruptions,
                ended,
            }
        });
        let context = &engine.context;
        let snapshots = snapshots.collect();
        let mut snapshot = MetricsSnapshot {
            at: context.clock.now(),
            age: age.quantiles(),
            cameras: snapshots,
            ..MetricsSnapshot::default()
        };
        for camera in cameras.iter() {
            let stats = engine.detect_queue.lanes.stats(camera.id.0);
            snapshot.queues.extend(stats.map(|stats| (format!("detect {}", camera.id), stats)));
        }
        snapshot.pools.push(("detect", engine.detection.stats()));
        if let Some(pool) = &engine.embedding {
            snapshot.queues.push(("embed".into(), pool.workers.queue_stats()));
            snapshot.pools.push(("embed", pool.workers.stats()));
        }
        if let Some(pool) = &engine.classifying {
            snapshot.queues.push(("classify".into(), pool.workers.queue_stats()));
            snapshot.pools.push(("classify", pool.workers.stats()));
        }
        snapshot.queues.extend(context.fanout.writer.iter().map(|writer| ("store".into(), writer.stats())));
        snapshot.queues.extend(context.fanout.listeners.subscribers.stats());
        snapshot.queues.extend(context.fanout.listeners.frame_subscribers.stats());
        let stages = context.timer.stages.each().map(|(stage, time, latency, faults)| StageSnapshot {
            stage,
            time,
            latency,
            failures: faults.failures,
            rebuilds: faults.rebuilds,
        });
        snapshot.stages.extend(stages);
        snapshot.written = engine.written();
        let state = engine.monitor.lock();
        snapshot.governor = state.decision;
        snapshot.decisions.clone_from(&state.decisions);
        snapshot.stuck.clone_from(&state.stuck);
        snapshot.stuck_total = state.stuck_total;
        snapshot
    }
}

impl MetricsSnapshot {
    /// Returns the sum of the ledgers of all cameras.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        self.cameras.iter().for_each(|camera| sum.add(&camera.ledger));
        sum
    }
}
