//! Which cadence each camera gets.
//!
//! All cameras aim at one spacing, the time between two detections, so that a slow camera is thinned later than a fast
//! one, and none is thinned for what another does. Spacings are rungs of a ladder: at rung 0 every camera has the least
//! cadence.

use passerby_types::CameraId;

use super::load::CameraLoad;

/// The spacing of rung 1, in seconds: too short to thin a camera of 100 frames a second.
const SHORTEST: f64 = 0.01;
/// Each rung's spacing to that below. No cadence up to 6 lies between two rungs: 5.5 / 4.5 is more.
const RATIO: f64 = 1.2;
/// The highest rung, 12 seconds: a limit for loops.
pub(super) const TOP: u32 = 40;
/// For so many ticks a camera is new: its rate is taken as it comes. Later a rate must be another one for as long
/// before it is believed, since a source that stalled and catches up shows no rate of its own.
const TICKS: u32 = 3;

/// The cameras there are, and the rates that their cadences are chosen by.
#[derive(Clone, Debug, Default)]
pub(super) struct CameraRates {
    cameras: Vec<Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    camera: CameraId,
    /// Frames a second since the last tick; where these are more than is believed, what is.
    now: f64,
    /// Frames a second that the cadence is chosen by. Counts over a second scatter, this stays.
    rate: f64,
    /// Ticks since it came, up to [`TICKS`].
    seen: u32,
    /// Ticks for which `now` has been another rate than `rate`.
    other: u32,
    /// It gave more frames than is believed to be its rate.
    catches_up: bool,
    /// It was in the last load.
    here: bool,
}

/// The cadences of a rung for a range of allowed ones.
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
        if self.step == 0 { 0.0 } else { SHORTEST * RATIO.powf(f64::from(self.step - 1)) }
    }

    fn cadence(self, rate: f64) -> u64 {
        ((rate * self.spacing()).round() as u64).clamp(self.least, self.most)
    }
}

/// The number, or 0 where it is none, negative or infinite.
pub(super) fn sane(number: f64) -> f64 {
    if number.is_finite() { number.max(0.0) } else { 0.0 }
}

