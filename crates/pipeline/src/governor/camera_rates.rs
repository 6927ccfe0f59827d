//! Chooses the cadence of each camera.
//!
//! All cameras aim at one spacing, which is the time between two detections. So a slow camera is thinned later than a fast
//! one, and no camera is thinned because of another's rate. The spacing grows in steps; at step 0 every camera has the least
//! cadence.

use passerby_types::CameraId;

use super::load::CameraLoad;

/// The spacing of step 1 in seconds. It is too short to thin a camera of 100 frames a second.
const FIRST_SPACING_SECONDS: f64 = 0.01;
/// The ratio of the spacings of two steps. It skips no cadence up to 6, because 5.5 / 4.5 is greater.
const SPACING_RATIO: f64 = 1.2;
/// The highest step, with a spacing of 12 seconds. It bounds the loops.
pub(super) const MAX_STEP: u32 = 40;
/// A camera is new for this number of ticks, in which its measured rate counts at once. Later a different rate counts only
/// after this number of ticks, because a source that catches up after a stall does not show its own rate.
const NEW_TICKS: u32 = 3;

/// The cameras of the last load, and the rates from which their cadences are chosen.
#[derive(Clone, Debug, Default)]
pub(super) struct CameraRates {
    cameras: Vec<CameraRate>,
}

#[derive(Clone, Copy, Debug)]
struct CameraRate {
    camera: CameraId,
    /// The frames per second since the last tick, but at most `rate` while a higher rate does not count yet.
    now: f64,
    /// The frames per second from which the cadence is chosen. Unlike counts over a second it does not scatter.
    rate: f64,
    /// The number of ticks since the camera came, at most [`NEW_TICKS`].
    seen: u32,
    /// The number of ticks in a row in which the measured rate differed from `rate`.
    other: u32,
    /// True if the camera gave more frames than its rate.
    catches_up: bool,
    /// True if the camera was in the last load.
    here: bool,
}

/// A step of thinning, and the range of allowed cadences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ThinningStep {
    pub(super) step: u32,
    pub(super) least: u64,
    pub(super) most: u64,
}

impl ThinningStep {
    pub(super) fn at(self, step: u32) -> Self {
        Self { step, ..self }
    }

    fn spacing(self) -> f64 {
        if self.step == 0 {
            0.0
        } else {
            FIRST_SPACING_SECONDS * SPACING_RATIO.powf(f64::from(self.step - 1))
        }
    }

    fn cadence(self, rate: f64) -> u64 {
        ((rate * self.spacing()).round() as u64).clamp(self.least, self.most)
    }
}

/// Returns the number, or 0 if it is NaN, negative or infinite.
pub(super) fn sane(number: f64) -> f64 {
    if number.is_finite() { number.max(0.0) } else { 0.0 }
}

impl CameraRates {
    /// Adds the new cameras of a tick and removes those that are not in the load. Returns true if a camera is new, gave its
    /// first frames, or has another cadence because of its rate.
    pub(super) fn update(&mut self, loads: &[CameraLoad], thinning: ThinningStep) -> bool {
        let mut changed = false;
        self.cameras.iter_mut().for_each(|known| known.here = false);
        for load in loads {
            let now = sane(load.rate);
            match self.cameras.iter_mut().find(|known| known.camera == load.camera) {
                Some(known) => {
                    let before = known.rate;
                    known.tick(now);
                    let first = before == 0.0 && known.rate > 0.0;
                    changed |= first || thinning.cadence(before) != thinning.cadence(known.rate);
                }
                None => {
                    let camera = load.camera;
                    changed = true;
                    self.cameras.push(CameraRate {
                        camera,
                        now,
                        rate: now,
                        seen: 1,
                        other: 0,
                        catches_up: false,
                        here: true,
                    });
                }
            }
        }
        self.cameras.retain(|known| known.here);
        changed
    }

