//! Plays a file as a live camera.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use passerby_types::{Clock, ErrorClass, FrameSource, Picture, SourceError, SourceInfo, Timestamp};

/// How late pictures may come before the camera gives up catching up.
const DEBT: Duration = Duration::from_secs(1);
/// The pictures a second of a source that says nothing of them.
const RATE: f64 = 25.0;

type Open = dyn FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send;
type Sleep = dyn FnMut(Duration) + Send;

/// Plays any source as a live camera: one picture each time one is due, and [`SourceInfo::live`] is true, so that a
/// pipeline that is too slow drops frames rather than making the camera wait.
///
/// The due times count from the first picture on, so they do not drift. Pictures that are late, since the source or
/// the machine was slow, come one after another until the camera has caught up; what is more than a second late moves
/// the whole schedule instead. The source's own times are kept where it is played once; a looped one's go on from loop
/// to loop.
pub struct Pace {
    open: Option<Box<Open>>,
    source: Option<Box<dyn FrameSource>>,
    info: SourceInfo,
    /// Between two pictures; `None`: as the source's times say.
    period: Option<Duration>,
    skip: u64,
    limit: Option<Duration>,
    clock: Arc<dyn Clock>,
    sleep: Box<Sleep>,
    /// When the first picture was due.
    start: Option<Timestamp>,
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

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("info", &self.info).field("given", &self.given).finish_non_exhaustive()
    }
}

impl Pace {
    /// Plays `source` once, at `rate` pictures a second, or, with `None`, at the times the pictures say themselves
    /// (those without any: at the source's frame rate, or 25 a second). A rate that is no positive number counts as
    /// `None`.
    #[must_use]
    pub fn new(source: Box<dyn FrameSource>, rate: Option<f64>, clock: Arc<dyn Clock>) -> Self {
        let mut info = source.info().clone();
        info.live = true;
        info.frame_rate = rate.or(info.frame_rate);
        let untimed = info.frame_rate.filter(|r| r.is_finite() && *r > 0.0).unwrap_or(RATE);
        let rate = rate.filter(|r| r.is_finite() && *r > 0.0);
        let period = rate.map(|r| Duration::from_secs_f64(1.0 / r));
        info.frame_rate = Some(rate.unwrap_or(untimed));
        Self {
            open: None,
            source: Some(source),
            info,
            period,
            skip: 0,
            limit: None,
            clock,
            sleep: Box::new(thread::sleep),
            start: None,
            given: 0,
            of_loop: 0,
            base: Duration::ZERO,
            zero: None,
            last: Duration::ZERO,
        }
    }

    /// As [`Pace::new`] for what `open` opens, again and again: it is called now, and each time the source has ended.
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

    /// Begins this many pictures into the source: cameras that play one file are then not alike.
    #[must_use]
    pub fn offset(mut self, pictures: u64) -> Self {
        self.skip = pictures;
        self
    }

    /// Ends when this much time has passed since the first picture.
    #[must_use]
    pub fn limit(mut self, time: Duration) -> Self {
        self.limit = Some(time);
        self
    }

    /// Waits by this instead of [`thread::sleep`].
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
            (self.base, self.zero) = (self.last + self.step(), None);
        }
    }

    /// Between two pictures.
    fn step(&self) -> Duration {
        let rate = self.info.frame_rate.unwrap_or(RATE);
        self.period.unwrap_or_else(|| Duration::from_secs_f64(1.0 / rate))
    }

    /// When the picture is due, in the camera's time.
    fn time(&mut self, picture: &Picture) -> Duration {
        if let Some(period) = self.period {
            return period.mul_f64(self.given as f64);
        }
        let next = if self.given == 0 { Duration::ZERO } else { self.last + self.step() };
        let Some(pts) = picture.pts else { return next };
        self.base + pts.saturating_sub(*self.zero.get_or_insert(pts))
    }

    /// Waits until the camera's time is `time`.
    fn wait(&mut self, time: Duration) {
        let now = self.clock.now();
        let start = self.start.get_or_insert(now);
        let due = Timestamp(start.0 + time);
        let early = due.since(now);
        if !early.is_zero() {
            return (self.sleep)(early);
        }
        let late = now.since(due);
        if late > DEBT {
            start.0 += late;
        }
    }
}

impl FrameSource for Pace {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        while self.skip > 0 {
            self.skip -= 1;
            if self.next()?.is_none() {
                return Ok(None);
            }
        }
        let Some(mut picture) = self.next()? else { return Ok(None) };
        let time = self.time(&picture);
        if self.limit.is_some_and(|limit| time >= limit) {
            (self.source, self.open) = (None, None);
            return Ok(None);
        }
        self.wait(time);
        (self.given, self.last) = (self.given + 1, time);
        if self.open.is_some() {
            picture.pts = Some(time);
        }
        Ok(Some(picture))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::{ScriptedSource, SimulatedClock, Step};

    use super::*;

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

        // 24 a second does not divide a second: after 100,000 pictures the last is where it must be.
        let mut long = on(&clock, Pace::looped(|| Ok(script(7)), Some(24.0), arc).unwrap());
        let start = clock.now();
        (0..=100_000).for_each(|_| assert!(long.next_picture().unwrap().is_some()));
        let wanted = Duration::from_secs_f64(100_000.0 / 24.0);
        let off = (clock.now().since(start).as_secs_f64() - wanted.as_secs_f64()).abs();
        assert!(off < 1e-4, "{off}");
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
    fn errors_pass_through_and_an_empty_source_is_not_played_for_ever() {
        let clock = SimulatedClock::new();
        let arc = Arc::new(clock.clone());
        let steps = || [Step::Picture(8, 8), Step::Damaged, Step::Picture(8, 8), Step::Truncated];
        let mut pace = on(&clock, Pace::new(Box::new(ScriptedSource::new(steps())), Some(10.0), arc.clone()));
        let seen: Vec<String> = (0..5)
            .map(|_| match pace.next_picture() {
                Ok(Some(_)) => format!("picture at {}", clock.now().0.as_millis()),
                Ok(None) => "end".into(),
                Err(e) => format!("{:?}", e.class()),
            })
            .collect();
        assert_eq!(seen, ["picture at 0", "Skip", "picture at 100", "Fatal", "end"]);

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
}
