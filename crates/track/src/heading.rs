//! The direction in which a face has moved, from its detections instead of the filter.
//!
//! J. Cao et al., "Observation-centric SORT", CVPR 2023, section 4.2, "observation-centric momentum": between two
//! detections that are some frames apart, the noise of the boxes matters less than in the filter's velocity, and a
//! filter that ran without detections has drifted.

use passerby_types::Point;

/// The least number of frames between the two detections that give the direction: delta t of the paper.
const SPAN: u64 = 3;
/// The number of detections that are kept: the first of them is always at least [`SPAN`] frames older than the last, if
/// there are as many.
const KEPT: usize = 4;

/// The centre of a detection, and the frame that it was found in.
#[derive(Clone, Copy, Debug)]
struct Waypoint {
    frame: u64,
    center: Point,
}

/// The latest detections of a face.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heading {
    /// From old to new. Until there are enough detections, the first one fills the places before it.
    waypoints: [Waypoint; KEPT],
}

impl Heading {
    /// Starts with the first detection, which has no direction.
    pub(crate) fn new(frame: u64, center: Point) -> Self {
        Self { waypoints: [Waypoint { frame, center }; KEPT] }
    }

    /// Adds the next detection.
    pub(crate) fn push(&mut self, frame: u64, center: Point) {
        self.waypoints.rotate_left(1);
        self.waypoints[KEPT - 1] = Waypoint { frame, center };
    }

    /// Returns how well a detection at `center` continues the direction: the cosine of the angle, from -1 to 1, or 0 if
    /// the face has not moved.
    ///
    /// Both directions begin at the latest detection that is at least three frames older than the last one, or else at
    /// the first.
    pub(crate) fn agreement(&self, center: Point) -> f32 {
        let [first, .., last] = self.waypoints;
        let old_enough = |w: &&Waypoint| last.frame.saturating_sub(w.frame) >= SPAN;
        let from = self.waypoints.iter().rev().find(old_enough).unwrap_or(&first).center;
        let (ax, ay) = (last.center.x - from.x, last.center.y - from.y);
        let (bx, by) = (center.x - from.x, center.y - from.y);
        let lengths = ((ax * ax + ay * ay) * (bx * bx + by * by)).sqrt();
        if lengths > 0.0 { ((ax * bx + ay * by) / lengths).clamp(-1.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(frames: impl IntoIterator<Item = u64>) -> Heading {
        let mut frames = frames.into_iter();
        let at = |frame: u64| Point::new(10.0 * frame as f32, 0.0);
        let first = frames.next().unwrap_or_default();
        let mut heading = Heading::new(first, at(first));
        frames.for_each(|frame| heading.push(frame, at(frame)));
        heading
    }

    #[test]
    fn the_way_ahead_agrees_and_the_way_back_does_not() {
        let heading = walk(0..4);
        assert_eq!(heading.agreement(Point::new(40.0, 0.0)), 1.0);
        assert_eq!(heading.agreement(Point::new(-10.0, 0.0)), -1.0);
        assert_eq!(heading.agreement(Point::new(0.0, 7.0)), 0.0);
    }

    #[test]
    fn a_face_that_was_seen_once_has_no_direction() {
        assert_eq!(walk([5]).agreement(Point::new(60.0, 0.0)), 0.0);
    }

    #[test]
    fn a_face_that_stands_still_has_no_direction() {
        let mut heading = Heading::new(0, Point::new(5.0, 5.0));
        (1..9).for_each(|frame| heading.push(frame, Point::new(5.0, 5.0)));
        assert_eq!(heading.agreement(Point::new(9.0, 5.0)), 0.0);
    }

    #[test]
    fn the_direction_begins_three_frames_before_the_last_detection() {
        // The way turns at frame 20, so from there the direction is downwards.
        let mut heading = walk(0..=20);
        for frame in 21..=23 {
            heading.push(frame, Point::new(200.0, 10.0 * (frame - 20) as f32));
        }
        assert_eq!(heading.agreement(Point::new(200.0, 40.0)), 1.0);
        // With a detection on every fifth frame, it begins at the one before the last.
        assert_eq!(walk([0, 5, 10]).agreement(Point::new(50.0, 5.0)), 0.0);
    }
}
