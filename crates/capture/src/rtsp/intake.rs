//! What becomes of the coded frames as they arrive: their times, and what the network lost.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Clock, DropReason, Timestamp};

use crate::h264::nal::{self, SliceStart};
use crate::inbox::{Inbox, Kind};

/// A stream's clock that is so far ahead of ours since the last frame, or so far back, was set anew.
const LEAP: i64 = 5_000_000_000;
/// As far back as this, or as eight frames, is reordering.
const BACK: i64 = 1_000_000_000;

/// A coded frame as the depacketizer gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    /// Nanoseconds since the session began, by the stream's clock.
    pub(super) nanos: i64,
    /// Packets were lost before it or in it.
    pub(super) loss: bool,
    pub(super) kind: Kind,
    /// Its beginning is there.
    pub(super) whole: bool,
}

/// A coded frame for the decoder.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) data: Vec<u8>,
    pub(super) pts: Duration,
    /// Its number, from 0.
    pub(super) number: u64,
}

/// Gives frames their times, and counts those the network lost.
///
/// The stream begins with its first key frame: those before it belong to pictures that nobody was there for. Its time
/// begins there, too, and goes on from where it was when the camera sets its clock.
pub(super) struct Intake {
    inbox: Arc<Inbox<Coded>>,
    clock: Arc<dyn Clock>,
    /// Go on after a loss although pictures refer to what is missing.
    damage: bool,
    /// The largest frame that is taken.
    most: u64,
    waiting: Option<Waiting>,
    /// What to add to the stream's clock.
    shift: i64,
    /// The latest frame: its time, and when it arrived.
    latest: Option<(i64, Timestamp)>,
    /// From frame to frame, as far as is known.
    period: Option<i64>,
    /// Frames come in another order than they are shown.
    reordered: bool,
    number: u64,
}

/// Why the next key frame is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Start,
    Loss,
}

impl Intake {
    pub(super) fn new(
        inbox: Arc<Inbox<Coded>>,
        clock: Arc<dyn Clock>,
        damage: bool,
        most: u64,
        rate: Option<f64>,
    ) -> Self {
        Self {
            inbox,
            clock,
            damage,
            most,
            waiting: Some(Waiting::Start),
            shift: 0,
            latest: None,
            period: rate.map(|rate| (1e9 / rate) as i64),
            reordered: false,
            number: 0,
        }
    }

    /// Takes the next frame. `Break`: nobody wants any more.
    pub(super) fn frame(&mut self, received: Received, data: Vec<u8>) -> ControlFlow<()> {
        let key = received.kind == Kind::Key;
        if self.waiting == Some(Waiting::Start) && !(key && received.whole) {
            return self.go_on();
        }
        // A frame without its beginning has lost packets, whatever their numbers say.
        let loss = received.loss || !received.whole;
        let nanos = self.time(received.nanos, loss);
        if loss && self.latest.is_some() {
            self.lost(nanos, received.whole);
        }
        self.follow(nanos, loss);
        if !received.whole {
            return self.go_on();
        }
        if key {
            self.waiting = None;
        }
        if self.waiting.is_some() {
            self.inbox.lose(1, DropReason::Network, "it needs one that the network lost", false);
            return self.go_on();
        }
        if data.len() as u64 > self.most {
            let what = format!("a coded frame of {} bytes, over the limit of {}", data.len(), self.most);
            let breaks = received.kind != Kind::Disposable;
            self.inbox.lose(1, DropReason::Undecodable, what, breaks);
            return self.go_on();
        }
        let pts = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
        let bytes = data.len();
        let coded = Coded { data, pts, number: self.number };
        self.number += 1;
        self.inbox.push(coded, received.kind, bytes)
    }

