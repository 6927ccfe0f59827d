//! A camera that keeps its place while its source is taken away and replaced.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use passerby_types::{
    CancelHandle, Clock, CodedDemand, FrameSource, Picture, SourceError, SourceInfo, SystemClock,
};

use crate::monotonic_pts::ContinuousPts;

/// The longest wait of a call in a pause. A pipeline calls longer calls stuck.
const PAUSE_WAIT: Duration = Duration::from_secs(2);

/// A live source that a [`SourceSwitch`] pauses and replaces, while its reader sees one camera: time stamps rise, and include the time
/// without pictures.
///
/// While it is paused, the source is closed, and each call returns an error of the class `Reset` after at most two seconds. The end of
/// the present source is the end here, too, unless the switch has taken the source away.
///
/// ```
/// use passerby_capture::{SwitchedSource, open};
/// use passerby_types::{ErrorClass, FrameSource};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
/// let (mut source, switch) = SwitchedSource::new(open(path)?);
/// let before = source.next_picture()?.and_then(|picture| picture.pts);
///
/// switch.pause(std::time::Duration::ZERO);
/// assert_eq!(source.next_picture().unwrap_err().class(), ErrorClass::Reset);
///
/// switch.play(open(path)?);
/// let after = source.next_picture()?.and_then(|picture| picture.pts);
/// assert!(before < after);
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct SwitchedSource {
    info: SourceInfo,
    /// `None` in a pause and after the end.
    source: Option<Box<dyn FrameSource>>,
    slot: Arc<SwitchSlot>,
    demand: Option<CodedDemand>,
    pts: ContinuousPts,
    clock: Arc<dyn Clock>,
}

/// Pauses and replaces the source of a [`SwitchedSource`]. Any thread may use it, also after the source is gone.
#[derive(Clone)]
pub struct SourceSwitch(Arc<SwitchSlot>);

/// What both ends share.
#[derive(Default)]
struct SwitchSlot {
    state: Mutex<SwitchState>,
    changed: Condvar,
}

#[derive(Default)]
struct SwitchState {
    order: Order,
    /// Ends the source that the reader has.
    cancel: Option<CancelHandle>,
    /// True while the reader has a source, or is inside a call of it.
    is_connected: bool,
}

/// An order to the reader.
#[derive(Default)]
enum Order {
    /// Go on with the source that it has.
    #[default]
    GoOn,
    /// Drop the source, and wait.
    Pause,
    /// Drop the source, and go on with this one.
    Play(Box<dyn FrameSource>),
    /// Drop the source. There will be no other.
    End,
}

impl SwitchedSource {
    /// Creates a camera that begins with this source, and its switch.
    #[must_use]
    pub fn new(source: Box<dyn FrameSource>) -> (Self, SourceSwitch) {
        Self::with_clock(source, Arc::new(SystemClock::new()))
    }

    /// Works as [`SwitchedSource::new`]. The clock measures the time without pictures.
    #[must_use]
    pub fn with_clock(source: Box<dyn FrameSource>, clock: Arc<dyn Clock>) -> (Self, SourceSwitch) {
        let slot = Arc::new(SwitchSlot::default());
        *slot.lock() = SwitchState { order: Order::GoOn, cancel: source.cancel_handle(), is_connected: true };
        let info = source.info().clone();
        let pts = ContinuousPts::default();
        let switched = Self { info, source: Some(source), slot: Arc::clone(&slot), demand: None, pts, clock };
        (switched, SourceSwitch(slot))
    }

    fn disconnect(&mut self) {
        // Without the lock: a source may wait for its threads.
        self.source = None;
        let mut state = self.slot.lock();
        state.cancel = None;
        state.is_connected = false;
        drop(state);
        self.slot.changed.notify_all();
    }

    fn connect(&mut self, mut source: Box<dyn FrameSource>) {
        if let Some(demand) = &self.demand {
            source.offer_coded(demand);
        }
        let mut state = self.slot.lock();
        state.cancel = source.cancel_handle();
        state.is_connected = true;
        drop(state);
        // The name is the camera's, which stays.
        self.info = SourceInfo { name: std::mem::take(&mut self.info.name), ..source.info().clone() };
        self.source = Some(source);
        self.pts.begin();
    }
}

impl SwitchSlot {
    /// Returns the order that the reader must follow now. `Play` and `Pause` are returned once, and `End` always.
    fn take(&self) -> Order {
        let mut state = self.lock();
        match state.order {
            Order::End => Order::End,
            _ => std::mem::take(&mut state.order),
        }
    }

    fn has_order(&self) -> bool {
        !matches!(self.lock().order, Order::GoOn)
    }

    /// Gives the reader an order, unless the end has come, and wakes it.
    fn give(&self, order: Order) {
        let mut state = self.lock();
        if matches!(state.order, Order::End) {
            return;
        }
        state.order = order;
        let cancel = state.cancel.clone();
        drop(state);
        self.changed.notify_all();
        cancel.iter().for_each(CancelHandle::cancel);
    }

