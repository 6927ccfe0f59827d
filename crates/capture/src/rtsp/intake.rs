//! Assigns times to arriving coded frames, and counts those that the network lost.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Clock, DropReason, Timestamp};

use super::key_frame_watch::KeyFrameWatch;
#[cfg(feature = "libav")]
use crate::h264::h265;
use crate::h264::nal::{self, SliceStart};
use crate::live::inbox::{CodedFrameKind, FrameInbox};

/// If the camera's clock ran ahead of ours by more than this since the last frame, it was set. In nanoseconds.
const CLOCK_JUMP_NANOS: i64 = 5_000_000_000;
/// A step back by at most this, or by eight frames, is reordering. A larger one means that the clock was set. In
/// nanoseconds.
const MAX_REORDER_NANOS: i64 = 1_000_000_000;

/// A coded frame as the depacketizer returns it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceivedFrame {
    /// The nanoseconds since the session began, by the camera's clock.
    pub(super) nanos: i64,
    /// True if packets were lost before it or in it.
    pub(super) loss: bool,
    pub(super) kind: CodedFrameKind,
    /// True if its beginning has arrived.
    pub(super) complete_start: bool,
}

/// A coded frame for the decoder.
#[derive(Debug)]
pub(super) struct QueuedFrame {
    pub(super) data: Vec<u8>,
    pub(super) pts: Duration,
    /// Its number, from 0.
    pub(super) number: u64,
}

/// Assigns times to frames, and counts those that the network lost.
///
/// The stream and its time begin with the first key frame, since the frames before it cannot be decoded. If the camera sets
/// its clock, the stream's time continues from its last value.
pub(super) struct Intake {
    inbox: Arc<FrameInbox<QueuedFrame>>,
    watch: Arc<KeyFrameWatch>,
    clock: Arc<dyn Clock>,
    /// True if frames are passed on after a loss, although they refer to missing ones.
    allow_damaged: bool,
    /// The most bytes of a frame.
    max_bytes: u64,
    waiting: Option<Waiting>,
    /// The nanoseconds from the camera's clock to the stream's time.
    shift: i64,
    /// The time of the latest frame, and its arrival.
    latest: Option<(i64, Timestamp)>,
    /// The time from frame to frame, if it is known.
    period: Option<i64>,
    /// True if frames come in another order than they are shown in.
    reordered: bool,
    number: u64,
}

/// Why the intake waits for the next key frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Start,
    Loss,
}

impl Intake {
    pub(super) fn new(
        inbox: Arc<FrameInbox<QueuedFrame>>,
        watch: Arc<KeyFrameWatch>,
        clock: Arc<dyn Clock>,
        allow_damaged: bool,
        max_bytes: u64,
        rate: Option<f64>,
    ) -> Self {
        Self {
            inbox,
            watch,
            clock,
            allow_damaged,
            max_bytes,
            waiting: Some(Waiting::Start),
            shift: 0,
            latest: None,
            period: rate.map(|rate| (1e9 / rate) as i64),
            reordered: false,
            number: 0,
        }
    }