    fn go_on(&self) -> ControlFlow<()> {
        if self.inbox.is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// The frame's time in the stream that we give.
    fn time(&mut self, nanos: i64, loss: bool) -> i64 {
        let Some((latest, arrived)) = self.latest else {
            self.shift = nanos.saturating_neg();
            return 0;
        };
        let by = nanos.saturating_add(self.shift).saturating_sub(latest);
        let passed = self.clock.now().since(arrived).as_nanos().try_into().unwrap_or(i64::MAX);
        let back = self.period.map_or(BACK, |period| BACK.max(period.saturating_mul(8)));
        if by < -back || by > LEAP.saturating_add(passed) {
            let step = self.period.unwrap_or(0).max(if loss { passed } else { 0 });
            self.shift = latest.saturating_add(step).saturating_sub(nanos);
        }
        nanos.saturating_add(self.shift)
    }

    /// Counts what was lost before a frame, and the frame itself where its beginning is missing.
    fn lost(&mut self, nanos: i64, whole: bool) {
        let gap = self.latest.map_or(0, |(latest, _)| nanos.saturating_sub(latest));
        let between = match self.period {
            Some(period) if !self.reordered && period > 0 => ((gap + period / 2) / period - 1).max(0),
            // That some are missing is all that is known.
            _ => i64::from(whole),
        };
        let frames = between.unsigned_abs() + u64::from(!whole);
        if frames > 0 {
            self.inbox.lose(frames, DropReason::Network, "packets of it never arrived", false);
            if !self.damage {
                self.waiting = Some(Waiting::Loss);
            }
        }
    }

    /// Learns from the frame's time.
    fn follow(&mut self, nanos: i64, loss: bool) {
        let now = self.clock.now();
        let Some((latest, _)) = self.latest else {
            self.latest = Some((nanos, now));
            return;
        };
        let step = nanos.saturating_sub(latest);
        if step <= 0 {
            self.reordered |= step < 0;
            return;
        }
        if !loss {
            self.period = Some(self.period.map_or(step, |period| period + (step - period) / 8));
        }
        self.latest = Some((nanos, now));
    }
}

/// What an H.264 access unit is to those after it, and whether its beginning is there.
pub(super) fn look(data: &[u8], disposable: bool) -> (Kind, bool) {
    let (mut intra, mut whole, mut first) = (true, true, true);
    for unit in nal::split(data) {
        if !matches!(nal::kind(unit), nal::SLICE | nal::IDR) {
            continue;
        }
        if let Some(slice) = SliceStart::read(unit) {
            intra &= matches!(slice.kind, 2 | 4);
            whole &= !first || slice.first_mb == 0;
            first = false;
        }
    }
    // What holds no slice at all is the decoder's to complain of.
    let kind = if intra && !first {
        Kind::Key
    } else if disposable {
        Kind::Disposable
    } else {
        Kind::Reference
    };
    (kind, whole)
}

#[cfg(test)]
mod tests {
    use passerby_testkit::SimulatedClock;

    use super::*;
    use crate::inbox::{Room, Taken};

    const MS: i64 = 1_000_000;

    struct Camera {
        intake: Intake,
        inbox: Arc<Inbox<Coded>>,
        clock: SimulatedClock,
    }

    impl Camera {
        fn new(damage: bool, rate: Option<f64>) -> Self {
            let clock = SimulatedClock::new();
            let room = Room { frames: 100, bytes: 1000, age: Duration::from_secs(999) };
            let inbox = Inbox::new(room, Arc::new(clock.clone()));
            let intake = Intake::new(Arc::clone(&inbox), Arc::new(clock.clone()), damage, 10, rate);
            Self { intake, inbox, clock }
        }

        fn frame(&mut self, millis: i64, kind: Kind, loss: bool, whole: bool) {
            let received = Received { nanos: millis * MS, loss, kind, whole };
            assert!(self.intake.frame(received, vec![0]).is_continue());
            self.clock.advance(Duration::from_millis(40));
        }

        /// The times of the frames that came through, in milliseconds, and how many the network lost.
        fn seen(&self) -> (Vec<u128>, u64) {
            let (mut times, mut lost) = (Vec::new(), 0);
            loop {
                match self.inbox.take(Duration::ZERO) {
                    Taken::Frame(frame) => times.push(frame.item.pts.as_millis()),
                    Taken::Lost(frames, reason, _) => {
                        assert_eq!(reason, DropReason::Network);
                        lost += frames;
                    }
                    Taken::Nothing | Taken::Over(_) => return (times, lost),
                }
            }
        }
    }

    use Kind::{Disposable, Key, Reference};

