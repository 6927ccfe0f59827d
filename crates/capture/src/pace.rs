//! Plays a file as a live camera.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use passerby_types::{
    Clock, ErrorClass, FrameSource, Interrupt, Picture, SourceError, SourceInfo, Timestamp,
};

/// How late pictures may come before the camera gives up catching up.
const DEBT: Duration = Duration::from_secs(1);
/// The pictures a second of a source that says nothing of them.
const RATE: f64 = 25.0;
/// The time between two pictures whose own times do not rise.
const TICK: Duration = Duration::from_micros(1);

type Open = dyn FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send;
type Sleep = dyn FnMut(Duration) + Send;

/// Plays any source as a live camera: one picture each time one is due, and [`SourceInfo::live`] is true, so that a
/// pipeline that is too slow drops frames rather than making the camera wait.
///
/// The due times count from the first picture on, so they do not drift. No picture is left out: those that are late,
/// since the source, the reader or the machine was slow, come at once until the camera has caught up; being more than a
/// second late moves the whole schedule instead, by whole pictures, so that the camera keeps its phase. The source's own
/// times are kept where it is played once; a looped one's rise on from loop to loop, from zero.
///
/// A picture is made before it is due and waits; [`FrameSource::interrupt`] ends the wait and the camera.
///
/// # Errors
/// The source's own. One of the class `Skip` comes when its picture would have been due, or at once where the source's
/// times set the pace; one of the class `Fatal` ends the camera. A looped source without a picture from its start to its
/// end is [`SourceError::Malformed`].
pub struct Pace {
    open: Option<Box<Open>>,
    source: Option<Box<dyn FrameSource>>,
    info: SourceInfo,
    /// Pictures a second; `None`: as the source's times say.
    rate: Option<f64>,
    offset: Option<Offset>,
    limit: Option<Duration>,
    clock: Arc<dyn Clock>,
    sleep: Box<Sleep>,
    bell: Arc<Bell>,
    /// When the first picture was due.
    start: Option<Timestamp>,
    /// How far the schedule has moved since then.
    moved: Duration,
    /// Pictures given, and those lost.
    given: u64,
    /// Pictures since the source was opened last.
    of_loop: u64,
    /// Where the running loop begins, in the camera's time, which counts from its first picture.
    base: Duration,
    /// The source's own time of the loop's first picture.
    zero: Option<Duration>,
    /// The camera's time of the last picture.
    last: Duration,
}

/// Wakes a camera that waits, for good.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.rings.notify_all();
    }

    fn has_rung(&self) -> bool {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until it rings.
    fn wait(&self, time: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rings.wait_timeout_while(rung, time, |rung| !*rung));
    }
}

/// Where in the source a camera begins.
#[derive(Clone, Copy)]
enum Offset {
    Pictures(u64),
    Time(Duration),
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("info", &self.info).field("given", &self.given).finish_non_exhaustive()
    }
}

impl Pace {
    /// Plays `source` once, at `rate` pictures a second, or, with `None`, at the times the pictures say themselves
    /// (those without any: at the source's frame rate, or 25 a second). A rate outside 0.001 to 1000 counts as `None`.
    #[must_use]
    pub fn new(source: Box<dyn FrameSource>, rate: Option<f64>, clock: Arc<dyn Clock>) -> Self {
        let sane = |rate: &f64| (0.001..=1000.0).contains(rate);
        let rate = rate.filter(sane);
        let bell = Arc::new(Bell::default());
        let waiting = Arc::clone(&bell);
        let mut info = source.info().clone();
        info.live = true;
        info.frame_rate = rate.or(info.frame_rate.filter(sane)).or(Some(RATE));
        Self {
            open: None,
            source: Some(source),
            info,
            rate,
            offset: None,
            limit: None,
            clock,
            sleep: Box::new(move |time| waiting.wait(time)),
            bell,
            start: None,
            moved: Duration::ZERO,
            given: 0,
            of_loop: 0,
            base: Duration::ZERO,
            zero: None,
            last: Duration::ZERO,
        }
    }

