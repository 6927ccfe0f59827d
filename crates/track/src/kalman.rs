//! The motion model of a box: SORT's Kalman filter with constant velocity.
//!
//! The state is the paper's: centre x and y, area, and the ratio of width to height, with velocities for the first
//! three (Bewley et al. 2016, section 3.2). Transition, measurement and every covariance couple a value only with its own
//! velocity. The filter with seven state variables therefore splits exactly into three filters with two and one with one.
//!
//! The reference implementation's covariances are in pixels and fit people some hundred pixels high. Here they are
//! relative to the box (as in Wojke et al. 2017, "Simple online and realtime tracking with a deep association metric",
//! section 2.1), so that the filter follows a face of 12 pixels as well as one of 120. The size of a box is the square
//! root of its area.
//!
//! How far a face strays from a constant velocity differs: a person stands, walks, or passes a camera that is carried.
//! Each track therefore scales the process noise of its centre by how much its detections surprised it lately: the
//! average of the squared innovation over its expected variance, which is 1 for a filter whose noise is right. See
//! Y. Bar-Shalom, X. R. Li and T. Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001, chapter 11
//! (adjustable process noise).

use passerby_types::BBox;

/// The standard deviation of a detection's centre, relative to the box's size.
const CENTER_DEVIATION: f64 = 0.05;
/// The standard deviation of a detection's area, relative to the area. A relative error of a length doubles in the area.
const AREA_DEVIATION: f64 = 2.0 * CENTER_DEVIATION;
/// The standard deviation of a detection's ratio of width to height.
const RATIO_DEVIATION: f64 = 0.1;

/// The variance that the centre and the area gain in a frame, relative to the variance of a detection.
const DRIFT_PER_FRAME: f64 = 0.2;
/// The variance that the ratio gains in a frame, relative to the variance of a detection.
const RATIO_DRIFT_PER_FRAME: f64 = 0.03;
/// The standard deviation of the centre's acceleration, in box sizes a frame, for each frame.
const CENTER_ACCELERATION: f64 = 0.008;
/// The standard deviation of the area's acceleration, in areas a frame, for each frame.
const AREA_ACCELERATION: f64 = 0.003;

/// The standard deviation of a new track's velocity about 0, in box sizes a frame and areas a frame.
const INITIAL_VELOCITY_DEVIATION: f64 = 0.1;

/// The weight of a new surprise in the average over the last detections.
const SURPRISE_WEIGHT: f64 = 0.1;
/// The largest surprise of one detection, so that one wrong box does not unsettle the filter: three standard deviations.
const MAX_SURPRISE: f64 = 9.0;
/// The bounds of the factor of the centre's process noise.
const MIN_NOISE_FACTOR: f64 = 0.5;
const MAX_NOISE_FACTOR: f64 = 4.0;

/// The least area of a box in square pixels, so that a shrinking box never becomes empty.
const MIN_AREA: f64 = 1e-3;

/// A value that moves at a constant velocity, and the covariance of the two.
#[derive(Clone, Copy, Debug)]
struct Axis {
    value: f64,
    velocity: f64,
    /// The variance of the value.
    variance: f64,
    /// The covariance of value and velocity.
    covariance: f64,
    /// The variance of the velocity.
    velocity_variance: f64,
}

impl Axis {
    fn new(value: f64, deviation: f64, velocity_deviation: f64) -> Self {
        Self {
            value,
            velocity: 0.0,
            variance: deviation * deviation,
            covariance: 0.0,
            velocity_variance: velocity_deviation * velocity_deviation,
        }
    }

    /// Moves on by one frame with this process noise: x = F x, P = F P F' + Q with F = [1 1; 0 1].
    fn predict(&mut self, noise: f64, velocity_noise: f64) {
        self.value += self.velocity;
        self.variance += 2.0 * self.covariance + self.velocity_variance + noise;
        self.covariance += self.velocity_variance;
        self.velocity_variance += velocity_noise;
    }

