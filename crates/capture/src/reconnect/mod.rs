//! Keeps a source going over broken connections.

mod feed_slot;
mod freeze_detector;
mod pace;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CancelHandle, Clock, CodedDemand, ErrorClass, FrameSource, Picture, SourceError, SourceInfo, SystemClock,
    Timestamp,
};

use crate::handover::RecvError;
use crate::monotonic_pts::ContinuousPts;
use crate::random::Random;
use feed_slot::{FeedItem, FeedSlot, OpenSource, PictureResult};
use freeze_detector::FreezeDetector;
use pace::Pace;
pub use settings::{ReconnectEvent, ReconnectSettings};

/// The most threads that may hang in calls. Beyond it no new connection begins until one of them comes back.
const MAX_HANGING_THREADS: usize = 4;
/// How long dropping the source waits for its threads.
const JOIN_TIMEOUT: Duration = Duration::from_millis(200);
/// A connection that lasted this long was a good one. After it, the waits begin at the shortest one again.
const GOOD_CONNECTION: Duration = Duration::from_secs(2);
/// Most cameras send a key frame within this time. A shorter wait for one isn't worth a word.
const USUAL_KEY_FRAME_WAIT: Duration = Duration::from_secs(3);
/// The longest wait after a refused login. Cameras lock a user out after a few wrong passwords, often for half an hour.
const LONGEST_LOGIN_WAIT: Duration = Duration::from_secs(600);