    /// Passes the next frame on to the inbox. Returns `Break` if the inbox was cancelled.
    pub(super) fn push(&mut self, received: ReceivedFrame, data: Vec<u8>) -> ControlFlow<()> {
        let key = received.kind == CodedFrameKind::Key;
        if self.waiting == Some(Waiting::Start) {
            if !(key && received.complete_start) {
                self.watch.frame();
                return self.flow();
            }
            self.watch.key_frame();
        }
        // If a frame has no beginning, packets are missing, even if their numbers have no gap.
        let loss = received.loss || !received.complete_start;
        let nanos = self.stream_time(received.nanos, loss);
        if loss && self.latest.is_some() {
            self.count_lost(nanos, received.complete_start);
        }
        self.learn(nanos, loss);
        if !received.complete_start {
            return self.flow();
        }
        if key {
            self.waiting = None;
        }
        if self.waiting.is_some() {
            self.inbox.lose(1, DropReason::Network, "it needs a frame that the network lost", false);
            return self.flow();
        }
        if data.len() as u64 > self.max_bytes {
            let what = format!("a coded frame of {} bytes, over the limit of {}", data.len(), self.max_bytes);
            let breaks_references = received.kind != CodedFrameKind::Disposable;
            self.inbox.lose(1, DropReason::Undecodable, what, breaks_references);
            return self.flow();
        }
        let pts = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
        let bytes = data.len();
        let coded = QueuedFrame { data, pts, number: self.number };
        self.number += 1;
        self.inbox.push(coded, received.kind, bytes)
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.inbox.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Returns the frame's time in the stream.
    fn stream_time(&mut self, nanos: i64, loss: bool) -> i64 {
        let Some((latest, arrived)) = self.latest else {
            self.shift = nanos.saturating_neg();
            return 0;
        };
        let by = nanos.saturating_add(self.shift).saturating_sub(latest);
        let passed = self.clock.now().since(arrived).as_nanos().try_into().unwrap_or(i64::MAX);
        let back =
            self.period.map_or(MAX_REORDER_NANOS, |period| MAX_REORDER_NANOS.max(period.saturating_mul(8)));
        if by < -back || by > CLOCK_JUMP_NANOS.saturating_add(passed) {
            let step = self.period.unwrap_or(0).max(if loss { passed } else { 0 });
            self.shift = latest.saturating_add(step).saturating_sub(nanos);
        }
        nanos.saturating_add(self.shift)
    }

    /// Counts the frames that were lost before this one, and this one itself if its beginning is missing.
    fn count_lost(&mut self, nanos: i64, complete_start: bool) {
        let gap = self.latest.map_or(0, |(latest, _)| nanos.saturating_sub(latest));
        let between = match self.period {
            Some(period) if !self.reordered && period > 0 => ((gap + period / 2) / period - 1).max(0),
            // Some are missing, but their number isn't known.
            _ => i64::from(complete_start),
        };
        let frames = between.unsigned_abs() + u64::from(!complete_start);
        if frames > 0 {
            self.inbox.lose(frames, DropReason::Network, "packets of it never arrived", false);
            if !self.allow_damaged {
                self.waiting = Some(Waiting::Loss);
            }
        }
    }

    /// Learns the period and the order from the frame's time.
    fn learn(&mut self, nanos: i64, loss: bool) {
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

/// Returns the kind of an H.264 access unit, and true if its beginning is there.
pub(super) fn inspect(data: &[u8], disposable: bool) -> (CodedFrameKind, bool) {
    let mut intra = true;
    let mut complete_start = true;
    let mut first = true;
    for unit in nal::split(data) {
        if !matches!(nal::kind(unit), nal::SLICE | nal::IDR) {
            continue;
        }
        if let Some(slice) = SliceStart::read(unit) {
            intra &= matches!(slice.kind, 2 | 4);
            complete_start &= !first || slice.first_mb == 0;
            first = false;
        }
    }
    // Without any slice, the decoder returns an error.
    let kind = if intra && !first {
        CodedFrameKind::Key
    } else if disposable {
        CodedFrameKind::Disposable
    } else {
        CodedFrameKind::Reference
    };
    (kind, complete_start)
}

/// Returns the kind of an H.265 access unit, and true if its beginning is there.
///
/// No picture counts as disposable: those that its own layer doesn't need may be needed by a higher one.
#[cfg(feature = "libav")]
pub(super) fn inspect_h265(data: &[u8]) -> (CodedFrameKind, bool) {
    match h265::inspect(data) {
        Ok(content) if content.random_access => (CodedFrameKind::Key, content.complete_start),
        Ok(content) => (CodedFrameKind::Reference, content.complete_start),
        // The decoder returns the error.
        Err(_) => (CodedFrameKind::Reference, true),
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::SimulatedClock;

    use super::*;
    use crate::live::inbox::{FrameOrLoss, InboxLimits, Loss};

    const MS: i64 = 1_000_000;

    struct Camera {
        intake: Intake,
        inbox: Arc<FrameInbox<QueuedFrame>>,
        clock: SimulatedClock,
    }

    impl Camera {
        fn new(allow_damaged: bool, rate: Option<f64>) -> Self {
            let clock = SimulatedClock::new();
            let limits = InboxLimits { frames: 100, bytes: 1000, max_age: Duration::from_secs(999) };
            let inbox = FrameInbox::new(limits, Arc::new(clock.clone()));
            let watch = Arc::new(KeyFrameWatch::new(Arc::new(clock.clone())));
            let intake =
                Intake::new(Arc::clone(&inbox), watch, Arc::new(clock.clone()), allow_damaged, 10, rate);
            Self { intake, inbox, clock }
        }

        fn frame(&mut self, millis: i64, kind: CodedFrameKind, loss: bool, complete_start: bool) {
            let received = ReceivedFrame { nanos: millis * MS, loss, kind, complete_start };
            assert!(self.intake.push(received, vec![0]).is_continue());
            self.clock.advance(Duration::from_millis(40));
        }

        /// Returns the times of the frames that came through in milliseconds, and the number that the network lost.
        fn outcome(&self) -> (Vec<u128>, u64) {
            let mut times = Vec::new();
            let mut lost = 0;
            while let Ok(item) = self.inbox.recv_timeout(Duration::ZERO) {
                match item {
                    FrameOrLoss::Frame(frame) => times.push(frame.item.pts.as_millis()),
                    FrameOrLoss::Loss(loss) => {
                        assert_eq!(loss.reason, DropReason::Network);
                        lost += loss.frames;
                    }
                }
            }
            (times, lost)
        }
    }

    use CodedFrameKind::{Disposable, Key, Reference};

    #[test]
    fn the_stream_begins_with_a_key_frame() {
        let mut camera = Camera::new(false, None);
        camera.frame(0, Reference, false, true);
        camera.frame(40, Key, true, false);
        camera.frame(80, Key, true, true);
        camera.frame(120, Reference, false, true);
        assert_eq!(camera.outcome(), (vec![0, 40], 0));
    }

    #[test]
    fn frames_that_need_a_lost_one_go_unless_damage_is_allowed() {
        for allow_damaged in [false, true] {
            let mut camera = Camera::new(allow_damaged, Some(25.0));
            camera.frame(0, Key, false, true);
            camera.frame(40, Reference, false, true);
            // Three frames are missing. Then one without its beginning, and lost packets that belonged to no frame.
            camera.frame(200, Reference, true, true);
            camera.frame(240, Reference, true, false);
            camera.frame(280, Disposable, true, true);
            camera.frame(320, Key, true, true);
            camera.frame(360, Reference, false, true);
            let want =
                if allow_damaged { (vec![0, 40, 200, 280, 320, 360], 4) } else { (vec![0, 40, 320, 360], 6) };
            assert_eq!(camera.outcome(), want);
            // The beginning is missing, although no packet seems to be.
            camera.frame(400, Reference, false, false);
            camera.frame(440, Reference, false, true);
            assert_eq!(camera.outcome(), if allow_damaged { (vec![440], 1) } else { (vec![], 2) });
        }
    }

    #[test]
    fn the_learned_period_gives_the_number_of_lost_frames() {
        let mut camera = Camera::new(true, Some(25.0));
        for i in 0..40 {
            camera.frame(100 * i, Reference, false, true);
            if i == 0 {
                camera.frame(0, Key, false, true);
            }
        }
        camera.frame(4200, Reference, true, true);
        assert_eq!(camera.outcome().1, 2, "ten per second, although the camera declared 25");
    }

    #[test]
    fn a_gap_between_reordered_frames_counts_as_one() {
        let mut camera = Camera::new(true, Some(25.0));
        camera.frame(0, Key, false, true);
        camera.frame(4200, Reference, false, true);
        camera.frame(4100, Disposable, false, true);
        camera.frame(4800, Reference, true, true);
        assert_eq!(camera.outcome().1, 1);
    }

    #[test]
    fn time_continues_when_the_camera_sets_its_clock() {
        let mut camera = Camera::new(false, Some(25.0));
        camera.frame(0, Key, false, true);
        camera.frame(40, Reference, false, true);
        // Back by an hour, forward by a day, and then a real pause.
        camera.frame(-3_600_000, Reference, false, true);
        camera.frame(-3_599_960, Reference, false, true);
        camera.frame(86_400_000, Reference, false, true);
        camera.clock.advance(Duration::from_secs(60));
        camera.frame(86_460_040, Reference, false, true);
        assert_eq!(camera.outcome(), (vec![0, 40, 80, 120, 160, 60_200], 0));
    }

    #[test]
    fn a_frame_over_the_limit_is_lost() {
        let mut camera = Camera::new(false, None);
        camera.frame(0, Key, false, true);
        let received = ReceivedFrame { nanos: 40 * MS, loss: false, kind: Reference, complete_start: true };
        assert!(camera.intake.push(received, vec![0; 11]).is_continue());
        let Ok(FrameOrLoss::Loss(Loss { frames: 1, reason: DropReason::Undecodable, .. })) =
            camera.inbox.recv_timeout(Duration::ZERO)
        else {
            panic!("it is counted")
        };
        camera.inbox.cancel();
        assert!(camera.intake.push(received, vec![0]).is_break());
    }

    #[test]
    fn the_kind_of_an_access_unit_comes_from_its_slices() {
        let idr: &[u8] = &[0, 0, 0, 1, 0x65, 0x88, 0x80];
        let p: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a, 0x80];
        // The second macroblock on: 010, of an I slice (7: 0001000).
        let tail: &[u8] = &[0, 0, 0, 1, 0x65, 0x42, 0x20, 0x80];
        assert_eq!(inspect(idr, false), (Key, true));
        assert_eq!(inspect(&[idr, tail].concat(), false), (Key, true));
        assert_eq!(inspect(tail, false), (Key, false));
        assert_eq!(inspect(&[idr, p].concat(), false), (Reference, true));
        assert_eq!(inspect(p, true), (Disposable, true));
        assert_eq!(inspect(&[0, 0, 1, 6, 7], false), (Reference, true));
        assert_eq!(inspect(&[], true), (Disposable, true));
    }
}
