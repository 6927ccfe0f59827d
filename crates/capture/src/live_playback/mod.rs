//! Plays a file as a live camera.

mod bell;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CancelHandle, Clock, ErrorClass, FrameSource, Picture, SourceError, SourceInfo, Timestamp,
};

use bell::Bell;

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
/// A picture is made before it is due and waits; [`FrameSource::cancel_handle`] ends the wait, the source and the camera.
///
/// # Errors
/// The source's own. One of the class `Skip` comes when its picture would have been due, or at once where the source's
/// times set the pace; one of the class `Fatal` ends the camera. A looped source without a picture from its start to its
/// end is [`SourceError::Malformed`].
pub struct LivePlayback {
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

/// Where in the source a camera begins.
#[derive(Clone, Copy)]
enum Offset {
    Pictures(u64),
    Time(Duration),
}

impl fmt::Debug for LivePlayback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LivePlayback")
            .field("info", &self.info)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl LivePlayback {
    /// Plays `source` once, at `rate` pictures a second, or, with `None`, at the times the pictures say themselves
    /// (those without any: at the source's frame rate, or 25 a second). A rate outside 0.001 to 1000 counts as `None`.
    #[must_use]
    pub fn new(source: Box<dyn FrameSource>, rate: Option<f64>, clock: Arc<dyn Clock>) -> Self {
        let sane = |rate: &f64| (0.001..=1000.0).contains(rate);
        let rate = rate.filter(sane);
        let bell = Arc::new(Bell::default());
        bell.reach(&*source);
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

    /// As [`LivePlayback::new`] for what `open` opens, again and again: it is called now, and each time the source has ended,
    /// when that source is gone, so that the memory for one of them is enough.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use passerby_capture::LivePlayback;
    /// use passerby_types::{FrameSource, SystemClock};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
    /// let open = move || passerby_capture::open(path);
    /// let camera = LivePlayback::looped(open, Some(50.0), Arc::new(SystemClock::new()))?;
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

    /// As [`LivePlayback::offset`], this much of the source's own time into it, at the first picture not before that. Pictures
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
            if self.bell.has_rung() {
                self.open = None;
            }
            let Some(open) = &mut self.open else { return Ok(None) };
            if std::mem::take(&mut self.of_loop) == 0 {
                let input = self.info.name.clone();
                return Err(SourceError::Malformed { input, what: "no picture to play again".into() });
            }
            let source = open()?;
            self.bell.reach(&*source);
            self.source = Some(source);
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

impl FrameSource for LivePlayback {
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

    fn cancel_handle(&self) -> Option<CancelHandle> {
        let bell = Arc::downgrade(&self.bell);
        Some(CancelHandle::new(move || {
            if let Some(bell) = bell.upgrade() {
                bell.ring();
            }
        }))
    }
}

#[cfg(test)]
mod tests;
