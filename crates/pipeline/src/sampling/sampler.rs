//! Selects the faces of a frame that are worth an embedding or an attribute estimate, and cuts them out.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    ChipPool, FaceChip, Frame, FrameMeta, Recycler, SourceInfo, TrackId, TrackKey, TrackState, TrackedFace,
};

use crate::face_jobs::{FaceJob, FaceJobs};
use crate::figures::meter::CameraMeter;
use crate::sampling::face_watch::FaceWatch;
use crate::sampling::view_selector::{SamplingPolicy, ViewSelector};

/// The frame rate of a lossless source that has no presentation times and states no rate, in frames a second.
const ASSUMED_FRAME_RATE: f64 = 25.0;

/// How many lists of visible tracks are kept for frames whose face jobs are open.
const MAX_VISIBLE_LISTS: usize = 64;

/// Selects the views of one camera that are worth a sample.
pub(crate) struct Sampler {
    clock: SamplingClock,
    pub(crate) embed: ViewSelector,
    pub(crate) classify: ViewSelector,
    watch: FaceWatch,
    /// The tracks whose faces are in the frame, written anew for each frame with a sample.
    visible: Vec<TrackKey>,
    visible_lists: Recycler<Arc<Vec<TrackKey>>>,
}

impl Sampler {
    pub(crate) fn new(info: &SourceInfo, embed: SamplingPolicy, classify: SamplingPolicy) -> Self {
        Self {
            clock: SamplingClock::new(info),
            embed: ViewSelector::new(embed),
            classify: ViewSelector::new(classify),
            watch: FaceWatch::default(),
            visible: Vec::new(),
            visible_lists: Recycler::new(MAX_VISIBLE_LISTS),
        }
    }

    /// Adds a job to `jobs` for each view of the frame that is worth a sample, and records the samples. The chip of a view
    /// that is worth both kinds is cut out once. `stages` names the kinds for which there is a stage.
    pub(crate) fn select(
        &mut self,
        frame: &Frame,
        tracks: &[TrackedFace],
        stages: ActiveStages,
        chips: &ChipPool,
        meter: &Arc<CameraMeter>,
        jobs: &mut FaceJobs,
    ) {
        let at = self.clock.time_of(&frame.meta);
        if stages.embed {
            self.watch.watch(&frame.image, tracks, at, |track| self.embed.suspect(track));
        }
        let mut visible = None;
        for (index, tracked) in tracks.iter().enumerate() {
            let track = tracked.track;
            let Some(face) = tracked.face else { continue };
            let embed = self.embed.reason(track, &face, at).filter(|_| stages.embed);
            let classify = self.classify.reason(track, &face, at).filter(|_| stages.classify);
            if embed.is_none() && classify.is_none() {
                continue;
            }
            // A face without a pixel inside the picture has no chip.
            let Ok(chip) = FaceChip::cut(frame, &face, chips) else { continue };
            if embed.is_some() {
                self.watch.record_sample(track);
            }
            let visible = visible.get_or_insert_with(|| {
                let key = |tracked: &TrackedFace| TrackKey { camera: meter.camera, track: tracked.track };
                self.visible.clear();
                self.visible.extend(tracks.iter().filter(|t| t.state != TrackState::Lost).map(key));
                self.visible_lists.share_copy(&self.visible)
            });
            let kinds = [
                (&mut self.embed, embed, &mut jobs.embed),
                (&mut self.classify, classify, &mut jobs.classify),
            ];
            for (selector, reason, jobs) in kinds {
                let Some(reason) = reason else { continue };
                jobs.push(FaceJob {
                    chip: chip.clone(),
                    face,
                    track,
                    index,
                    reason,
                    sampled_at: at,
                    history: selector.record(track, &face, at),
                    visible: Arc::clone(visible),
                    meter: Arc::clone(meter),
                });
            }
        }
    }

    /// Forgets a track that ended.
    pub(crate) fn end(&mut self, track: TrackId) {
        self.embed.end(track);
        self.classify.end(track);
        self.watch.end(track);
    }
}

/// The kinds of samples for which there is a stage.
#[derive(Clone, Copy)]
pub(crate) struct ActiveStages {
    pub(crate) embed: bool,
    pub(crate) classify: bool,
}

/// The clock of a [`SamplingPolicy`], which describes it.
#[derive(Clone, Copy, Debug)]
struct SamplingClock {
    live: bool,
    frame_rate: f64,
}

impl SamplingClock {
    fn new(info: &SourceInfo) -> Self {
        let stated = info.frame_rate.filter(|rate| rate.is_finite() && *rate > 0.0);
        Self { live: info.live, frame_rate: stated.unwrap_or(ASSUMED_FRAME_RATE) }
    }

    fn time_of(self, meta: &FrameMeta) -> Duration {
        if self.live {
            return meta.captured.0;
        }
        let assumed =
            || Duration::try_from_secs_f64(meta.seq as f64 / self.frame_rate).unwrap_or(Duration::MAX);
        meta.pts.unwrap_or_else(assumed)
    }
}

#[cfg(test)]
mod tests {
    use passerby_types::Timestamp;

    use super::*;

    fn meta(seq: u64, pts: Option<Duration>) -> FrameMeta {
        FrameMeta { pts, captured: Timestamp(Duration::from_secs(9)), ..FrameMeta::new(0, seq) }
    }

    fn clock(live: bool, frame_rate: Option<f64>) -> SamplingClock {
        SamplingClock::new(&SourceInfo { live, frame_rate, ..SourceInfo::default() })
    }

    #[test]
    fn a_live_source_is_sampled_by_arrival() {
        let pts = Some(Duration::from_secs(70));
        assert_eq!(clock(true, Some(5.0)).time_of(&meta(3, pts)), Duration::from_secs(9));
    }

    #[test]
    fn a_file_is_sampled_by_presentation_time() {
        let pts = Some(Duration::from_secs(70));
        assert_eq!(clock(false, Some(5.0)).time_of(&meta(3, pts)), Duration::from_secs(70));
    }

    #[test]
    fn a_file_without_presentation_times_is_sampled_by_its_frame_rate() {
        assert_eq!(clock(false, Some(5.0)).time_of(&meta(3, None)), Duration::from_millis(600));
        for stated in [None, Some(0.0), Some(f64::NAN)] {
            assert_eq!(clock(false, stated).time_of(&meta(3, None)), Duration::from_millis(120));
        }
        assert_eq!(clock(false, Some(1e-300)).time_of(&meta(3, None)), Duration::MAX);
    }
}