    /// As [`Pace::new`] for what `open` opens, again and again: it is called now, and each time the source has ended,
    /// when that source is gone, so that the memory for one of them is enough.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use passerby_capture::Pace;
    /// use passerby_types::{FrameSource, SystemClock};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
    /// let open = move || passerby_capture::open(path);
    /// let camera = Pace::looped(open, Some(50.0), Arc::new(SystemClock::new()))?;
    /// let mut camera = camera.offset(5).limit(Duration::from_millis(50));
    /// let mut pictures = 0;
    /// while let Some(picture) = camera.next_picture()? {
    ///     assert_eq!(picture.pts, Some(pictures * Duration::from_millis(20)));
    ///     pictures += 1;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What `open` says now. What it says later ends the camera.
    pub fn looped(
        mut open: impl FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send + 'static,
        rate: Option<f64>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let mut pace = Self::new(open()?, rate, clock);
        pace.info.frames = None;
        pace.open = Some(Box::new(open));
        Ok(pace)
    }

    /// Begins this many pictures into the source: cameras that play one file are then not alike. The pictures before
    /// are made, as fast as they can be, and dropped, lost ones uncounted. Beyond its end a looped source begins again,
    /// and another one gives nothing.
    #[must_use]
    pub fn offset(mut self, pictures: u64) -> Self {
        self.offset = Some(Offset::Pictures(pictures));
        self
    }

    /// As [`Pace::offset`], this much of the source's own time into it, at the first picture not before that. Pictures
    /// without a time count by the source's frame rate.
    #[must_use]
    pub fn offset_time(mut self, time: Duration) -> Self {
        self.offset = Some(Offset::Time(time));
        self
    }

    /// Ends when this much time has passed since the first picture: what is due then or comes later is not given.
    #[must_use]
    pub fn limit(mut self, time: Duration) -> Self {
        self.limit = Some(time);
        self
    }

    /// Waits by this instead of by the system's clock: it is told how long until the next picture is due, never zero. Where
    /// it comes back early, so does the picture.
    #[must_use]
    pub fn sleeper(mut self, sleep: impl FnMut(Duration) + Send + 'static) -> Self {
        self.sleep = Box::new(sleep);
        self
    }

