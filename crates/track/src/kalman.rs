//! How a box is believed to move: SORT's Kalman filter with constant velocity.
//!
//! The state is the paper's: centre x and y, area, and the ratio of width to height, with velocities for the first
//! three (Bewley et al. 2016, section 3.2). Transition, measurement and every covariance couple a number with its own
//! velocity only, so the filter of seven numbers falls apart, exactly, into three of two numbers and one of one.
//!
//! The reference implementation's covariances are in pixels and fit people some hundred pixels high. Here they are
//! relative to the box (as in Wojke et al. 2017, "Simple online and realtime tracking with a deep association metric",
//! section 2.1), so that a face of 12 pixels is followed as one of 120. The box's size is the square root of its area.

use passerby_types::BBox;

/// Standard deviation of a detection's centre, over the box's size.
const CENTER: f64 = 0.05;
/// Standard deviation of a detection's area, over the area: a length off by one part is an area off by two.
const AREA: f64 = 2.0 * CENTER;
/// Standard deviation of a detection's ratio of width to height.
const RATIO: f64 = 0.1;

/// Variance that the centre, the area and the ratio gain a frame, over the variance of a detection.
const DRIFT: f64 = 0.2;
const RATIO_DRIFT: f64 = 0.03;
/// Standard deviation of what the velocity gains a frame: box sizes a frame, and areas a frame.
const CENTER_PUSH: f64 = 0.01;
const AREA_PUSH: f64 = 0.003;

/// Standard deviation of a new track's velocity about 0: box sizes a frame, and areas a frame.
const VELOCITY: f64 = 0.1;

/// The least area in square pixels, so that a shrinking box stays a box.
const LEAST_AREA: f64 = 1e-3;

/// A number that drifts at a constant velocity, and the covariance of the two.
#[derive(Clone, Copy, Debug)]
struct Axis {
    value: f64,
    velocity: f64,
    /// Variance of the value.
    spread: f64,
    /// Covariance of value and velocity.
    cross: f64,
    /// Variance of the velocity.
    velocity_spread: f64,
}

impl Axis {
    fn new(value: f64, deviation: f64, velocity_deviation: f64) -> Self {
        Self {
            value,
            velocity: 0.0,
            spread: deviation * deviation,
            cross: 0.0,
            velocity_spread: velocity_deviation * velocity_deviation,
        }
    }

    /// One frame on: x = F x, P = F P F' + Q with F = [1 1; 0 1].
    fn predict(&mut self, variance: f64, velocity_variance: f64) {
        self.value += self.velocity;
        self.spread += 2.0 * self.cross + self.velocity_spread + variance;
        self.cross += self.velocity_spread;
        self.velocity_spread += velocity_variance;
    }

    /// Takes a measured value with this variance: K = P H' / (H P H' + R) with H = [1 0].
    fn update(&mut self, measured: f64, variance: f64) {
        let total = self.spread + variance;
        let (gain, velocity_gain) = (self.spread / total, self.cross / total);
        let innovation = measured - self.value;
        self.value += gain * innovation;
        self.velocity += velocity_gain * innovation;
        self.velocity_spread -= velocity_gain * self.cross;
        self.cross *= 1.0 - gain;
        self.spread *= 1.0 - gain;
    }
}

/// The motion of one box.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motion {
    x: Axis,
    y: Axis,
    area: Axis,
    ratio: f64,
    ratio_spread: f64,
}

impl Motion {
    /// A box seen for the first time: it stands still, as far as is known.
    pub(crate) fn new(bbox: &BBox) -> Self {
        let [x, y, area, ratio] = measure(bbox);
        let size = area.sqrt();
        Self {
            x: Axis::new(x, CENTER * size, VELOCITY * size),
            y: Axis::new(y, CENTER * size, VELOCITY * size),
            area: Axis::new(area, AREA * area, VELOCITY * area),
            ratio,
            ratio_spread: RATIO * RATIO,
        }
    }

    /// One frame on.
    pub(crate) fn predict(&mut self) {
        let area = self.area.value.max(LEAST_AREA);
        let center = |part: f64| part * part * area;
        let whole = |part: f64| part * part * area * area;
        if self.area.value + self.area.velocity <= LEAST_AREA {
            self.area.velocity = 0.0;
        }
        for axis in [&mut self.x, &mut self.y] {
            axis.predict(DRIFT * center(CENTER), center(CENTER_PUSH));
        }
        self.area.predict(DRIFT * whole(AREA), whole(AREA_PUSH));
        self.ratio_spread += RATIO_DRIFT * RATIO * RATIO;
    }

    /// Takes a detection.
    pub(crate) fn update(&mut self, bbox: &BBox) {
        let [x, y, area, ratio] = measure(bbox);
        self.x.update(x, CENTER * CENTER * area);
        self.y.update(y, CENTER * CENTER * area);
        self.area.update(area, (AREA * area).powi(2));
        let gain = self.ratio_spread / (self.ratio_spread + RATIO * RATIO);
        self.ratio += gain * (ratio - self.ratio);
        self.ratio_spread *= 1.0 - gain;
    }

    /// Where the box is believed to be.
    pub(crate) fn bbox(&self) -> BBox {
        let area = self.area.value.max(LEAST_AREA);
        let width = (area * self.ratio).sqrt();
        let height = area / width;
        let (x, y) = (self.x.value, self.y.value);
        BBox::new(
            (x - width / 2.0) as f32,
            (y - height / 2.0) as f32,
            (x + width / 2.0) as f32,
            (y + height / 2.0) as f32,
        )
    }
}

/// Centre x and y, area, and width over height of a box that is not empty.
fn measure(bbox: &BBox) -> [f64; 4] {
    let [x1, y1, x2, y2] = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(f64::from);
    let (width, height) = (x2 - x1, y2 - y1);
    [f64::midpoint(x1, x2), f64::midpoint(y1, y2), width * height, width / height]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walker(frame: u32) -> BBox {
        BBox::from_xywh(100.0 + 5.0 * frame as f32, 50.0 - 2.0 * frame as f32, 40.0, 60.0)
    }

    #[test]
    fn a_steady_walk_is_learnt_and_carried_on() {
        let mut motion = Motion::new(&walker(0));
        for frame in 1..30 {
            motion.predict();
            motion.update(&walker(frame));
        }
        for frame in 30..40 {
            motion.predict();
            assert!(motion.bbox().iou(&walker(frame)) > 0.9, "{:?}", motion.bbox());
        }
    }

    #[test]
    fn the_same_walk_ten_times_as_large_is_followed_alike() {
        let large = |b: BBox| BBox::new(b.x1 * 10.0, b.y1 * 10.0, b.x2 * 10.0, b.y2 * 10.0);
        let (mut a, mut b) = (Motion::new(&walker(0)), Motion::new(&large(walker(0))));
        for frame in 1..20 {
            for (motion, seen) in [(&mut a, walker(frame)), (&mut b, large(walker(frame)))] {
                motion.predict();
                motion.update(&seen);
            }
            assert!(large(a.bbox()).iou(&b.bbox()) > 0.9999);
        }
    }

    #[test]
    fn a_box_that_shrank_fast_stays_a_box_for_ever() {
        let mut motion = Motion::new(&BBox::from_xywh(0.0, 0.0, 100.0, 100.0));
        for side in [60.0, 30.0, 8.0] {
            motion.predict();
            motion.update(&BBox::from_xywh(0.0, 0.0, side, side));
        }
        for _ in 0..2000 {
            motion.predict();
            assert!(!motion.bbox().is_empty(), "{motion:?}");
        }
    }
}