    /// Returns the squared innovation of a measurement over the variance that is expected of it.
    fn surprise(&self, measured: f64, measured_variance: f64) -> f64 {
        (measured - self.value).powi(2) / (self.variance + measured_variance)
    }

    /// Corrects the state with a measurement of this variance: K = P H' / (H P H' + R) with H = [1 0].
    fn update(&mut self, measured: f64, measured_variance: f64) {
        let total = self.variance + measured_variance;
        let gain = self.variance / total;
        let velocity_gain = self.covariance / total;
        let innovation = measured - self.value;
        self.value += gain * innovation;
        self.velocity += velocity_gain * innovation;
        self.velocity_variance -= velocity_gain * self.covariance;
        self.covariance *= 1.0 - gain;
        self.variance *= 1.0 - gain;
    }
}

/// The motion of one box.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Motion {
    x: Axis,
    y: Axis,
    area: Axis,
    ratio: f64,
    ratio_variance: f64,
    /// The average surprise: the squared innovation of the centre over its expected variance.
    surprise: f64,
}

impl Motion {
    /// Starts with a box that stands still.
    pub(crate) fn new(bbox: &BBox) -> Self {
        let [x, y, area, ratio] = measure(bbox);
        let size = area.sqrt();
        Self {
            x: Axis::new(x, CENTER_DEVIATION * size, INITIAL_VELOCITY_DEVIATION * size),
            y: Axis::new(y, CENTER_DEVIATION * size, INITIAL_VELOCITY_DEVIATION * size),
            area: Axis::new(area, AREA_DEVIATION * area, INITIAL_VELOCITY_DEVIATION * area),
            ratio,
            ratio_variance: RATIO_DEVIATION * RATIO_DEVIATION,
            surprise: 1.0,
        }
    }

    /// Moves on by one frame. `adaptation`, from 0 to 1, says how far the process noise follows the surprise.
    pub(crate) fn predict(&mut self, adaptation: f64) {
        let area = self.area.value.max(MIN_AREA);
        let center_variance = |deviation: f64| deviation * deviation * area;
        let area_variance = |deviation: f64| deviation * deviation * area * area;
        if self.area.value + self.area.velocity <= MIN_AREA {
            self.area.velocity = 0.0;
        }
        let factor = 1.0 + adaptation * (self.surprise - 1.0);
        let factor = factor.clamp(MIN_NOISE_FACTOR, MAX_NOISE_FACTOR);
        for axis in [&mut self.x, &mut self.y] {
            let noise = DRIFT_PER_FRAME * center_variance(CENTER_DEVIATION);
            axis.predict(factor * noise, factor * center_variance(CENTER_ACCELERATION));
        }
        let noise = DRIFT_PER_FRAME * area_variance(AREA_DEVIATION);
        self.area.predict(noise, area_variance(AREA_ACCELERATION));
        self.ratio_variance += RATIO_DRIFT_PER_FRAME * RATIO_DEVIATION * RATIO_DEVIATION;
    }

    /// Corrects the estimate with a detection.
    pub(crate) fn update(&mut self, bbox: &BBox) {
        let [x, y, area, ratio] = measure(bbox);
        let center_variance = CENTER_DEVIATION * CENTER_DEVIATION * area;
        let surprise =
            f64::midpoint(self.x.surprise(x, center_variance), self.y.surprise(y, center_variance));
        self.surprise += SURPRISE_WEIGHT * (surprise.min(MAX_SURPRISE) - self.surprise);
        self.x.update(x, center_variance);
        self.y.update(y, center_variance);
        self.area.update(area, (AREA_DEVIATION * area).powi(2));
        let gain = self.ratio_variance / (self.ratio_variance + RATIO_DEVIATION * RATIO_DEVIATION);
        self.ratio += gain * (ratio - self.ratio);
        self.ratio_variance *= 1.0 - gain;
    }