    /// The next picture of the source, in the camera's time, from the next loop where this one has ended.
    fn next(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            let Some(source) = &mut self.source else { return Ok(None) };
            match source.next_picture() {
                Ok(Some(picture)) => {
                    self.of_loop += 1;
                    return Ok(Some(picture));
                }
                Ok(None) => {}
                Err(e) => {
                    if e.class() == ErrorClass::Fatal {
                        self.source = None;
                    }
                    return Err(e);
                }
            }
            // The old one's buffers go before the new one takes its own.
            self.source = None;
            let Some(open) = &mut self.open else { return Ok(None) };
            if std::mem::take(&mut self.of_loop) == 0 {
                let input = self.info.name.clone();
                return Err(SourceError::Malformed { input, what: "no picture to play again".into() });
            }
            self.source = Some(open()?);
            (self.base, self.zero) = (self.last.saturating_add(self.step()), None);
        }
    }

    /// The first picture at or after the offset.
    fn seek(&mut self, mut offset: Offset) -> Result<Option<Picture>, SourceError> {
        let (mut passed, mut at, mut zero) = (0, Duration::ZERO, None);
        loop {
            let picture = match self.next() {
                Err(e) if e.class() == ErrorClass::Skip => continue,
                Ok(Some(picture)) => picture,
                end => return end,
            };
            if self.of_loop == 1 && passed > 0 {
                // The offset lies beyond the end. Whole loops need not be played to get there.
                offset = match offset {
                    Offset::Pictures(n) => Offset::Pictures((n - passed) % passed),
                    Offset::Time(time) => {
                        let rest = time.as_nanos() % at.saturating_add(self.step()).as_nanos();
                        let rest = Duration::from_nanos(u64::try_from(rest).unwrap_or(0));
                        // Between the last picture and the end: the next picture is the first.
                        Offset::Time(if rest > at { Duration::ZERO } else { rest })
                    }
                };
                (passed, zero) = (0, None);
            }
            at = match picture.pts {
                Some(pts) => pts.saturating_sub(*zero.get_or_insert(pts)),
                None => self.step().mul_f64(passed as f64),
            };
            let there = match offset {
                Offset::Pictures(n) => passed == n,
                Offset::Time(time) => at >= time,
            };
            if there {
                (self.base, self.zero) = (Duration::ZERO, None);
                return Ok(Some(picture));
            }
            passed += 1;
        }
    }

    /// Between two pictures.
    fn step(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.info.frame_rate.unwrap_or(RATE))
    }

    /// When the next picture is due, in the camera's time, if it says `pts` itself.
    fn time(&mut self, pts: Option<Duration>) -> Duration {
        if let Some(rate) = self.rate {
            return Duration::from_secs_f64(self.given as f64 / rate);
        }
        let first = self.start.is_none();
        let Some(pts) = pts else {
            return if first { Duration::ZERO } else { self.last.saturating_add(self.step()) };
        };
        let time = self.base.saturating_add(pts.saturating_sub(*self.zero.get_or_insert(pts)));
        if first { time } else { time.max(self.last.saturating_add(TICK)) }
    }

    /// Waits until the camera's time is `time`; false where the camera ends before.
    fn wait(&mut self, time: Duration) -> bool {
        let now = self.clock.now();
        let played = now.since(*self.start.get_or_insert(now));
        let mut due = time.saturating_add(self.moved);
        let (late, step) = (played.saturating_sub(due), self.step());
        if late > DEBT.max(step) {
            let phase = Duration::from_nanos(u64::try_from(late.as_nanos() % step.as_nanos()).unwrap_or(0));
            self.moved += late - phase;
            due += late - phase;
        }
        if self.limit.is_some_and(|limit| due.max(played) >= limit) {
            (self.source, self.open) = (None, None);
            return false;
        }
        let early = due.saturating_sub(played);
        if !early.is_zero() && !self.bell.has_rung() {
            (self.sleep)(early);
        }
        if self.bell.has_rung() {
            (self.source, self.open) = (None, None);
            return false;
        }
        true
    }
}

