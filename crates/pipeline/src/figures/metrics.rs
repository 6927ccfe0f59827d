//! What a pipeline says of itself while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use passerby_types::{CameraId, Ledger, Timestamp};

use crate::engine::PipelineEngine;
use crate::figures::meter::{Durations, Quantiles};
use crate::{
    GovernorDecision, GovernorReason, QueueStats, StageTime, StuckCall, WorkerPoolStats, WriteReport,
};

/// Reads a pipeline's figures, while it runs and afterwards. A clone reads the same.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) engine: Arc<PipelineEngine>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// All figures of one moment. Each camera's ledger adds up; figures of different cameras and queues are read one after
/// another.
#[derive(Clone, Debug, Default)]
pub struct MetricsSnapshot {
    /// When, on the pipeline's clock.
    pub at: Timestamp,
    /// From capture until the observation left, of all frames of all cameras.
    pub age: Quantiles,
    /// The cameras, in the order in which they were added, ended ones too.
    pub cameras: Vec<CameraSnapshot>,
    /// The queues: `detect` of each camera that runs, `embed`, `classify`, `store`, and the subscribers'.
    pub queues: Vec<(String, QueueStats)>,
    /// The pools: `detect`, `embed`, `classify`.
    pub pools: Vec<(&'static str, WorkerPoolStats)>,
    /// Time and latency of every stage that was called, over all cameras.
    pub stages: Vec<StageSnapshot>,
    /// What the sink took.
    pub written: WriteReport,
    /// What the governor decided last; `None` without one, and before it has decided first.
    pub governor: Option<GovernorDecision>,
    /// How often the governor decided what, by reason.
    pub decisions: BTreeMap<GovernorReason, u64>,
    /// Stage calls that have been running for longer than they should.
    pub stuck: Vec<StuckCall>,
    /// How many calls ever were.
    pub stuck_total: u64,
}

/// One camera's figures.
#[derive(Clone, Debug, Default)]
pub struct CameraSnapshot {
    /// Which.
    pub camera: CameraId,
    /// What it is called.
    pub name: String,
    /// Every frame, counted.
    pub ledger: Ledger,
    /// Faces detected.
    pub faces: u64,
    /// From capture until the observation left, of all frames.
    pub age: Quantiles,
    /// The detector runs on every so many frames.
    pub cadence: u64,
    /// Frames that the detector was to run on, and the tracker took alone since no worker came to them: they are among
    /// the coasted ones. Only where a governor may thin detection as far.
    pub yielded: u64,
    /// FaceJobs given up for more urgent ones.
    pub evicted: u64,
    /// Failed calls by stage.
    pub failures: BTreeMap<&'static str, u64>,
    /// Instances given up for new ones, by stage.
    pub rebuilds: BTreeMap<&'static str, u64>,
    /// How often its source lost the connection, stalled or froze, and went on.
    pub interruptions: u64,
    /// True where no frame of it will come any more.
    pub ended: bool,
}

/// One stage's figures over all cameras.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageSnapshot {
    /// Its name.
    pub stage: &'static str,
    /// Calls, items, and the time in them together.
    pub time: StageTime,
    /// How long a call took.
    pub latency: Quantiles,
    /// Failed calls.
    pub failures: u64,
    /// Instances that were given up for a new one after a failed call.
    pub rebuilds: u64,
}

impl Metrics {
    /// The figures of this moment.
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
                faces: meter.report.faces,
                age: meter.age.quantiles(),
                cadence: camera.cadence(),
                yielded: meter.yielded,
                evicted: meter.evicted,
                failures: meter.report.failures.clone(),
                rebuilds: meter.report.rebuilds.clone(),
                interruptions: meter.report.interruptions,
                ended,
            }
        });
        let context = &engine.context;
        let snapshots = snapshots.collect();
        let (at, age) = (context.clock.now(), age.quantiles());
        let mut snapshot = MetricsSnapshot { at, age, cameras: snapshots, ..MetricsSnapshot::default() };
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
    /// The ledger of all cameras together.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let mut sum = Ledger::default();
        self.cameras.iter().for_each(|camera| sum.add(&camera.ledger));
        sum
    }
}