    /// Returns the estimated box.
    pub(crate) fn bbox(&self) -> BBox {
        let area = self.area.value.max(MIN_AREA);
        let width = (area * self.ratio).sqrt();
        let height = area / width;
        let x = self.x.value;
        let y = self.y.value;
        BBox::new(
            (x - width / 2.0) as f32,
            (y - height / 2.0) as f32,
            (x + width / 2.0) as f32,
            (y + height / 2.0) as f32,
        )
    }
}

/// Returns centre x and y, area, and width over height of a box that is not empty.
fn measure(bbox: &BBox) -> [f64; 4] {
    let [x1, y1, x2, y2] = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(f64::from);
    let width = x2 - x1;
    let height = y2 - y1;
    [f64::midpoint(x1, x2), f64::midpoint(y1, y2), width * height, width / height]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walker(frame: u32) -> BBox {
        BBox::from_xywh(100.0 + 5.0 * frame as f32, 50.0 - 2.0 * frame as f32, 40.0, 60.0)
    }

    #[test]
    fn a_steady_walk_is_predicted() {
        let mut motion = Motion::new(&walker(0));
        for frame in 1..30 {
            motion.predict(0.5);
            motion.update(&walker(frame));
        }
        for frame in 30..40 {
            motion.predict(0.5);
            assert!(motion.bbox().iou(&walker(frame)) > 0.9, "{:?}", motion.bbox());
        }
    }

    #[test]
    fn the_estimate_scales_with_the_box() {
        let large = |b: BBox| BBox::new(b.x1 * 10.0, b.y1 * 10.0, b.x2 * 10.0, b.y2 * 10.0);
        let mut a = Motion::new(&walker(0));
        let mut b = Motion::new(&large(walker(0)));
        for frame in 1..20 {
            for (motion, seen) in [(&mut a, walker(frame)), (&mut b, large(walker(frame)))] {
                motion.predict(0.5);
                motion.update(&seen);
            }
            assert!(large(a.bbox()).iou(&b.bbox()) > 0.9999);
        }
    }

    /// Returns the average error of the predicted centre over a way, in pixels.
    fn error(adaptation: f64, x: impl Fn(u32) -> f32) -> f32 {
        let at = |frame: u32| BBox::from_xywh(x(frame), 50.0, 40.0, 60.0);
        let mut motion = Motion::new(&at(0));
        let errors = (1..200).map(|frame| {
            motion.predict(adaptation);
            let off = motion.bbox().center().x - at(frame).center().x;
            motion.update(&at(frame));
            off.abs()
        });
        errors.sum::<f32>() / 199.0
    }

    #[test]
    fn adapted_noise_follows_a_face_that_keeps_turning() {
        // Twelve pixels a frame to the right, and after every ten frames the other way.
        let zigzag = |frame: u32| 12.0 * (10.0 - (frame % 20) as f32).abs();
        assert!(error(1.0, zigzag) < 0.9 * error(0.0, zigzag));
    }

    #[test]
    fn adapted_noise_trembles_less_on_a_face_that_walks_on() {
        // The detector is one pixel off, to one side and the other.
        let steady = |frame: u32| 3.0 * frame as f32 + if frame.is_multiple_of(2) { 1.0 } else { -1.0 };
        assert!(error(1.0, steady) < 0.95 * error(0.0, steady));
    }

    #[test]
    fn a_shrinking_box_never_becomes_empty() {
        let mut motion = Motion::new(&BBox::from_xywh(0.0, 0.0, 100.0, 100.0));
        for side in [60.0, 30.0, 8.0] {
            motion.predict(0.5);
            motion.update(&BBox::from_xywh(0.0, 0.0, side, side));
        }
        for _ in 0..2000 {
            motion.predict(0.5);
            assert!(!motion.bbox().is_empty(), "{motion:?}");
        }
    }
}
