//! Plays a source as a live camera.

mod schedule;
#[cfg(test)]
mod tests;
mod wake_up;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CancelHandle, Clock, CodedDemand, DropReason, ErrorClass, FrameSource, Picture, SourceError, SourceInfo,
};

use schedule::{DEFAULT_RATE, Schedule};
use wake_up::WakeUp;

type OpenSource = dyn FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send;
type Sleep = dyn FnMut(Duration) + Send;

/// Plays any source as a live camera: it returns each picture when it is due, and [`SourceInfo::live`](passerby_types::SourceInfo::live) is true. If a
/// pipeline is too slow, it then drops frames instead of making the camera wait.
///
/// The due times count from the first picture, so they don't drift. The camera doesn't leave out pictures. If the source, the
/// reader or the machine was slow, late pictures come at once until the camera has caught up. If they are more than a second
/// late, the camera moves the whole schedule by whole pictures, so that it keeps its phase. The pictures that were due meanwhile are
/// [`SourceError::Lost`], as [`DropReason::Stale`]. A source that is played once
/// keeps its own time stamps. Those of a looped source rise from loop to loop, from zero.
///
/// A picture is made before it is due, and waits. [`FrameSource::cancel_handle`] ends the wait, the source and the camera.
///
/// # Errors
/// The source's own. An error of the class `Skip` comes when its picture would have been due, or at once if the source's own
/// times set the pace. An error of the class `Fatal` ends the camera. If a looped source gives no picture from its start to
/// its end, the error is [`SourceError::Malformed`].
pub struct LivePlayback {
    open: Option<Box<OpenSource>>,
    source: Option<Box<dyn FrameSource>>,
    info: SourceInfo,
    offset: Option<Offset>,
    limit: Option<Duration>,
    clock: Arc<dyn Clock>,
    sleep: Box<Sleep>,
    wake_up: Arc<WakeUp>,
    schedule: Schedule,
    /// The pictures since the source was last opened.
    pictures_of_loop: u64,
    /// The result that follows the error of the pictures that were not played.
    waiting: Option<Result<Option<Picture>, SourceError>>,
    coded_demand: CodedDemand,
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
            .field("scheduled", &self.schedule.scheduled)
            .finish_non_exhaustive()
    }
}

impl LivePlayback {
    /// Plays `source` once, at `rate` pictures per second.
    ///
    /// If `rate` is `None`, the pictures' own times apply. Pictures without a time come at the source's frame rate, or 25
    /// per second if the source has none. A rate outside 0.001 to 1000 counts as `None`.
    #[must_use]
    pub fn new(source: Box<dyn FrameSource>, rate: Option<f64>, clock: Arc<dyn Clock>) -> Self {
        let is_valid = |rate: &f64| (0.001..=1000.0).contains(rate);
        let rate = rate.filter(is_valid);
        let wake_up = Arc::new(WakeUp::default());
        wake_up.attach(&*source);
        let sleeping = Arc::clone(&wake_up);
        let mut info = source.info().clone();
        let frame_rate = rate.or(info.frame_rate.filter(is_valid)).unwrap_or(DEFAULT_RATE);
        info.live = true;
        info.frame_rate = Some(frame_rate);
        Self {
            open: None,
            source: Some(source),
            info,
            offset: None,
            limit: None,
            clock,
            sleep: Box::new(move |time| sleeping.wait(time)),
            wake_up,
            schedule: Schedule::new(rate, Duration::from_secs_f64(1.0 / frame_rate)),
            pictures_of_loop: 0,
            waiting: None,
            coded_demand: CodedDemand::default(),
        }
    }

