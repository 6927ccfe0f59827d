//! Counts the frames of one camera, and recognises an outage by the time stamps.

use std::time::Duration;

/// The shortest gap in time that counts as an outage. Some cameras deliver their frames in bursts, so a shorter gap says
/// nothing.
const MIN_OUTAGE: Duration = Duration::from_secs(1);
/// The number of frames over which the usual interval is averaged: more than a burst has.
const AVERAGED_FRAMES: u32 = 16;

/// Counts the frames of one camera by their sequence numbers and presentation times.
#[derive(Clone, Debug, Default)]
pub(crate) struct FrameCounter {
    last_seq: Option<u64>,
    last_pts: Option<Duration>,
    /// The usual time from one frame to the next, or `None` if no two frames had times since the start or the last outage.
    interval: Option<Duration>,
}

impl FrameCounter {
    /// Moves to the frame with this number and time, and returns the number of frames since the last one, at least 1.
    ///
    /// If `seq` does not rise, the frame counts as the one after the last, and counting goes on from `seq`. If the time
    /// between the two frames is an outage, in which a camera would have given more than `max_age` frames, the result is so
    /// large that every track expires. Without `pts` only the numbers count.
    pub(crate) fn advance_to(&mut self, seq: u64, pts: Option<Duration>, max_age: u32) -> u64 {
        let frames = self.last_seq.map_or(1, |last| seq.saturating_sub(last).max(1));
        self.last_seq = Some(seq);
        let elapsed = self.last_pts.zip(pts).and_then(|(last, pts)| pts.checked_sub(last));
        self.last_pts = pts;
        let Some(elapsed) = elapsed else { return frames };
        let per_frame = elapsed / u32::try_from(frames).unwrap_or(u32::MAX);
        let Some(usual) = self.interval else {
            self.interval = Some(per_frame);
            return frames;
        };
        if elapsed > usual.saturating_mul(max_age).max(MIN_OUTAGE) {
            // The camera may come back with another frame rate.
            self.interval = None;
            return frames.max(u64::from(max_age) + 2);
        }
        let average = usual.saturating_mul(AVERAGED_FRAMES - 1).saturating_add(per_frame) / AVERAGED_FRAMES;
        self.interval = Some(average);
        frames
    }

    /// Returns the number of the next frame, if the caller does not number its frames.
    pub(crate) fn next_seq(&self) -> u64 {
        self.last_seq.map_or(0, |last| last.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Returns the frames that the counter sees for frames at these times in milliseconds, numbered without a gap.
    fn frames_at(millis: &[u32], max_age: u32) -> Vec<u64> {
        let mut counter = FrameCounter::default();
        (0..).zip(millis).map(|(seq, &at)| counter.advance_to(seq, Some(MS * at), max_age)).collect()
    }

    #[test]
    fn a_seq_that_does_not_rise_counts_as_the_next_frame() {
        let mut counter = FrameCounter::default();
        let frames = [7, 8, 11, 11, 3, 4, u64::MAX, 0, 2].map(|seq| counter.advance_to(seq, None, 30));
        assert_eq!(frames, [1, 1, 3, 1, 1, 1, u64::MAX - 4, 1, 2]);
    }

    #[test]
    fn frames_without_numbers_count_from_zero() {
        let mut counter = FrameCounter::default();
        assert_eq!(counter.next_seq(), 0);
        counter.advance_to(7, None, 30);
        assert_eq!(counter.next_seq(), 8);
        counter.advance_to(u64::MAX, None, 30);
        assert_eq!(counter.next_seq(), u64::MAX, "the largest number repeats");
    }

    #[test]
    fn a_gap_longer_than_the_patience_is_an_outage() {
        // Thirty frames of 40 ms are 1.2 s.
        assert_eq!(frames_at(&[0, 40, 80, 1280], 30), [1, 1, 1, 1]);
        assert_eq!(frames_at(&[0, 40, 80, 1281], 30), [1, 1, 1, 32]);
    }

    #[test]
    fn a_gap_below_a_second_is_no_outage() {
        assert_eq!(frames_at(&[0, 40, 80, 1080, 1120, 2200], 1), [1, 1, 1, 1, 1, 3]);
    }

    #[test]
    fn after_an_outage_another_frame_rate_is_learned() {
        assert_eq!(frames_at(&[0, 40, 5040, 9040, 13_040], 3), [1, 1, 5, 1, 1]);
    }

    #[test]
    fn a_slow_camera_has_no_outage_between_its_frames() {
        assert_eq!(frames_at(&[0, 5000, 10_000, 15_500, 20_000], 2), [1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_time_that_goes_back_is_no_outage() {
        assert_eq!(frames_at(&[60_000, 60_040, 0, 40], 1), [1, 1, 1, 1]);
    }

    #[test]
    fn without_times_there_is_no_outage() {
        let mut counter = FrameCounter::default();
        let times = [Some(MS), None, Some(MS * 90_000), None];
        assert_eq!(times.map(|pts| counter.advance_to(0, pts, 0)), [1, 1, 1, 1]);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut counter = FrameCounter::default();
        for seq in [0, 1, u64::MAX] {
            counter.advance_to(seq, Some(Duration::ZERO), u32::MAX);
        }
        assert_eq!(counter.advance_to(0, Some(Duration::MAX), u32::MAX), u64::from(u32::MAX) + 2);
    }
}
