//! The settings of a flow and of a pipeline.

use std::thread;
use std::time::Duration;

use crate::governor::GovernorLimits;
use crate::output::writer::WriterSettings;
#[cfg(feature = "serde")]
use crate::sampling::sampling_changes;
use crate::sampling::view_selector::SamplingPolicy;

/// The settings of a [`Flow`](crate::Flow), which a [`Pipeline`](crate::Pipeline) uses for each frame as well.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct FlowSettings {
    /// The detector runs on one of every `cadence` frames; the tracker coasts over those between. With 1 it runs on every
    /// frame; 0 counts as 1.
    pub cadence: u64,
    /// Which views of a track get an embedding.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "sampling_changes::of_embed"))]
    pub embed: SamplingPolicy,
    /// Which views of a track get an attribute estimate.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "sampling_changes::of_classify"))]
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

/// The settings of a [`Pipeline`](crate::Pipeline): workers, queues and timeouts.
///
/// ```
/// use passerby_pipeline::{GovernorLimits, PipelineSettings};
///
/// // For many live cameras: the governor thins detection if the machine is too slow.
/// let settings =
///     PipelineSettings { governor: Some(GovernorLimits::default()), ..PipelineSettings::default() };
/// assert_eq!(settings.frame_queue, 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct PipelineSettings {
    /// The settings of each frame. A governor overrides `cadence` for live cameras.
    pub flow: FlowSettings,
    /// The number of detection workers; 0 counts as 1. A governor may change it later.
    pub detect_workers: usize,
    /// The most frames that a detector gets in one call; 0 counts as 1. More than 1 helps only a detector that is faster in
    /// batches, for example on a GPU. On a CPU it delays the first results.
    pub detect_batch: usize,
    /// The most frames of one camera that wait for detection; 0 counts as 1.
    ///
    /// If they exceed it, a lossless camera waits, and a live camera's oldest frame makes room for the new one. The pipeline
    /// drops that frame, or gives it to the tracker without detection if the governor's limits allow it. In that case it
    /// counts as coasted and as yielded.
    pub frame_queue: usize,
    /// The number of workers that embed faces; 0 counts as 1.
    pub embed_workers: usize,
    /// The number of workers that estimate age and gender; 0 counts as 1.
    pub classify_workers: usize,
    /// The most face views that wait for an embedder, and for a classifier as well; 0 counts as 1. Beyond that the pipeline
    /// gives up the least urgent view of a live camera and counts it as evicted. A lossless camera waits.
    pub face_queue: usize,
    /// How long later frames of a live camera wait for one that is still being detected. After that the pipeline goes on
    /// without it and counts it as dropped (`late`).
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub reorder_timeout: Duration,
    /// A call that takes longer than this counts as stuck: the pipeline reports it and lets other workers replace its worker.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub stuck_after: Duration,
    /// The limits within which a governor chooses the number of detection workers and the cadence of live cameras. `None`
    /// leaves both as they are set.
    pub governor: Option<GovernorLimits>,
    /// True if the pipeline sends its figures once a second to the recorder that the program has installed with the crate
    /// `metrics`. Only with the feature `metrics`. Sending allocates, also if there is no recorder.
    pub publish_metrics: bool,
}

impl Default for PipelineSettings {
    /// Returns one or two detection workers (half of the cores), queues of 2 frames, 2 embedders and 2 classifiers with
    /// queues of 128 views, a reorder timeout of 1 s, stuck calls after 5 s, no governor, and published figures.
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
            publish_metrics: true,
        }
    }
}

impl PipelineSettings {
    /// Returns how many frames of one camera may be inside at once: those in the queue, those in a detector, two that wait
    /// for their order, and the coasted frames between them.
    pub(crate) fn window(&self) -> usize {
        let mut workers = self.detect_workers;
        let mut cadence = self.flow.cadence;
        if let Some(limits) = &self.governor {
            workers = workers.max(*limits.workers.end());
            cadence = cadence.max(*limits.cadence.end());
        }
        let detected = self.frame_queue.max(1) + workers.max(1) * self.detect_batch.max(1) + 2;
        detected.saturating_mul(usize::try_from(cadence.clamp(1, 64)).unwrap_or(64))
    }
}
