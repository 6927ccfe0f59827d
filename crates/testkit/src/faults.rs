//! A camera that goes wrong when told.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use passerby_types::{
    Clock, ErrorClass, FramePool, FrameSource, Image, Picture, PixelLayout, SourceError, SourceInfo,
};

use crate::fixtures::color_of;

/// What goes wrong at one call of a [`FaultySource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call does not come back before the [`Gate`] is open; then it gives its picture.
    Block,
    /// It fails with this class: a damaged frame, a broken connection, or the end.
    Error(ErrorClass),
    /// It panics.
    Panic,
    /// Its picture, and those after it, have this layout and size.
    Shape(PixelLayout, u32, u32),
    /// Its picture's time, and those after it, are this much later.
    Ahead(Duration),
    /// Its picture's time alone is this much earlier, zero at least, against the contract of sources.
    Behind(Duration),
    /// Its picture, and those of so many calls after it, are the one before, byte for byte.
    Freeze(u64),
    /// Its picture is noise.
    Garbage,
    /// The source ends.
    End,
}

/// Shapes that real cameras do not have: one pixel, odd sides, a column, a row.
pub const SHAPES: [Fault; 7] = [
    Fault::Shape(PixelLayout::Rgb8, 1, 1),
    Fault::Shape(PixelLayout::I420, 1, 1),
    Fault::Shape(PixelLayout::Nv12, 641, 359),
    Fault::Shape(PixelLayout::Gray8, 2, 4000),
    Fault::Shape(PixelLayout::I420, 4001, 3),
    Fault::Shape(PixelLayout::Yuyv, 3, 1),
    Fault::Shape(PixelLayout::I420, 320, 240),
];

/// What lets blocked calls of a [`FaultySource`] go on. Dropping it opens it, so that no test waits for ever.
#[derive(Debug)]
pub struct Gate(Arc<Bar>);

#[derive(Debug, Default)]
struct Bar {
    /// Whether it is open, and how many calls wait.
    state: Mutex<(bool, usize)>,
    opened: Condvar,
}

impl Gate {
    /// Lets all calls go on, those blocked now and those to come.
    pub fn open(&self) {
        self.0.lock().0 = true;
        self.0.opened.notify_all();
    }

