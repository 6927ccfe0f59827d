//! A camera with faults at chosen calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use passerby_types::{
    Clock, ErrorClass, FramePool, FrameSource, Image, Picture, PixelLayout, SourceError, SourceInfo,
};

use crate::fixtures::color_of;

/// The fault at one call of a [`FaultySource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFault {
    /// The call returns its picture only when the [`SourceGate`] is open.
    Block,
    /// The call fails with an error of this class: a damaged frame, a broken connection, or a truncated stream.
    Error(ErrorClass),
    /// The call panics.
    Panic,
    /// The picture and all later ones have this layout, width and height.
    Shape(PixelLayout, u32, u32),
    /// The times of the picture and of all later ones are this much later.
    Ahead(Duration),
    /// The time of this picture is this much earlier, but at least zero. This breaks the contract of sources.
    Behind(Duration),
    /// The picture and those of this number of later calls are the one before, byte for byte.
    Freeze(u64),
    /// The picture is noise.
    Garbage,
    /// The source ends with this call.
    End,
}

/// Shapes that no real camera has: one pixel, odd sides, a column, a row.
pub const UNUSUAL_SHAPES: [SourceFault; 7] = [
    SourceFault::Shape(PixelLayout::Rgb8, 1, 1),
    SourceFault::Shape(PixelLayout::I420, 1, 1),
    SourceFault::Shape(PixelLayout::Nv12, 641, 359),
    SourceFault::Shape(PixelLayout::Gray8, 2, 4000),
    SourceFault::Shape(PixelLayout::I420, 4001, 3),
    SourceFault::Shape(PixelLayout::Yuyv, 3, 1),
    SourceFault::Shape(PixelLayout::I420, 320, 240),
];

/// The gate at which the blocked calls of a [`FaultySource`] wait. Dropping it opens it, so that no test waits for ever.
#[derive(Debug)]
pub struct SourceGate(Arc<Bar>);

#[derive(Debug, Default)]
struct BarState {
    open: bool,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Bar {
    state: Mutex<BarState>,
    opened: Condvar,
}

impl SourceGate {
    /// Lets all calls go on: those that wait now, and all later ones.
    pub fn open(&self) {
        self.0.lock().open = true;
        self.0.opened.notify_all();
    }

    /// Returns the number of calls that wait now.
    #[must_use]
    pub fn blocked(&self) -> usize {
        self.0.lock().waiting
    }
}

impl Drop for SourceGate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Bar {
    fn lock(&self) -> MutexGuard<'_, BarState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the bar is open.
    fn pass(&self) {
        let mut state = self.lock();
        state.waiting += 1;
        while !state.open {
            state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
    }
}

/// The schedule of a live camera: its clock, its sleep, and the moment of its first call.
struct Beat {
    clock: Arc<dyn Clock>,
    sleep: Box<dyn FnMut(Duration) + Send>,
    start: Option<Duration>,
}

/// A camera of grey pictures with faults at chosen calls. Its name is "faulty".
///
/// The pictures have 320x240 pixels in I420, 25 of them a second, and each is a little darker or lighter than the one before.
/// Call `n`, from 0, is due `n` times 40 ms after the first one, and this is also the time of its picture. Calls that fail
/// count.
///
/// ```
/// use passerby_testkit::{FaultySource, SourceFault};
/// use passerby_types::{ErrorClass, FrameSource};
///
/// let mut source = FaultySource::new(3, [(1, SourceFault::Error(ErrorClass::Skip))]);
/// let good: Vec<bool> = source.pictures().map(|picture| picture.is_ok()).collect();
/// assert_eq!(good, [true, false, true]);
/// ```
pub struct FaultySource {
    info: SourceInfo,
    faults: BTreeMap<u64, SourceFault>,
    bar: Arc<Bar>,
    pool: FramePool,
    beat: Option<Beat>,
    shape: (PixelLayout, u32, u32),
    ahead: Duration,
    /// The call at which the picture froze, and the last call that returns it again.
    frozen: (u64, u64),
    calls: u64,
    end: u64,
}

impl FaultySource {
    /// The time between two pictures.
    pub const PERIOD: Duration = Duration::from_millis(40);