    /// Plays the source that `open` opens again and again, as [`LivePlayback::new`] plays it once.
    ///
    /// This calls `open` now and each time the source has ended. The old source is dropped before, so the memory of one
    /// source is enough.
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
    /// for picture in camera.pictures() {
    ///     let picture = picture?;
    ///     assert_eq!(picture.pts, Some(pictures * Duration::from_millis(20)));
    ///     pictures += 1;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The error of this call of `open`. An error of a later call ends the camera.
    pub fn looped(
        mut open: impl FnMut() -> Result<Box<dyn FrameSource>, SourceError> + Send + 'static,
        rate: Option<f64>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceError> {
        let mut camera = Self::new(open()?, rate, clock);
        camera.info.frames = None;
        camera.open = Some(Box::new(open));
        Ok(camera)
    }

    /// Begins this many pictures into the source, so that several cameras that play one file differ.
    ///
    /// The pictures before are decoded as fast as possible and dropped. Lost ones don't count. If the offset is beyond the
    /// end, a looped source begins again, and another one gives no pictures.
    #[must_use]
    pub fn offset(mut self, pictures: u64) -> Self {
        self.offset = Some(Offset::Pictures(pictures));
        self
    }

    /// Begins at the first picture that isn't before this time of the source, as [`LivePlayback::offset`] does.
    ///
    /// Pictures without a time count by the source's frame rate.
    #[must_use]
    pub fn offset_time(mut self, time: Duration) -> Self {
        self.offset = Some(Offset::Time(time));
        self
    }

    /// Ends the camera when this time has passed since the first picture. A picture that is due then or later isn't returned.
    #[must_use]
    pub fn limit(mut self, time: Duration) -> Self {
        self.limit = Some(time);
        self
    }

    /// Waits with `sleep` instead of the system's clock.
    ///
    /// The camera passes it the time until the next picture is due, which is never zero. If `sleep` returns early, the
    /// picture comes early.
    #[must_use]
    pub fn sleeper(mut self, sleep: impl FnMut(Duration) + Send + 'static) -> Self {
        self.sleep = Box::new(sleep);
        self
    }

    /// Returns the next picture of the source. If the source has ended, returns the first picture of the next loop.
    fn next(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            let Some(source) = &mut self.source else { return Ok(None) };
            match source.next_picture() {
                Ok(Some(picture)) => {
                    self.pictures_of_loop += 1;
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
            // The old source frees its buffers before the new one takes its own.
            self.source = None;
            if self.wake_up.is_cancelled() {
                self.open = None;
            }
            let Some(open) = &mut self.open else { return Ok(None) };
            if std::mem::take(&mut self.pictures_of_loop) == 0 {
                let input = self.info.name.clone();
                return Err(SourceError::malformed(input, "no picture to play again"));
            }
            let mut source = open()?;
            source.offer_coded(&self.coded_demand);
            self.wake_up.attach(&*source);
            self.source = Some(source);
            self.schedule.begin_loop();
        }
    }

    /// Returns the first picture at or after the offset.
    fn seek(&mut self, mut offset: Offset) -> Result<Option<Picture>, SourceError> {
        let step = self.schedule.step;
        let mut passed = 0;
        let mut position = Duration::ZERO;
        let mut zero = None;
        loop {
            let picture = match self.next() {
                Err(e) if e.class() == ErrorClass::Skip => continue,
                Ok(Some(picture)) => picture,
                end => return end,
            };
            if self.pictures_of_loop == 1 && passed > 0 {
                // The offset is beyond the end. Whole loops need not be played to get there.
                offset = match offset {
                    Offset::Pictures(n) => Offset::Pictures((n - passed) % passed),
                    Offset::Time(time) => {
                        let rest = time.as_nanos() % position.saturating_add(step).as_nanos();
                        let rest = Duration::from_nanos(u64::try_from(rest).unwrap_or(0));
                        // Between the last picture and the end, the next picture is the first.
                        Offset::Time(if rest > position { Duration::ZERO } else { rest })
                    }
                };
                passed = 0;
                zero = None;
            }
            position = match picture.pts {
                Some(pts) => pts.saturating_sub(*zero.get_or_insert(pts)),
                None => step.mul_f64(passed as f64),
            };
            let reached = match offset {
                Offset::Pictures(n) => passed == n,
                Offset::Time(time) => position >= time,
            };
            if reached {
                self.schedule.reset();
                return Ok(Some(picture));
            }
            passed += 1;
        }
    }

    /// Waits until the camera's time is `time`. Returns the number of pictures that were due and not played before it, or `None`
    /// if the camera ends before.
    fn wait(&mut self, time: Duration) -> Option<u64> {
        let (played, due, missed) = self.schedule.played_and_due(time, self.clock.now());
        if self.limit.is_some_and(|limit| due.max(played) >= limit) {
            self.end();
            return None;
        }
        let early = due.saturating_sub(played);
        if !early.is_zero() && !self.wake_up.is_cancelled() {
            (self.sleep)(early);
        }
        if self.wake_up.is_cancelled() {
            self.end();
            return None;
        }
        Some(missed)
    }

    fn end(&mut self) {
        self.source = None;
        self.open = None;
    }
}

impl FrameSource for LivePlayback {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if let Some(waiting) = self.waiting.take() {
            return waiting;
        }
        let mut next = match self.offset {
            Some(offset) => self.seek(offset),
            None => self.next(),
        };
        let pts = match &next {
            Ok(Some(picture)) => picture.pts,
            // Even a lost picture has a place in a schedule with a fixed rate.
            Err(e) if e.class() == ErrorClass::Skip && self.schedule.rate.is_some() => None,
            _ => return next,
        };
        self.offset = None;
        let time = self.schedule.time(pts);
        let Some(missed) = self.wait(time) else { return Ok(None) };
        self.schedule.advance(time);
        if let (Ok(Some(picture)), true) = (&mut next, self.open.is_some()) {
            picture.pts = Some(time);
        }
        if missed == 0 {
            return next;
        }
        self.waiting = Some(next);
        Err(SourceError::Lost {
            input: self.info.name.clone(),
            frames: missed,
            reason: DropReason::Stale,
            what: "due while the machine or the source was too slow, and not played".into(),
        })
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        let wake_up = Arc::downgrade(&self.wake_up);
        Some(CancelHandle::new(move || {
            if let Some(wake_up) = wake_up.upgrade() {
                wake_up.cancel();
            }
        }))
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.coded_demand = demand.clone();
        self.source.iter_mut().for_each(|source| source.offer_coded(demand));
    }
}