    /// Returns true if a camera has different cadences at the two steps.
    pub(super) fn differ(&self, one: ThinningStep, other: ThinningStep) -> bool {
        self.cameras.iter().any(|known| one.cadence(known.rate) != other.cadence(known.rate))
    }

    pub(super) fn len(&self) -> usize {
        self.cameras.len()
    }

    /// Returns true if no camera gives frames.
    pub(super) fn silent(&self) -> bool {
        self.cameras.iter().all(|known| known.now == 0.0)
    }

    /// Returns true if the camera gives more frames than its rate, for up to two ticks.
    pub(super) fn catches_up(&self, camera: CameraId) -> bool {
        self.cameras.iter().any(|known| known.camera == camera && known.catches_up)
    }

    /// Returns true if a camera is new.
    pub(super) fn fresh(&self) -> bool {
        self.cameras.iter().any(|known| known.seen < NEW_TICKS)
    }

    /// Returns the cadence of the camera. Returns the greatest of all if the camera was not in the last load or has given no
    /// frame yet, because its rate is unknown.
    pub(super) fn cadence(&self, camera: CameraId, thinning: ThinningStep) -> u64 {
        let known = self.cameras.iter().find(|known| known.camera == camera && known.rate > 0.0);
        known.map_or_else(|| self.greatest(thinning), |known| thinning.cadence(known.rate))
    }

    /// Returns the greatest cadence of any camera, or the least allowed one if there are no cameras.
    pub(super) fn greatest(&self, thinning: ThinningStep) -> u64 {
        self.cameras.iter().map(|known| thinning.cadence(known.rate)).max().unwrap_or(thinning.least)
    }

    /// Returns the detections per second at a step.
    pub(super) fn demand(&self, thinning: ThinningStep) -> f64 {
        self.cameras.iter().map(|known| known.now / thinning.cadence(known.rate) as f64).sum()
    }

    /// Returns the next step with less detection, or `None` if half of the detections are of cameras that have the greatest
    /// cadence already. To thin the few frames of the others would not help.
    pub(super) fn thinner(&self, thinning: ThinningStep) -> Option<ThinningStep> {
        let demand = self.demand(thinning);
        (thinning.step + 1..=MAX_STEP)
            .map(|step| thinning.at(step))
            .take_while(|next| 2.0 * self.demand_at_most(next.at(next.step - 1)) < demand)
            .find(|next| self.demand(*next) < demand)
    }

    /// Returns the detections per second of the cameras that have the greatest cadence at a step.
    fn demand_at_most(&self, thinning: ThinningStep) -> f64 {
        let most = thinning.most as f64;
        let there = self.cameras.iter().filter(|known| thinning.cadence(known.rate) == thinning.most);
        there.map(|known| known.now / most).sum()
    }

    /// Returns the next step with more detection, or `None` if no camera would get more.
    pub(super) fn denser(&self, thinning: ThinningStep) -> Option<ThinningStep> {
        let demand = self.demand(thinning);
        (0..thinning.step).rev().map(|step| thinning.at(step)).find(|next| self.demand(*next) > demand)
    }
}