    /// Creates a source of `calls` calls with these faults, by call. It does not wait before it returns a picture.
    #[must_use]
    pub fn new(calls: u64, faults: impl IntoIterator<Item = (u64, SourceFault)>) -> Self {
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

    /// Makes the source live: each call waits until it is due. A late call does not wait.
    #[must_use]
    pub fn live(self, clock: Arc<dyn Clock>) -> Self {
        self.live_by(clock, thread::sleep)
    }

    /// Does the same as [`FaultySource::live`], but waits with `sleep` instead of [`thread::sleep`].
    #[must_use]
    pub fn live_by(mut self, clock: Arc<dyn Clock>, sleep: impl FnMut(Duration) + Send + 'static) -> Self {
        self.info.live = true;
        self.beat = Some(Beat { clock, sleep: Box::new(sleep), start: None });
        self
    }

    /// Returns the gate of the blocked calls. Without it they wait for ever.
    #[must_use]
    pub fn gate(&self) -> SourceGate {
        SourceGate(self.bar.clone())
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
        let mut behind = Duration::ZERO;
        let mut garbage = false;
        match self.faults.get(&call) {
            None => {}
            Some(SourceFault::Block) => self.bar.pass(),
            Some(SourceFault::Error(ErrorClass::Skip)) => {
                return Err(SourceError::Damaged {
                    input: input(),
                    frame: call,
                    what: "the test asked for it".into(),
                });
            }
            Some(SourceFault::Error(ErrorClass::Fatal)) => {
                self.end = 0;
                return Err(SourceError::Truncated { input: input(), frames: call, expected: None });
            }
            Some(SourceFault::Error(ErrorClass::Reset)) => {
                return Err(SourceError::disconnected(input(), "the test asked for it"));
            }
            Some(SourceFault::Panic) => panic!("the test asked for a panic at call {call}"),
            Some(&SourceFault::Shape(layout, width, height)) => self.shape = (layout, width, height),
            Some(&SourceFault::Ahead(by)) => self.ahead = self.ahead.saturating_add(by),
            Some(&SourceFault::Behind(by)) => behind = by,
            Some(&SourceFault::Freeze(calls)) => {
                self.frozen = (call.saturating_sub(1), call.saturating_add(calls));
            }
            Some(SourceFault::Garbage) => garbage = true,
            Some(SourceFault::End) => {
                self.end = 0;
                return Ok(None);
            }
        }
        let (layout, width, height) = self.shape;
        let mut image = Image::new_in(&self.pool, layout, width, height, color_of(layout))
            .map_err(|e| SourceError::malformed(input(), e.to_string()))?;
        let shade = if call <= self.frozen.1 { self.frozen.0.min(call) } else { call };
        let grey = 118 + u8::try_from(shade % 20).unwrap_or(0);
        let mut noise = shade.wrapping_mul(2) | 1;
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
    fn most_faults_keep_the_contract_of_sources() {
        let shapes = UNUSUAL_SHAPES.into_iter().enumerate().map(|(i, fault)| (2 * i as u64, fault));
        assert_eq!(suite::source(FaultySource::new(20, shapes)), (20, 0));
        let faults = [(1, SourceFault::Error(ErrorClass::Skip)), (3, SourceFault::Ahead(3_600_000 * MS))];
        assert_eq!(suite::source(FaultySource::new(6, faults)), (5, 1));
        assert_eq!(suite::source(FaultySource::new(6, [(4, SourceFault::Error(ErrorClass::Fatal))])), (4, 0));
        assert_eq!(suite::source(FaultySource::new(6, [(3, SourceFault::End)])), (3, 0));
        assert_eq!(suite::source(FaultySource::new(0, [])), (0, 0));
    }

    #[test]
    fn a_fault_changes_all_later_pictures() {
        let clock = SimulatedClock::new();
        let sleep = clock.clone();
        let faults = [
            (1, SourceFault::Shape(PixelLayout::Gray8, 2, 4000)),
            (2, SourceFault::Ahead(1000 * MS)),
            (3, SourceFault::Behind(5000 * MS)),
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
    fn a_panic_is_for_one_call() {
        let faults = [(0, SourceFault::Panic), (1, SourceFault::Panic)];
        let mut source = FaultySource::new(3, faults);
        for _ in 0..2 {
            assert!(catch_unwind(AssertUnwindSafe(|| source.next_picture())).is_err());
        }
        assert!(source.next_picture().unwrap().is_some());
    }

    #[test]
    fn an_impossible_size_is_an_error_of_one_call() {
        let faults = [
            (0, SourceFault::Shape(PixelLayout::Rgb8, 0, 7)),
            (1, SourceFault::Shape(PixelLayout::Rgb8, 7, 7)),
        ];
        let mut source = FaultySource::new(2, faults);
        assert!(source.next_picture().unwrap_err().to_string().contains("0x7"));
        assert_eq!(source.next_picture().unwrap().unwrap().image.width(), 7);
    }

    #[test]
    fn a_blocked_call_waits_for_its_gate() {
        for dropped in [false, true] {
            let mut source = FaultySource::new(3, [(1, SourceFault::Block), (2, SourceFault::Block)]);
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