    #[test]
    fn the_stream_and_its_time_begin_with_a_key_frame() {
        let mut camera = Camera::new(false, None);
        camera.frame(0, Reference, false, true);
        camera.frame(40, Key, true, false);
        camera.frame(80, Key, true, true);
        camera.frame(120, Reference, false, true);
        assert_eq!(camera.seen(), (vec![0, 40], 0));
    }

    #[test]
    fn gaps_are_counted_and_what_needs_the_missing_goes_with_them() {
        for damage in [false, true] {
            let mut camera = Camera::new(damage, Some(25.0));
            camera.frame(0, Key, false, true);
            camera.frame(40, Reference, false, true);
            // Three are missing. Then one whose beginning is, and packets that were no frame's.
            camera.frame(200, Reference, true, true);
            camera.frame(240, Reference, true, false);
            camera.frame(280, Disposable, true, true);
            camera.frame(320, Key, true, true);
            camera.frame(360, Reference, false, true);
            let want = if damage { (vec![0, 40, 200, 280, 320, 360], 4) } else { (vec![0, 40, 320, 360], 6) };
            assert_eq!(camera.seen(), want);
            // Its beginning is missing, although no packet seems to be.
            camera.frame(400, Reference, false, false);
            camera.frame(440, Reference, false, true);
            assert_eq!(camera.seen(), if damage { (vec![440], 1) } else { (vec![], 2) });
        }
    }

    #[test]
    fn the_period_is_learned_and_where_frames_are_reordered_one_is_counted_for_a_gap() {
        let mut camera = Camera::new(true, Some(25.0));
        for i in 0..40 {
            camera.frame(100 * i, Reference, false, true);
            if i == 0 {
                camera.frame(0, Key, false, true);
            }
        }
        camera.frame(4200, Reference, true, true);
        assert_eq!(camera.seen().1, 2, "ten a second, whatever it said");
        camera.frame(4100, Disposable, false, true);
        camera.frame(4800, Reference, true, true);
        assert_eq!(camera.seen().1, 1);
    }

    #[test]
    fn time_goes_on_when_the_camera_sets_its_clock() {
        let mut camera = Camera::new(false, Some(25.0));
        camera.frame(0, Key, false, true);
        camera.frame(40, Reference, false, true);
        // Back by an hour, forward by a day; and then a pause that was one.
        camera.frame(-3_600_000, Reference, false, true);
        camera.frame(-3_599_960, Reference, false, true);
        camera.frame(86_400_000, Reference, false, true);
        camera.clock.advance(Duration::from_secs(60));
        camera.frame(86_460_040, Reference, false, true);
        assert_eq!(camera.seen(), (vec![0, 40, 80, 120, 160, 60_200], 0));
    }

    #[test]
    fn a_frame_over_the_limit_is_counted_and_those_that_need_it_go() {
        let mut camera = Camera::new(false, None);
        camera.frame(0, Key, false, true);
        let received = Received { nanos: 40 * MS, loss: false, kind: Reference, whole: true };
        assert!(camera.intake.frame(received, vec![0; 11]).is_continue());
        let Taken::Lost(1, DropReason::Undecodable, _) = camera.inbox.take(Duration::ZERO) else {
            panic!("it is counted")
        };
        camera.inbox.interrupt();
        assert!(camera.intake.frame(received, vec![0]).is_break());
    }

    #[test]
    fn an_access_unit_is_looked_at_from_outside() {
        let idr: &[u8] = &[0, 0, 0, 1, 0x65, 0x88, 0x80];
        let p: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a, 0x80];
        // The second macroblock on: 010, of an I slice (7: 0001000).
        let tail: &[u8] = &[0, 0, 0, 1, 0x65, 0x42, 0x20, 0x80];
        assert_eq!(look(idr, false), (Key, true));
        assert_eq!(look(&[idr, tail].concat(), false), (Key, true));
        assert_eq!(look(tail, false), (Key, false));
        assert_eq!(look(&[idr, p].concat(), false), (Reference, true));
        assert_eq!(look(p, true), (Disposable, true));
        assert_eq!(look(&[0, 0, 1, 6, 7], false), (Reference, true));
        assert_eq!(look(&[], true), (Disposable, true));
    }
}
