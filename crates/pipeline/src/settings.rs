//! How a pipeline works.

use std::thread;
use std::time::Duration;

use crate::camera::view_selector::SamplingPolicy;
use crate::governor::GovernorLimits;
use crate::output::writer::WriterSettings;

/// How a [`Flow`](crate::Flow) works, and what a [`Pipeline`](crate::Pipeline) does with each frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowSettings {
    /// The detector runs on one of every `cadence` frames; the tracker coasts over those between. With 1 it runs on every
    /// frame; 0 counts as 1.
    pub cadence: u64,
    /// Which views of a track get an embedding.
    pub embed: SamplingPolicy,
    /// Which views of a track get an attribute estimate.
    pub classify: SamplingPolicy,
    /// When observations are written.
    pub writer: WriterSettings,
}

impl Default for FlowSettings {
    fn default() -> Self {
        Self {
            cadence: 1,
            embed: SamplingPolicy::EMBED,
            classify: SamplingPolicy::CLASSIFY,
            writer: WriterSettings::default(),
        }
    }
}

impl FlowSettings {
    /// Gives every face of every frame an embedding and an attribute estimate of its own: for evaluation.
    #[must_use]
    pub fn every_frame(mut self) -> Self {
        self.cadence = 1;
        self.embed = SamplingPolicy::ALWAYS;
        self.classify = SamplingPolicy::ALWAYS;
        self
    }
}

/// How a [`Pipeline`](crate::Pipeline) works: how many workers, how long queues, when somebody is given up.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSettings {
    /// What is done with a frame, as in a [`Flow`](crate::Flow). `cadence` is that of lossless cameras, and of live
    /// ones where there is no governor.
    pub flow: FlowSettings,
    /// Detection workers: those at the start, where a governor may change them.
    pub detect_workers: usize,
    /// The most frames a detector gets at once. More than 1 pays for detectors that are faster by the batch, which
    /// those on a CPU are not: there it only delays the first results.
    pub detect_batch: usize,
    /// Frames of one camera that wait for detection. A live camera's oldest makes room for a newer one, so a result is
    /// never stale; a lossless camera waits. The frame that made room is dropped, unless the governor's limits allow the
    /// tracker to take it alone: then it is coasted, and counted as yielded too.
    pub frame_queue: usize,
    /// Workers that embed.
    pub embed_workers: usize,
    /// Workers that estimate attributes.
    pub classify_workers: usize,
    /// Views that wait for an embedder, and as many for a classifier. Beyond that the least urgent is given up and
    /// counted.
    pub face_queue: usize,
    /// How long a live camera's later frames wait for one that is still being detected on, before it goes on without.
    pub reorder_timeout: Duration,
    /// A call that takes longer than this counts as stuck.
    pub stuck_after: Duration,
    /// What the number of detection workers and the cadence of live cameras may be. `None`: as set, always.
    pub governor: Option<GovernorLimits>,
}

impl Default for PipelineSettings {
    /// The original system's numbers: `min(2, max(1, cores / 2))` detection workers, queues of 2, 2 embedders, 2
    /// classifiers behind 128 places; one second of patience with a frame, five with a call; no governor.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            flow: FlowSettings::default(),
            detect_workers: (cores / 2).clamp(1, 2),
            detect_batch: 1,
            frame_queue: 2,
            embed_workers: 2,
            classify_workers: 2,
            face_queue: 128,
            reorder_timeout: Duration::from_secs(1),
            stuck_after: Duration::from_secs(5),
            governor: None,
        }
    }
}

impl PipelineSettings {
    /// How many frames of one camera may be inside at once: those that wait, those being detected on, two that wait to
    /// be put in order, and those between them that the tracker alone takes.
    pub(crate) fn window(&self) -> usize {
        let (mut workers, mut cadence) = (self.detect_workers, self.flow.cadence);
        if let Some(limits) = &self.governor {
            workers = workers.max(*limits.workers.end());
            cadence = cadence.max(*limits.cadence.end());
        }
        let detected = self.frame_queue.max(1) + workers.max(1) * self.detect_batch.max(1) + 2;
        detected.saturating_mul(usize::try_from(cadence.clamp(1, 64)).unwrap_or(64))
    }
}