type Listener = dyn FnMut(&ReconnectEvent<'_>) + Send;

/// Keeps a source going: opens it again when its connection breaks, stalls or shows a frozen picture.
///
/// A separate thread, named `capture-feed`, opens and reads the source. If a call hangs, that thread is left behind, and
/// ends when the call returns. At most four threads are left behind at a time.
///
/// One picture is ready while the source makes the next one. [`Picture::age`] includes the time in which the picture was
/// ready. Time stamps rise over all connections, and include the time without pictures.
///
/// # Errors
/// - `Skip`: the source's own errors. Each of them counts as a sign of life. [`SourceError::AwaitingKeyFrame`] comes once
///   until the next picture, after three seconds.
/// - `Reset`: once for each interruption, even if the source was never open. It is the source's own error, or
///   [`SourceError::Stalled`] or [`SourceError::Frozen`]. Only the listener ([`Reconnect::on_event`]) learns of failed tries
///   during an interruption. If a live source ends, the connection counts as broken.
/// - `Fatal`: the source's own error if it comes before the first picture, because another try wouldn't help. For example,
///   the codec is unknown. Also the last error if [`ReconnectSettings::max_attempts`] is reached. [`SourceError::Denied`] is
///   tried again, slowly ([`ReconnectSettings::login_wait`]): a camera that is starting may not know its users yet.
///
/// The limit for silence follows the camera's pace: it is [`ReconnectSettings::stall_timeout`], or three times the longest of
/// the last eight intervals between pictures if that is longer. After a stall it doubles until pictures show the pace. It
/// never exceeds a minute, unless the setting does.
///
/// If a source that isn't live ends, the end is the end here, too.
pub struct Reconnect {
    info: SourceInfo,
    open: Arc<OpenSource>,
    settings: ReconnectSettings,
    clock: Arc<dyn Clock>,
    listener: Box<Listener>,
    slot: Arc<FeedSlot>,
    state: State,
    history: History,
    random: Random,
    freeze: FreezeDetector,
    pace: Pace,
    pts: ContinuousPts,
}

/// The past of the connections.
struct History {
    /// The failures since the last good connection.
    failures: u32,
    /// The refused logins in a row.
    denials: u32,
    /// The time of the last picture, or of the start.
    last_picture: Timestamp,
    /// True if a picture has ever come.
    proven: bool,
    /// True if the caller has got the error of the present interruption.
    reported: bool,
    /// True if the caller knows that a key frame is missing.
    awaiting_key_frame: bool,
}

enum State {
    /// No connection. The next try is due then.
    Resting(Timestamp),
    Connected {
        start: Timestamp,
        has_pictures: bool,
    },
    Ended,
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Reconnect {
    /// Creates a source that keeps the source of `open` going. Nothing is opened before the first picture is asked for.
    ///
    /// `name` is the source's name. It must not hold credentials. `open` is called again for each connection, on the
    /// connection's own thread. If a call of it hangs, the next call may come at the same time.
    ///
    /// ```
    /// use passerby_capture::{Reconnect, ReconnectSettings};
    /// use passerby_types::FrameSource;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
    /// let open = move || passerby_capture::open(path);
    /// let mut source = Reconnect::new("tiny", open, ReconnectSettings::default());
    /// let mut pictures = 0;
    /// for picture in source.pictures() {
    ///     let picture = picture?;
    ///     pictures += u32::from(picture.image.width() > 0);
    /// }
    /// assert_eq!(pictures, 10, "a file that has ended isn't opened again");
    /// # Ok::<(), passerby_types::SourceError>(())
    /// ```
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        open: impl Fn() -> Result<Box<dyn FrameSource>, SourceError> + Send + Sync + 'static,
        settings: ReconnectSettings,
    ) -> Self {
        Self::with_clock(name, open, settings, Arc::new(SystemClock::new()))
    }

    /// Works as [`Reconnect::new`], with all timeouts and waits measured by `clock`.
    #[must_use]
    pub fn with_clock(
        name: impl Into<String>,
        open: impl Fn() -> Result<Box<dyn FrameSource>, SourceError> + Send + Sync + 'static,
        settings: ReconnectSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let now = clock.now();
        Self {
            info: SourceInfo { name: name.into(), live: true, ..SourceInfo::default() },
            open: Arc::new(open),
            settings,
            listener: Box::new(|_| ()),
            slot: FeedSlot::new(Arc::clone(&clock)),
            state: State::Resting(now),
            history: History {
                failures: 0,
                denials: 0,
                last_picture: now,
                proven: false,
                reported: false,
                awaiting_key_frame: false,
            },
            random: Random::new(RandomState::new().hash_one(0)),
            freeze: FreezeDetector::default(),
            pace: Pace::default(),
            pts: ContinuousPts::default(),
            clock,
        }
    }

    /// Sets whether [`SourceInfo::live`] is true before the first connection. By default it is.
    #[must_use]
    pub fn live(mut self, live: bool) -> Self {
        self.info.live = live;
        self
    }

    /// Calls `listener` for every event of the connections, on the thread that asks for pictures.
    #[must_use]
    pub fn on_event(mut self, listener: impl FnMut(&ReconnectEvent<'_>) + Send + 'static) -> Self {
        self.listener = Box::new(listener);
        self
    }

    /// Begins a new connection, unless too many threads hang in old ones. Returns the error for the caller, if there is one.
    fn connect(&mut self) -> Option<PictureResult> {
        if self.slot.threads() < MAX_HANGING_THREADS && self.slot.connect(&self.open) {
            self.freeze = FreezeDetector::default();
            self.pace.connect();
            self.pts.begin();
            self.state = State::Connected { start: self.clock.now(), has_pictures: false };
            return None;
        }
        let what = format!("{} calls of the source hang: none of them comes back", self.slot.threads());
        self.fail(SourceError::disconnected(self.info.name.clone(), what))
    }

    /// Processes a result of the source. Returns the result for the caller, if there is one.
    fn process(&mut self, result: PictureResult, at: Timestamp) -> Option<PictureResult> {
        let picture = match result {
            Ok(Some(picture)) => picture,
            Ok(None) if !self.info.live => {
                self.end();
                return Some(Ok(None));
            }
            Ok(None) => {
                let what = "the stream has ended";
                return self.fail(SourceError::disconnected(self.info.name.clone(), what));
            }
            Err(SourceError::AwaitingKeyFrame { after, .. }) if after < USUAL_KEY_FRAME_WAIT => return None,
            Err(e @ SourceError::AwaitingKeyFrame { .. }) => {
                let known = std::mem::replace(&mut self.history.awaiting_key_frame, true);
                return (!known).then_some(Err(e));
            }
            Err(e) if e.class() == ErrorClass::Skip => return Some(Err(e)),
            Err(e) => return self.fail(e),
        };
        let now = self.clock.now();
        if let Some(timeout) = self.settings.freeze_timeout {
            let after = self.freeze.check(&picture.image, now);
            if after >= timeout {
                return self.fail(SourceError::Frozen { input: self.info.name.clone(), after });
            }
        }
        if let State::Connected { has_pictures: has_pictures @ false, .. } = &mut self.state {
            *has_pictures = true;
            let outage = now.since(self.history.last_picture);
            (self.listener)(&ReconnectEvent::Recovered { outage });
        }
        self.pace.picture(now);
        self.history.last_picture = now;
        self.history.proven = true;
        self.history.reported = false;
        self.history.awaiting_key_frame = false;
        self.history.denials = 0;
        let pts = picture.pts.map(|own| self.pts.next(own, now));
        let age = picture.age.saturating_add(now.since(at));
        Some(Ok(Some(Picture { pts, age, ..picture })))
    }

    /// Gives up the connection. Returns the error for the caller, if the caller doesn't know of the interruption yet.
    fn fail(&mut self, error: SourceError) -> Option<PictureResult> {
        self.slot.disconnect();
        let now = self.clock.now();
        let was_good = match self.state {
            State::Connected { start, has_pictures } => has_pictures && now.since(start) >= GOOD_CONNECTION,
            State::Resting(_) | State::Ended => false,
        };
        let failures = if was_good { 0 } else { self.history.failures.saturating_add(1) };
        self.history.failures = failures;
        let is_last = self.settings.max_attempts.is_some_and(|attempts| failures >= attempts);
        let is_denied = matches!(error, SourceError::Denied { .. });
        if is_last || error.class() == ErrorClass::Fatal && !is_denied && !self.history.proven {
            self.end();
            return Some(Err(error));
        }
        let retry_in = if is_denied { self.next_login_wait() } else { self.next_wait() };
        let reported = std::mem::replace(&mut self.history.reported, true);
        if !reported {
            (self.listener)(&ReconnectEvent::Lost { error: &error });
        }
        (self.listener)(&ReconnectEvent::Failed { error: &error, failures, retry_in });
        self.state = State::Resting(Timestamp(now.0.saturating_add(retry_in)));
        (!reported).then(|| Err(as_interruption(error)))
    }

    /// Returns the time until the next try.
    fn next_wait(&mut self) -> Duration {
        let Some(doublings) = self.history.failures.checked_sub(1) else { return Duration::ZERO };
        let wait = self.settings.first_wait.saturating_mul(1 << doublings.min(20));
        wait.min(self.settings.longest_wait).mul_f64(self.random.between(0.8, 1.2))
    }

    /// Returns the time until the next try after a refused login. A camera that has accepted the login before gets one quick
    /// try.
    fn next_login_wait(&mut self) -> Duration {
        self.history.denials = self.history.denials.saturating_add(1);
        let before = self.history.denials - 1;
        let Some(doublings) = before.checked_sub(u32::from(self.history.proven)) else {
            return self.next_wait();
        };
        let shortest = self.settings.login_wait;
        shortest.saturating_mul(1 << doublings.min(20)).min(LONGEST_LOGIN_WAIT.max(shortest))
    }

    fn end(&mut self) {
        self.slot.disconnect();
        self.state = State::Ended;
    }
}

/// Converts a fatal error to [`SourceError::Disconnected`] with that error as its cause, because another try follows. Other
/// errors stay as they are.
fn as_interruption(error: SourceError) -> SourceError {
    match error.class() {
        ErrorClass::Fatal => {
            let text = error.to_string();
            let what =
                text.strip_prefix(error.input()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
            SourceError::disconnected(error.input(), what).caused_by(error)
        }
        _ => error,
    }
}

impl FrameSource for Reconnect {
    fn next_picture(&mut self) -> PictureResult {
        loop {
            let received = match self.state {
                State::Ended => return Ok(None),
                State::Resting(until) => Err(self.slot.rest(until)),
                State::Connected { .. } => {
                    let stall_timeout = self.pace.limit(self.settings.stall_timeout);
                    self.slot.recv(self.settings.open_timeout, stall_timeout)
                }
            };
            let answer = match received {
                Ok(FeedItem::Opened(info)) => {
                    (self.listener)(&ReconnectEvent::Opened(&info));
                    let name = std::mem::take(&mut self.info.name);
                    let live = self.info.live && info.live;
                    self.info = SourceInfo { name, live, ..info };
                    None
                }
                Ok(FeedItem::Result(result, at)) => self.process(result, at),
                Err(RecvError::Closed(_)) => {
                    self.end();
                    return Ok(None);
                }
                Err(RecvError::TimedOut(_)) if matches!(self.state, State::Resting(_)) => self.connect(),
                Err(RecvError::TimedOut(after)) => {
                    if self.slot.is_open() {
                        self.pace.stall(after);
                    }
                    self.fail(SourceError::Stalled { input: self.info.name.clone(), after })
                }
            };
            if let Some(answer) = answer {
                return answer;
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn cancel_handle(&self) -> Option<CancelHandle> {
        let slot = Arc::downgrade(&self.slot);
        Some(CancelHandle::new(move || {
            if let Some(slot) = slot.upgrade() {
                slot.cancel();
            }
        }))
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.slot.offer_coded(demand);
    }
}

impl Drop for Reconnect {
    fn drop(&mut self) {
        self.slot.cancel();
        self.slot.join(JOIN_TIMEOUT);
    }
}