impl CameraRate {
    fn tick(&mut self, now: f64) {
        self.here = true;
        // A count over a second may be off by one. A silent camera does not show another rate.
        let same = now == 0.0 || (now - self.rate).abs() <= f64::max(1.5, 0.15 * self.rate);
        self.other = if same { 0 } else { self.other + 1 };
        if self.rate == 0.0 || self.seen < NEW_TICKS || self.other >= NEW_TICKS {
            self.rate = if now > 0.0 { now } else { self.rate };
            self.other = 0;
        }
        self.now = if self.other > 0 { now.min(self.rate) } else { now };
        self.catches_up = self.other > 0 && now > self.rate;
        self.seen = NEW_TICKS.min(self.seen + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOWEST: ThinningStep = ThinningStep { step: 0, least: 1, most: 6 };

    fn camera_rates(rates: &[f64]) -> CameraRates {
        let mut camera_rates = CameraRates::default();
        (0..NEW_TICKS).for_each(|_| tick(&mut camera_rates, rates));
        camera_rates
    }

    fn tick(camera_rates: &mut CameraRates, rates: &[f64]) {
        let load = |(i, &rate)| CameraLoad { camera: CameraId(i as u32), rate, ..CameraLoad::default() };
        camera_rates.update(&rates.iter().enumerate().map(load).collect::<Vec<_>>(), LOWEST);
    }

    /// Returns the cadences of all cameras at each step, from the lowest.
    fn way_up(rates: &[f64]) -> Vec<Vec<u64>> {
        let camera_rates = camera_rates(rates);
        std::iter::successors(Some(LOWEST), |thinning| camera_rates.thinner(*thinning))
            .map(|thinning| {
                (0..rates.len()).map(|i| camera_rates.cadence(CameraId(i as u32), thinning)).collect()
            })
            .collect()
    }

    #[test]
    fn equal_cameras_pass_every_cadence() {
        for rate in [1.0, 5.0, 10.0, 15.0, 23.976, 25.0, 30.0, 50.0, 59.94, 100.0] {
            assert_eq!(way_up(&[rate; 2]), (1..=6).map(|k| vec![k; 2]).collect::<Vec<_>>(), "{rate}");
        }
    }

    #[test]
    fn a_slow_camera_is_thinned_later_and_less() {
        let way = way_up(&[30.0, 30.0, 15.0, 5.0]);
        assert_eq!(way.first(), Some(&vec![1, 1, 1, 1]));
        assert_eq!(way.last(), Some(&vec![6, 6, 3, 1]));
        assert!(way.contains(&vec![4, 4, 2, 1]), "{way:?}");
        assert_eq!(way_up(&[24.0, 24.0, 24.0, 24.0, 5.0]).last(), Some(&vec![6, 6, 6, 6, 1]));
    }

    #[test]
    fn the_steps_down_are_the_steps_up() {
        let camera_rates = camera_rates(&[30.0, 25.0, 12.0]);
        let mut thinning = LOWEST;
        while let Some(next) = camera_rates.thinner(thinning) {
            let back = camera_rates.denser(next).map(|back| camera_rates.demand(back));
            assert_eq!(back, Some(camera_rates.demand(thinning)));
            thinning = next;
        }
        assert_eq!(camera_rates.denser(LOWEST), None);
    }

    #[test]
    fn a_new_rate_counts_after_three_ticks() {
        let thinning = LOWEST.at(14);
        let mut camera_rates = camera_rates(&[24.0]);
        let cadence = |camera_rates: &CameraRates| camera_rates.cadence(CameraId(0), thinning);
        assert_eq!(cadence(&camera_rates), 3);
        for rate in [25.0, 22.5, 0.0, 0.0, 0.0, 0.0, 48.0, 48.0] {
            tick(&mut camera_rates, &[rate]);
            assert_eq!(cadence(&camera_rates), 3, "at {rate}");
        }
        assert!(camera_rates.catches_up(CameraId(0)));
        assert_eq!(camera_rates.demand(LOWEST), 24.0, "delayed frames do not count as a higher rate");
        tick(&mut camera_rates, &[48.0]);
        assert_eq!((cadence(&camera_rates), camera_rates.catches_up(CameraId(0))), (5, false));
    }

    #[test]
    fn an_unknown_camera_gets_the_greatest_cadence() {
        let camera_rates = camera_rates(&[30.0, 5.0, 0.0]);
        for unknown in [2, 7] {
            let greatest = camera_rates.cadence(CameraId(0), LOWEST.at(15));
            assert_eq!(camera_rates.cadence(CameraId(unknown), LOWEST.at(15)), greatest);
            assert_eq!(camera_rates.cadence(CameraId(unknown), LOWEST), 1);
        }
        assert_eq!(CameraRates::default().cadence(CameraId(7), LOWEST.at(15)), 1);
    }
}
