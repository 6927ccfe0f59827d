//! Which frames of a camera the detector runs on, and with which detail.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Which frames of a camera the detector runs on: one of every `every`, shifted by `phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DetectionSchedule {
    every: u64,
    phase: u64,
}

impl DetectionSchedule {
    /// Creates a schedule that includes one of every `every` frames; 0 counts as 1. With phase 0 the first frame is one
    /// of them. Cameras that start together take turns if each has another phase.
    pub(crate) fn new(every: u64, phase: u64) -> Self {
        Self { every: every.max(1), phase }
    }

    /// Returns true if the detector runs on frame `seq`.
    pub(crate) fn includes(self, seq: u64) -> bool {
        seq.wrapping_add(self.phase).is_multiple_of(self.every)
    }

    /// Returns the first frame after `seq` that the detector runs on.
    pub(crate) fn next_after(self, seq: u64) -> u64 {
        seq.saturating_add(self.every - seq.wrapping_add(self.phase) % self.every)
    }
}

/// The detections of one camera in a pipeline: their schedule and detail, which the governor changes while the camera runs,
/// and how far they have come.
#[derive(Debug)]
pub(crate) struct CameraDetections {
    every: AtomicU64,
    phase: u64,
    /// The bits of the detail.
    detail: AtomicU32,
    /// One past the newest `seq` that a worker took for detection; 0 before the first.
    next_undetected: AtomicU64,
    last_detection_failed: AtomicBool,
    /// True if a track must be looked at again, so that the next frame must be detected on.
    look_wanted: AtomicBool,
}

impl CameraDetections {
    pub(crate) fn new(every: u64, phase: u64, detail: f32) -> Self {
        Self {
            every: AtomicU64::new(every),
            phase,
            detail: AtomicU32::new(detail.to_bits()),
            next_undetected: AtomicU64::new(0),
            last_detection_failed: AtomicBool::new(false),
            look_wanted: AtomicBool::new(false),
        }
    }

    /// Returns the schedule at this moment.
    pub(crate) fn schedule(&self) -> DetectionSchedule {
        DetectionSchedule::new(self.cadence(), self.phase)
    }

    /// Returns N if the detector runs on one of every N frames.
    pub(crate) fn cadence(&self) -> u64 {
        self.every.load(Ordering::Relaxed)
    }

    /// Sets the cadence from the next frame on. 0 counts as 1.
    pub(crate) fn set_cadence(&self, every: u64) {
        self.every.store(every.max(1), Ordering::Relaxed);
    }

    /// Returns the factor on the detail of the camera's frames.
    pub(crate) fn detail(&self) -> f32 {
        f32::from_bits(self.detail.load(Ordering::Relaxed))
    }

    pub(crate) fn set_detail(&self, detail: f32) {
        self.detail.store(detail.to_bits(), Ordering::Relaxed);
    }

    /// Asks for a detection on the next frame, whatever the schedule says.
    pub(crate) fn want_look(&self) {
        self.look_wanted.store(true, Ordering::Relaxed);
    }

    /// Returns true once after [`CameraDetections::want_look`].
    pub(crate) fn take_wanted_look(&self) -> bool {
        self.look_wanted.swap(false, Ordering::Relaxed)
    }

    /// Notes that a worker takes frame `seq` for detection.
    pub(crate) fn take(&self, seq: u64) {
        self.next_undetected.fetch_max(seq.saturating_add(1), Ordering::Relaxed);
    }

    /// Notes the result of a detection.
    pub(crate) fn finish(&self, failed: bool) {
        self.last_detection_failed.store(failed, Ordering::Relaxed);
    }

    /// Returns true if frame `seq` may go without detection, given that the detector may run on `next` after it. Then no
    /// worker has taken a later frame, fewer than `max_cadence` frames lie between the newest frame that a worker took
    /// and `next`, and the last detection did not fail.
    pub(crate) fn can_skip(&self, seq: u64, next: u64, max_cadence: u64) -> bool {
        let next_undetected = self.next_undetected.load(Ordering::Relaxed);
        // After a worker has taken a later frame, the newest one before `seq` is forgotten.
        next_undetected <= seq
            && next - next_undetected < max_cadence
            && !self.last_detection_failed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_look_is_taken_once() {
        let detections = CameraDetections::new(4, 0, 1.0);
        assert!(!detections.take_wanted_look());
        detections.want_look();
        detections.want_look();
        assert!(detections.take_wanted_look() && !detections.take_wanted_look());
    }

    #[test]
    fn a_schedule_includes_one_of_every_n_frames() {
        let included = |every, phase| -> Vec<u64> {
            let schedule = DetectionSchedule::new(every, phase);
            (0..8).filter(|seq| schedule.includes(*seq)).collect()
        };
        assert_eq!(included(1, 5), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(included(0, 0), included(1, 0));
        assert_eq!(included(3, 0), [0, 3, 6]);
        assert_eq!(included(3, 1), [2, 5]);
    }

    #[test]
    fn the_next_frame_is_the_first_that_is_included() {
        for (every, phase) in [(1, 0), (3, 0), (3, 1), (4, 7)] {
            let schedule = DetectionSchedule::new(every, phase);
            for seq in 0..20 {
                let next = (seq + 1..).find(|seq| schedule.includes(*seq));
                assert_eq!(Some(schedule.next_after(seq)), next, "every {every}, phase {phase}, seq {seq}");
            }
        }
    }

    #[test]
    fn a_frame_may_go_undetected_within_the_greatest_cadence() {
        let detections = CameraDetections::new(2, 0, 1.0);
        detections.take(4);
        assert!(detections.can_skip(6, 8, 4), "frames 5, 6 and 7");
        assert!(!detections.can_skip(6, 8, 3));
    }

    #[test]
    fn a_frame_before_the_newest_detection_is_not_skipped() {
        let detections = CameraDetections::new(2, 0, 1.0);
        detections.take(8);
        assert!(!detections.can_skip(6, 8, 100));
    }

    #[test]
    fn no_frame_is_skipped_after_a_failed_detection() {
        let detections = CameraDetections::new(2, 0, 1.0);
        detections.finish(true);
        assert!(!detections.can_skip(0, 2, 100));
        detections.finish(false);
        assert!(detections.can_skip(0, 2, 100));
    }
}