    /// Waits until `is_true` holds, or the time is over. Returns true if it holds.
    fn wait(&self, timeout: Duration, is_true: impl Fn(&SwitchState) -> bool) -> bool {
        let until = Instant::now() + timeout;
        let mut state = self.lock();
        while !is_true(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, SwitchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceSwitch {
    /// Disconnects the source, and waits for that at most `timeout`. Returns true if the source is closed. Many cameras refuse a
    /// second connection.
    pub fn pause(&self, timeout: Duration) -> bool {
        self.0.give(Order::Pause);
        self.0.wait(timeout, |state| !state.is_connected)
    }

    /// Goes on with this source instead of the present one.
    pub fn play(&self, source: Box<dyn FrameSource>) {
        self.0.give(Order::Play(source));
    }
}

impl FrameSource for SwitchedSource {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            match self.slot.take() {
                Order::GoOn => {}
                Order::Pause => self.disconnect(),
                Order::Play(source) => {
                    self.disconnect();
                    self.connect(source);
                }
                Order::End => {
                    self.disconnect();
                    return Ok(None);
                }
            }
            let Some(source) = &mut self.source else {
                if self.slot.wait(PAUSE_WAIT, |state| !matches!(state.order, Order::GoOn)) {
                    continue;
                }
                return Err(SourceError::disconnected(self.info.name.clone(), "paused"));
            };
            let result = source.next_picture();
            if self.slot.has_order() {
                // It may be the end that the switch has caused.
                continue;
            }
            self.info.codec = source.info().codec;
            return match result {
                Ok(Some(picture)) => {
                    let now = self.clock.now();
                    let pts = picture.pts.map(|own| self.pts.next(own, now));
                    Ok(Some(Picture { pts, ..picture }))
                }
                Ok(None) => {
                    self.slot.give(Order::End);
                    self.disconnect();
                    Ok(None)
                }
                Err(error) => Err(error),
            };
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        let slot = Arc::clone(&self.slot);
        Some(CancelHandle::new(move || slot.give(Order::End)))
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.demand = Some(demand.clone());
        if let Some(source) = &mut self.source {
            source.offer_coded(demand);
        }
    }
}

impl Drop for SwitchedSource {
    fn drop(&mut self) {
        self.disconnect();
    }
}

impl fmt::Debug for SwitchedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwitchedSource").field("info", &self.info).finish_non_exhaustive()
    }
}

impl fmt::Debug for SourceSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceSwitch")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
mod tests {
    use std::thread;

    use passerby_testkit::{ScriptedSource, SimulatedClock, SourceStep, suite};
    use passerby_types::ErrorClass;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn pictures(count: usize) -> Box<dyn FrameSource> {
        Box::new(ScriptedSource::new(vec![SourceStep::Picture(64, 48); count]))
    }

    #[test]
    fn a_switched_source_is_a_source() {
        assert_eq!(suite::source(SwitchedSource::new(pictures(5)).0), (5, 0));
    }

    #[test]
    fn another_source_goes_on_where_the_last_one_was() {
        let clock = Arc::new(SimulatedClock::new());
        let (mut source, switch) = SwitchedSource::with_clock(pictures(100), clock.clone());
        let mut last = None;
        for _ in 0..3 {
            let pts = source.next_picture().unwrap().unwrap().pts;
            assert!(last < pts);
            last = pts;
        }
        clock.advance(Duration::from_secs(5));
        switch.play(pictures(2));
        let pts = source.next_picture().unwrap().unwrap().pts;
        assert_eq!(pts, last.map(|last| last + Duration::from_secs(5)), "the time between them counts");
        assert!(source.next_picture().unwrap().is_some());
        assert!(source.next_picture().unwrap().is_none(), "its end is the end");
        switch.play(pictures(2));
        assert!(source.next_picture().unwrap().is_none(), "and stays it");
    }

    /// A camera that gives no picture until it is cancelled.
    struct Silent(SourceInfo, Arc<SwitchSlot>);

    impl FrameSource for Silent {
        fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
            assert!(self.1.wait(LIMIT, |state| matches!(state.order, Order::End)), "nobody cancels it");
            Ok(None)
        }

        fn info(&self) -> &SourceInfo {
            &self.0
        }

        fn cancel_handle(&self) -> Option<CancelHandle> {
            let slot = Arc::clone(&self.1);
            Some(CancelHandle::new(move || slot.give(Order::End)))
        }
    }

    #[test]
    fn a_pause_disconnects_a_source_that_gives_no_picture() {
        let silent = Silent(SourceInfo::default(), Arc::default());
        let (mut source, switch) = SwitchedSource::new(Box::new(silent));
        let reader = thread::Builder::new().name("reader".into()).spawn(move || {
            let paused = source.next_picture().unwrap_err();
            (source, paused)
        });
        assert!(switch.pause(LIMIT));
        let (mut source, paused) = reader.unwrap().join().unwrap();
        assert_eq!((paused.class(), paused.to_string().ends_with("paused")), (ErrorClass::Reset, true));
        switch.play(pictures(2));
        assert_eq!(source.pictures().filter(Result::is_ok).count(), 2);
    }

    #[test]
    fn a_paused_source_ends_when_it_is_cancelled() {
        let (mut source, switch) = SwitchedSource::new(pictures(9));
        switch.pause(Duration::ZERO);
        source.cancel_handle().unwrap().cancel();
        assert!(source.next_picture().unwrap().is_none());
        assert!(switch.pause(Duration::ZERO), "there is no connection");
    }
}