impl CameraRates {
    /// Takes the cameras of a tick: new ones in, absent ones out. True where a camera came, gave its first frames, or
    /// has another cadence by its rate.
    pub(super) fn update(&mut self, loads: &[CameraLoad], rung: ThinningStep) -> bool {
        let mut changed = false;
        self.cameras.iter_mut().for_each(|known| known.here = false);
        for load in loads {
            let now = sane(load.rate);
            match self.cameras.iter_mut().find(|known| known.camera == load.camera) {
                Some(known) => {
                    let before = known.rate;
                    known.tick(now);
                    let first = before == 0.0 && known.rate > 0.0;
                    changed |= first || rung.cadence(before) != rung.cadence(known.rate);
                }
                None => {
                    let camera = load.camera;
                    changed = true;
                    self.cameras.push(Known {
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

    /// True where a camera has another cadence on one rung than on the other.
    pub(super) fn differ(&self, one: ThinningStep, other: ThinningStep) -> bool {
        self.cameras.iter().any(|known| one.cadence(known.rate) != other.cadence(known.rate))
    }

    pub(super) fn len(&self) -> usize {
        self.cameras.len()
    }

    /// True while no camera gives frames.
    pub(super) fn silent(&self) -> bool {
        self.cameras.iter().all(|known| known.now == 0.0)
    }

    /// True while the camera gives more frames than its rate, for up to two ticks.
    pub(super) fn catches_up(&self, camera: CameraId) -> bool {
        self.cameras.iter().any(|known| known.camera == camera && known.catches_up)
    }

    /// True while a camera is new.
    pub(super) fn fresh(&self) -> bool {
        self.cameras.iter().any(|known| known.seen < TICKS)
    }

    /// The camera's cadence. One that was not in the last load, or has given no frame so far, gets the greatest: what it
    /// brings is unknown.
    pub(super) fn cadence(&self, camera: CameraId, rung: ThinningStep) -> u64 {
        let known = self.cameras.iter().find(|known| known.camera == camera && known.rate > 0.0);
        known.map_or_else(|| self.greatest(rung), |known| rung.cadence(known.rate))
    }

    /// The greatest cadence of any camera, the least there is without cameras.
    pub(super) fn greatest(&self, rung: ThinningStep) -> u64 {
        self.cameras.iter().map(|known| rung.cadence(known.rate)).max().unwrap_or(rung.least)
    }

    /// The detections a second that a rung asks for.
    pub(super) fn demand(&self, rung: ThinningStep) -> f64 {
        self.cameras.iter().map(|known| known.now / rung.cadence(known.rate) as f64).sum()
    }

    /// The next rung with less detection, or `None` where half of the detections are of cameras that have the greatest
    /// cadence: to thin the few frames of the others would relieve nobody.
    pub(super) fn thinner(&self, rung: ThinningStep) -> Option<ThinningStep> {
        let demand = self.demand(rung);
        (rung.step + 1..=TOP)
            .map(|step| rung.at(step))
            .take_while(|next| 2.0 * self.demand_at_most(next.at(next.step - 1)) < demand)
            .find(|next| self.demand(*next) < demand)
    }

    /// Those of them that are of cameras with the greatest cadence.
    fn demand_at_most(&self, rung: ThinningStep) -> f64 {
        let most = rung.most as f64;
        let there = self.cameras.iter().filter(|known| rung.cadence(known.rate) == rung.most);
        there.map(|known| known.now / most).sum()
    }

    /// The next rung with more detection, or `None` where no camera would get more.
    pub(super) fn denser(&self, rung: ThinningStep) -> Option<ThinningStep> {
        let demand = self.demand(rung);
        (0..rung.step).rev().map(|step| rung.at(step)).find(|next| self.demand(*next) > demand)
    }
}

impl Known {
    fn tick(&mut self, now: f64) {
        self.here = true;
        // A second's count is off by one; a silent camera has no other rate, but none.
        let same = now == 0.0 || (now - self.rate).abs() <= f64::max(1.5, 0.15 * self.rate);
        self.other = if same { 0 } else { self.other + 1 };
        if self.rate == 0.0 || self.seen < TICKS || self.other >= TICKS {
            self.rate = if now > 0.0 { now } else { self.rate };
            self.other = 0;
        }
        self.now = if self.other > 0 { now.min(self.rate) } else { now };
        self.catches_up = self.other > 0 && now > self.rate;
        self.seen = TICKS.min(self.seen + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOWEST: ThinningStep = ThinningStep { step: 0, least: 1, most: 6 };

    fn roster(rates: &[f64]) -> CameraRates {
        let mut roster = CameraRates::default();
        (0..TICKS).for_each(|_| tick(&mut roster, rates));
        roster
    }

    fn tick(roster: &mut CameraRates, rates: &[f64]) {
        let load = |(i, &rate)| CameraLoad { camera: CameraId(i as u32), rate, ..CameraLoad::default() };
        roster.update(&rates.iter().enumerate().map(load).collect::<Vec<_>>(), LOWEST);
    }

    /// The cadences of all cameras on the way up.
    fn way_up(rates: &[f64]) -> Vec<Vec<u64>> {
        let roster = roster(rates);
        std::iter::successors(Some(LOWEST), |rung| roster.thinner(*rung))
            .map(|rung| (0..rates.len()).map(|i| roster.cadence(CameraId(i as u32), rung)).collect())
            .collect()
    }

    #[test]
    fn equal_cameras_go_through_every_cadence_at_any_rate() {
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
    fn the_way_down_is_the_way_up() {
        let roster = roster(&[30.0, 25.0, 12.0]);
        let mut rung = LOWEST;
        while let Some(next) = roster.thinner(rung) {
            let back = roster.denser(next).map(|back| roster.demand(back));
            assert_eq!(back, Some(roster.demand(rung)));
            rung = next;
        }
        assert_eq!(roster.denser(LOWEST), None);
    }

    #[test]
    fn a_rate_is_believed_after_three_ticks_and_silence_is_no_rate() {
        let rung = LOWEST.at(14);
        let mut roster = roster(&[24.0]);
        let cadence = |roster: &CameraRates| roster.cadence(CameraId(0), rung);
        assert_eq!(cadence(&roster), 3);
        for rate in [25.0, 22.5, 0.0, 0.0, 0.0, 0.0, 48.0, 48.0] {
            tick(&mut roster, &[rate]);
            assert_eq!(cadence(&roster), 3, "at {rate}");
        }
        assert!(roster.catches_up(CameraId(0)));
        assert_eq!(roster.demand(LOWEST), 24.0, "the frames of before are not counted as more to come");
        tick(&mut roster, &[48.0]);
        assert_eq!((cadence(&roster), roster.catches_up(CameraId(0))), (5, false));
    }

    #[test]
    fn a_camera_that_is_unknown_gets_the_greatest_cadence() {
        let roster = roster(&[30.0, 5.0, 0.0]);
        for unknown in [2, 7] {
            let greatest = roster.cadence(CameraId(0), LOWEST.at(15));
            assert_eq!(roster.cadence(CameraId(unknown), LOWEST.at(15)), greatest);
            assert_eq!(roster.cadence(CameraId(unknown), LOWEST), 1);
        }
        assert_eq!(CameraRates::default().cadence(CameraId(7), LOWEST.at(15)), 1);
    }
}