impl FrameSource for Pace {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let next = match self.offset {
            Some(offset) => self.seek(offset),
            None => self.next(),
        };
        let pts = match &next {
            Ok(Some(picture)) => picture.pts,
            // The picture has a place in a schedule, even if it was lost.
            Err(e) if e.class() == ErrorClass::Skip && self.rate.is_some() => None,
            _ => return next,
        };
        self.offset = None;
        let time = self.time(pts);
        if !self.wait(time) {
            return Ok(None);
        }
        (self.given, self.last) = (self.given + 1, time);
        let mut next = next;
        if let (Ok(Some(picture)), true) = (&mut next, self.open.is_some()) {
            picture.pts = Some(time);
        }
        next
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let bell = Arc::downgrade(&self.bell);
        Some(Interrupt::new(move || {
            if let Some(bell) = bell.upgrade() {
                bell.ring();
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use passerby_testkit::{ScriptedSource, SimulatedClock, Step, suite};
    use passerby_types::FramePool;

    use super::*;
    use crate::{Video, VideoSettings};

    const MS: Duration = Duration::from_millis(1);

    fn script(pictures: usize) -> Box<dyn FrameSource> {
        Box::new(ScriptedSource::new(vec![Step::Picture(8, 8); pictures]))
    }

    /// On a clock that moves only while the camera sleeps.
    fn on(clock: &SimulatedClock, pace: Pace) -> Pace {
        let clock = clock.clone();
        pace.sleeper(move |time| clock.advance(time))
    }

    /// When each of the next pictures came, and its time.
    fn times(clock: &SimulatedClock, pace: &mut Pace, n: usize) -> Vec<(u128, u128)> {
        let one = |pace: &mut Pace| {
            let picture = pace.next_picture().unwrap()?;
            Some((clock.now().0.as_millis(), picture.pts.unwrap().as_millis()))
        };
        std::iter::from_fn(|| one(pace)).take(n).collect()
    }

    #[test]
    fn pictures_come_when_they_are_due_and_never_drift() {
        let clock = SimulatedClock::new();
        let arc = Arc::new(clock.clone());
        let mut pace = on(&clock, Pace::new(script(3), Some(10.0), arc.clone()));
        assert!(pace.info().live && pace.info().frame_rate == Some(10.0));
        assert_eq!(times(&clock, &mut pace, 9), [(0, 0), (100, 40), (200, 80)]);
        assert!(pace.next_picture().unwrap().is_none());

        // The script's own times are 40 ms apart.
        let mut own = on(&clock, Pace::new(script(3), None, arc.clone()));
        assert_eq!(times(&clock, &mut own, 9), [(200, 0), (240, 40), (280, 80)]);

        // Periods that are no whole number of nanoseconds: after 100,000 pictures each comes when it must.
        for rate in [24.0, 30_000.0 / 1001.0] {
            let mut long = on(&clock, Pace::looped(|| Ok(script(7)), Some(rate), arc.clone()).unwrap());
            let start = clock.now();
            for n in 0..=100_000 {
                let pts = long.next_picture().unwrap().unwrap().pts;
                let due = Duration::from_secs_f64(f64::from(n) / rate);
                assert_eq!((pts, clock.now().since(start)), (Some(due), due));
            }
        }
    }

    #[test]
    fn a_rate_beyond_reason_is_none() {
        let clock = SimulatedClock::new();
        for rate in [0.0, -1.0, 1e-30, 1e30, f64::NAN, f64::INFINITY] {
            let mut pace = on(&clock, Pace::new(script(2), Some(rate), Arc::new(clock.clone())));
            assert_eq!(pace.info().frame_rate, Some(25.0));
            let start = clock.now();
            times(&clock, &mut pace, 9);
            assert_eq!(clock.now().since(start), 40 * MS);
        }
    }

    #[test]
    fn a_late_camera_catches_up_a_very_late_one_moves_its_schedule() {
        let clock = SimulatedClock::new();
        let mut pace = on(&clock, Pace::new(script(100), Some(10.0), Arc::new(clock.clone())));
        times(&clock, &mut pace, 1);
        clock.advance(250 * MS);
        let seen: Vec<u128> = times(&clock, &mut pace, 4).into_iter().map(|t| t.0).collect();
        assert_eq!(seen, [250, 250, 300, 400], "two at once, then in phase again");
        clock.advance(5000 * MS);
        let seen: Vec<u128> = times(&clock, &mut pace, 3).into_iter().map(|t| t.0).collect();
        assert_eq!(seen, [5400, 5500, 5600]);
        clock.advance(3030 * MS);
        let seen: Vec<u128> = times(&clock, &mut pace, 3).into_iter().map(|t| t.0).collect();
        assert_eq!(seen, [8630, 8700, 8800], "still in phase");
    }

    /// A source that is slow to make each picture.
    struct Slow(Box<dyn FrameSource>, SimulatedClock, Duration);

    impl FrameSource for Slow {
        fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
            self.1.advance(self.2);
            self.0.next_picture()
        }
        fn info(&self) -> &SourceInfo {
            self.0.info()
        }
    }

    #[test]
    fn a_source_that_is_too_slow_is_never_much_more_than_a_second_late() {
        let clock = SimulatedClock::new();
        let slow = |ms: u32| Box::new(Slow(script(1000), clock.clone(), ms * MS));
        let mut pace = on(&clock, Pace::new(slow(90), Some(10.0), Arc::new(clock.clone())));
        let seen = times(&clock, &mut pace, 3);
        assert_eq!(seen.iter().map(|t| t.0).collect::<Vec<_>>(), [90, 190, 290], "fast enough: in time");

        let mut pace = on(&clock, Pace::new(slow(150), Some(10.0), Arc::new(clock.clone())));
        let start = clock.now().0.as_millis() + 150;
        let late = |n: u128, (now, _): (u128, u128)| now - start - n * 100;
        let seen = times(&clock, &mut pace, 1000);
        let total = late(999, seen[999]);
        assert!(seen.windows(2).all(|w| w[1].0 - w[0].0 == 150), "as fast as it can, no faster");
        assert_eq!(total, 999 * 50);
        assert!(pace.moved >= Duration::from_millis(999 * 50) - DEBT, "{:?}", pace.moved);
    }

    #[test]
    fn loops_go_on_in_time_from_the_offset_to_the_limit() {
        let clock = SimulatedClock::new();
        let arc = Arc::new(clock.clone());
        let looped = Pace::looped(|| Ok(script(3)), None, arc.clone()).unwrap().offset(2).limit(200 * MS);
        assert_eq!(looped.info().frames, None);
        let mut pace = on(&clock, looped);
        assert_eq!(times(&clock, &mut pace, 9), [(0, 0), (40, 40), (80, 80), (120, 120), (160, 160)]);
        assert!(pace.next_picture().unwrap().is_none());

        let mut beyond = on(&clock, Pace::new(script(3), None, arc).offset(9));
        assert!(beyond.next_picture().unwrap().is_none(), "an offset beyond the end leaves nothing");
    }

    #[test]
    fn an_offset_is_in_pictures_or_time_and_goes_round() {
        // Three pictures that differ in width, 40 ms apart.
        let clip = || {
            let steps = [Step::Damaged, Step::Picture(1, 8), Step::Picture(2, 8), Step::Picture(3, 8)];
            Ok(Box::new(ScriptedSource::new(steps)) as Box<dyn FrameSource>)
        };
        let clock = SimulatedClock::new();
        let first = |offset: &dyn Fn(Pace) -> Pace| {
            let start = clock.now();
            let pace = Pace::looped(clip, Some(10.0), Arc::new(clock.clone())).unwrap();
            let picture = on(&clock, offset(pace)).next_picture().unwrap().unwrap();
            assert_eq!((picture.pts, clock.now()), (Some(Duration::ZERO), start), "at once, from zero");
            picture.image.width()
        };
        for (n, width) in [(1, 2), (2, 3), (3, 1), (5, 3), (u64::MAX, 1)] {
            assert_eq!(first(&|p| p.offset(n)), width, "{n} pictures");
        }
        // As the times of the pictures are 0, 40, 80 ms; the step to the next loop is 100 ms.
        for (ms, width) in [(0, 1), (1, 2), (40, 2), (41, 3), (80, 3), (81, 1), (180, 1), (200, 2), (1811, 2)]
        {
            assert_eq!(first(&|p| p.offset_time(ms * MS)), width, "{ms} ms");
        }
        first(&|p| p.offset_time(Duration::MAX));
    }

    #[test]
    fn the_limit_counts_time_even_if_the_schedule_moved() {
        let clock = SimulatedClock::new();
        let pace = Pace::looped(|| Ok(script(3)), Some(10.0), Arc::new(clock.clone())).unwrap();
        let mut pace = on(&clock, pace.limit(5000 * MS));
        assert_eq!(times(&clock, &mut pace, 2).len(), 2);
        clock.advance(4000 * MS);
        let seen: Vec<u128> = times(&clock, &mut pace, 99).into_iter().map(|t| t.0).collect();
        assert_eq!(seen, [4100, 4200, 4300, 4400, 4500, 4600, 4700, 4800, 4900]);
        assert!(pace.next_picture().unwrap().is_none());
    }

    #[test]
    fn a_loop_is_gone_before_the_next_is_opened() {
        struct Counted(Box<dyn FrameSource>, Arc<AtomicU32>);
        impl FrameSource for Counted {
            fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
                self.0.next_picture()
            }
            fn info(&self) -> &SourceInfo {
                self.0.info()
            }
        }
        impl Drop for Counted {
            fn drop(&mut self) {
                self.1.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let clock = SimulatedClock::new();
        let open = Arc::new(AtomicU32::new(0));
        let make = move || {
            assert_eq!(open.fetch_add(1, Ordering::Relaxed), 0, "one at a time");
            Ok(Box::new(Counted(script(2), open.clone())) as Box<dyn FrameSource>)
        };
        let mut pace = on(&clock, Pace::looped(make, None, Arc::new(clock.clone())).unwrap());
        let seen: Vec<u128> = times(&clock, &mut pace, 50).into_iter().map(|t| t.1).collect();
        assert_eq!(seen, (0..50).map(|n| 40 * n).collect::<Vec<_>>());
    }

    #[test]
    fn loops_can_share_their_buffers() {
        let clock = SimulatedClock::new();
        let pool = FramePool::default();
        let lender = pool.clone();
        let open = move || {
            let settings = VideoSettings { pool: lender.clone(), ..VideoSettings::default() };
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
            Ok(Box::new(Video::open_with(path, settings)?) as Box<dyn FrameSource>)
        };
        let mut pace = on(&clock, Pace::looped(open, None, Arc::new(clock.clone())).unwrap());
        times(&clock, &mut pace, 20);
        let first = pool.stats().allocated;
        times(&clock, &mut pace, 200);
        assert_eq!(pool.stats().allocated, first);
    }

    #[test]
    fn a_played_file_keeps_the_contract_of_sources() {
        let clock = SimulatedClock::new();
        let tiny = || crate::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4"));
        let arc: Arc<dyn Clock> = Arc::new(clock.clone());
        for rate in [None, Some(4.0)] {
            assert_eq!(suite::source(on(&clock, Pace::new(tiny().unwrap(), rate, arc.clone()))), (10, 0));
            let looped = Pace::looped(tiny, rate, arc.clone()).unwrap().limit(10_000 * MS);
            let pictures = if rate.is_some() { 40 } else { 100 };
            assert_eq!(suite::source(on(&clock, looped)), (pictures, 0));
        }
    }

    #[test]
    fn errors_pass_through_and_an_empty_source_is_not_played_for_ever() {
        let clock = SimulatedClock::new();
        let arc = Arc::new(clock.clone());
        let steps = || [Step::Picture(8, 8), Step::Damaged, Step::Picture(8, 8), Step::Truncated];
        let mut pace = on(&clock, Pace::new(Box::new(ScriptedSource::new(steps())), Some(10.0), arc.clone()));
        let seen: Vec<String> = (0..5)
            .map(|_| match pace.next_picture() {
                Ok(Some(_)) => format!("picture at {}", clock.now().0.as_millis()),
                Ok(None) => "end".into(),
                Err(e) => format!("{:?} at {}", e.class(), clock.now().0.as_millis()),
            })
            .collect();
        assert_eq!(seen, ["picture at 0", "Skip at 100", "picture at 200", "Fatal at 200", "end"]);

        let lost = || Ok(Box::new(ScriptedSource::new([Step::Damaged])) as Box<dyn FrameSource>);
        let mut lost = on(&clock, Pace::looped(lost, Some(10.0), arc.clone()).unwrap());
        assert_eq!(lost.next_picture().unwrap_err().class(), ErrorClass::Skip);
        assert!(lost.next_picture().unwrap_err().to_string().contains("no picture"));

        let mut empty = on(&clock, Pace::looped(|| Ok(script(0)), None, arc.clone()).unwrap());
        assert!(empty.next_picture().unwrap_err().to_string().contains("no picture"));
        assert!(empty.next_picture().unwrap().is_none());
        let gone = |n: &mut u32| {
            *n += 1;
            if *n == 1 { Ok(script(1)) } else { Err(SourceError::Empty { input: "gone".into() }) }
        };
        let mut calls = 0;
        let mut pace = on(&clock, Pace::looped(move || gone(&mut calls), None, arc).unwrap());
        assert!(pace.next_picture().unwrap().is_some());
        assert!(pace.next_picture().is_err());
        assert!(pace.next_picture().unwrap().is_none());
    }

    #[test]
    fn a_wait_of_an_hour_can_be_ended() {
        let mut pace = Pace::new(script(5), Some(0.001), Arc::new(passerby_types::SystemClock::new()));
        assert!(pace.next_picture().unwrap().is_some());
        let interrupt = pace.interrupt().unwrap();
        let waiting = std::thread::Builder::new()
            .name("camera".into())
            .spawn(move || (pace.next_picture().unwrap().is_none(), pace.next_picture().unwrap().is_none()));
        interrupt.raise();
        assert_eq!(waiting.unwrap().join().unwrap(), (true, true));
    }
}