    /// How many calls are blocked now.
    #[must_use]
    pub fn blocked(&self) -> usize {
        self.0.lock().1
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Bar {
    fn lock(&self) -> MutexGuard<'_, (bool, usize)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Comes back when it is open.
    fn pass(&self) {
        let mut state = self.lock();
        state.1 += 1;
        while !state.0 {
            state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.1 -= 1;
    }
}

/// How a live camera waits: its clock, how it sleeps, and when its first call was.
struct Beat {
    clock: Arc<dyn Clock>,
    sleep: Box<dyn FnMut(Duration) + Send>,
    start: Option<Duration>,
}

/// A camera of grey pictures, 320x240 in I420 at 25 a second, each a little darker or lighter than the one before, that
/// goes wrong at the calls it was told.
///
/// Call `n`, from 0, is due `n` times 40 ms after the first one, and its picture says so: the time of a picture is
/// 40 ms times its call. Calls that fail count. It has `name` "faulty".
pub struct FaultySource {
    info: SourceInfo,
    faults: BTreeMap<u64, Fault>,
    bar: Arc<Bar>,
    pool: FramePool,
    beat: Option<Beat>,
    shape: (PixelLayout, u32, u32),
    ahead: Duration,
    /// Before this call pictures are those of the call at which it froze.
    frozen: (u64, u64),
    calls: u64,
    end: u64,
}

impl FaultySource {
    /// The time between two pictures.
    pub const PERIOD: Duration = Duration::from_millis(40);

    /// A source of `calls` calls that has these faults, by call, and gives its pictures as fast as they are asked for.
    #[must_use]
    pub fn new(calls: u64, faults: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        let info = SourceInfo { name: "faulty".into(), frame_rate: Some(25.0), ..SourceInfo::default() };
        Self {
            info,
            faults: faults.into_iter().collect(),
            bar: Arc::default(),
            pool: FramePool::default(),
            beat: None,
            shape: (PixelLayout::I420, 320, 240),
            ahead: Duration::ZERO,
            frozen: (0, 0),
            calls: 0,
            end: calls,
        }
    }

    /// Makes it live: each call waits until it is due. A late one does not wait.
    #[must_use]
    pub fn live(self, clock: Arc<dyn Clock>) -> Self {
        self.live_by(clock, thread::sleep)
    }

    /// As [`FaultySource::live`], waiting by this instead of [`thread::sleep`].
    #[must_use]
    pub fn live_by(mut self, clock: Arc<dyn Clock>, sleep: impl FnMut(Duration) + Send + 'static) -> Self {
        self.info.live = true;
        self.beat = Some(Beat { clock, sleep: Box::new(sleep), start: None });
        self
    }

    /// What lets its blocked calls go on. Without it they are blocked for ever.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate(self.bar.clone())
    }
}

impl FrameSource for FaultySource {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        let input = || "faulty".to_owned();
        if self.calls >= self.end {
            return Ok(None);
        }
        let call = self.calls;
        self.calls += 1;
        let mut pts = Self::PERIOD.saturating_mul(u32::try_from(call).unwrap_or(u32::MAX));
        if let Some(beat) = &mut self.beat {
            let now = beat.clock.now().0;
            let early = (*beat.start.get_or_insert(now) + pts).saturating_sub(now);
            if !early.is_zero() {
                (beat.sleep)(early);
            }
        }
        let (mut behind, mut garbage) = (Duration::ZERO, false);
        match self.faults.get(&call) {
            None => {}
            Some(Fault::Block) => self.bar.pass(),
            Some(Fault::Error(ErrorClass::Skip)) => {
                return Err(SourceError::Damaged { input: input(), frame: call, what: "as told".into() });
            }
            Some(Fault::Error(ErrorClass::Fatal)) => {
                self.end = 0;
                return Err(SourceError::Truncated { input: input(), frames: call, expected: None });
            }
            Some(Fault::Error(ErrorClass::Reset)) => {
                return Err(SourceError::Disconnected { input: input(), what: "as told".into() });
            }
            Some(Fault::Panic) => panic!("as told, at call {call}"),
            Some(&Fault::Shape(layout, width, height)) => self.shape = (layout, width, height),
            Some(&Fault::Ahead(by)) => self.ahead = self.ahead.saturating_add(by),
            Some(&Fault::Behind(by)) => behind = by,
            Some(&Fault::Freeze(calls)) => self.frozen = (call.saturating_sub(1), call.saturating_add(calls)),
            Some(Fault::Garbage) => garbage = true,
            Some(Fault::End) => {
                self.end = 0;
                return Ok(None);
            }
        }
        let (layout, width, height) = self.shape;
        let mut image = Image::new_in(&self.pool, layout, width, height, color_of(layout))
            .map_err(|e| SourceError::Malformed { input: input(), what: e.to_string() })?;
        let look = if call <= self.frozen.1 { self.frozen.0.min(call) } else { call };
        let grey = 118 + u8::try_from(look % 20).unwrap_or(0);
        let mut noise = look.wrapping_mul(2) | 1;
        for plane in 0..layout.planes() {
            for y in 0..image.plane(plane).rows {
                let row = image.row_mut(plane, y);
                match garbage {
                    false => row.fill(grey),
                    true => row.iter_mut().for_each(|byte| {
                        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        *byte = (noise >> 56) as u8;
                    }),
                }
            }
        }
        pts = pts.saturating_add(self.ahead).saturating_sub(behind);
        Ok(Some(Picture::new(image, Some(pts))))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::{SimulatedClock, suite};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn faults_that_break_no_promise_keep_the_contract_of_sources() {
        let shapes = SHAPES.into_iter().enumerate().map(|(i, fault)| (2 * i as u64, fault));
        assert_eq!(suite::source(FaultySource::new(20, shapes)), (20, 0));
        let faults = [(1, Fault::Error(ErrorClass::Skip)), (3, Fault::Ahead(3_600_000 * MS))];
        assert_eq!(suite::source(FaultySource::new(6, faults)), (5, 1));
        assert_eq!(suite::source(FaultySource::new(6, [(4, Fault::Error(ErrorClass::Fatal))])), (4, 0));
        assert_eq!(suite::source(FaultySource::new(6, [(3, Fault::End)])), (3, 0));
        assert_eq!(suite::source(FaultySource::new(0, [])), (0, 0));
    }

    #[test]
    fn pictures_come_in_time_and_shapes_and_jumps_last() {
        let clock = SimulatedClock::new();
        let sleep = clock.clone();
        let faults = [
            (1, Fault::Shape(PixelLayout::Gray8, 2, 4000)),
            (2, Fault::Ahead(1000 * MS)),
            (3, Fault::Behind(5000 * MS)),
        ];
        let source = FaultySource::new(5, faults);
        let mut source = source.live_by(Arc::new(clock.clone()), move |time| sleep.advance(time));
        assert!(source.info().live);
        let mut seen = Vec::new();
        while let Some(Picture { image, pts, .. }) = source.next_picture().unwrap() {
            assert_eq!(image.rgb_at(0, image.height() - 1), image.rgb_at(image.width() - 1, 0));
            seen.push((clock.now().0.as_millis(), pts.unwrap().as_millis(), image.width()));
        }
        assert_eq!(seen, [(0, 0, 320), (40, 40, 2), (80, 1080, 2), (120, 0, 2), (160, 1160, 2)]);
    }

    #[test]
    fn panics_and_impossible_sizes_are_for_one_call() {
        let faults = [
            (0, Fault::Panic),
            (1, Fault::Panic),
            (2, Fault::Shape(PixelLayout::Rgb8, 0, 7)),
            (3, Fault::Shape(PixelLayout::Rgb8, 7, 7)),
        ];
        let mut source = FaultySource::new(4, faults);
        for _ in 0..2 {
            assert!(catch_unwind(AssertUnwindSafe(|| source.next_picture())).is_err());
        }
        assert!(source.next_picture().unwrap_err().to_string().contains("0x7"));
        assert_eq!(source.next_picture().unwrap().unwrap().image.width(), 7);
    }

    #[test]
    fn a_blocked_call_goes_on_when_its_gate_opens_or_goes() {
        for dropped in [false, true] {
            let mut source = FaultySource::new(3, [(1, Fault::Block), (2, Fault::Block)]);
            let gate = source.gate();
            let count = move || std::iter::from_fn(|| source.next_picture().unwrap()).count();
            let camera = thread::Builder::new().name("camera".into()).spawn(count).unwrap();
            while gate.blocked() == 0 {
                thread::yield_now();
            }
            assert!(!camera.is_finished());
            if dropped {
                drop(gate);
            } else {
                gate.open();
            }
            assert_eq!(camera.join().unwrap(), 3);
        }
    }
}
