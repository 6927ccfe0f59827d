//! A source that comes back.

mod feed;
mod frozen;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    CancelHandle, Clock, ErrorClass, FrameSource, Picture, SourceError, SourceInfo, SystemClock, Timestamp,
};

use crate::random::Random;
use crate::rising::Rising;
use feed::{Desk, Found, Given, Open};
use frozen::Frozen;

/// Threads left behind in calls that hang, beyond which no new connection is tried until one of them comes back.
const LEFT_BEHIND: usize = 4;
/// How long a thread whose source was told to end is waited for.
const GRACE: Duration = Duration::from_millis(200);
/// A connection that held so long was a good one: after it the waits begin at the shortest again.
const GOOD: Duration = Duration::from_secs(2);

/// When a [`Reconnect`] gives a connection up, and how long it waits before the next one.
#[derive(Clone, Debug)]
pub struct ReconnectSettings {
    /// How long opening may take. 10 s by default; sources of this crate give up sooner by themselves.
    pub opening: Duration,
    /// How long no picture may come. 5 s by default.
    pub stall: Duration,
    /// How long the very same picture may come, equal in every byte. 30 s by default: longer than most cameras take from
    /// one key frame to the next. `None`: for ever, as for a slide show.
    pub frozen: Option<Duration>,
    /// The wait after the second failure in a row; the first try after a connection that held follows at once. 100 ms by
    /// default.
    pub first: Duration,
    /// The longest wait: each is twice the one before up to this, and up to a fifth longer or shorter by chance, so that
    /// many cameras do not all come at once. 1 s by default.
    pub longest: Duration,
    /// Failures in a row after which it ends with the last error. `None`, the default: never.
    pub attempts: Option<u32>,
}

impl Default for ReconnectSettings {
    fn default() -> Self {
        Self {
            opening: Duration::from_secs(10),
            stall: Duration::from_secs(5),
            frozen: Some(Duration::from_secs(30)),
            first: Duration::from_millis(100),
            longest: Duration::from_secs(1),
            attempts: None,
        }
    }
}

/// What happened to a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The source is open. Pictures have yet to come.
    Opened(&'a SourceInfo),
    /// The first picture of a connection came, so long after the last good one, or after the start.
    Recovered(Duration),
    /// Opening failed, so many times in a row, or a connection broke; the next try comes after this wait.
    Failed(&'a SourceError, u32, Duration),
}

type Watch = dyn FnMut(&Event<'_>) + Send;

/// Keeps a source going: opens it anew when its connection breaks, stalls or shows a frozen picture.
///
/// The source is opened and read on a thread of its own, named `capture-feed`: a call that hangs costs that thread, which
/// is left behind and ends when its call comes back, and no more. At most four are left behind at a time.
///
/// Pictures wait for nobody: one lies ready while the next is made, and its [`Picture::age`] counts the wait. Times rise
/// over all connections: the time without pictures is in them.
///
/// # Errors
/// Those of the class `Skip` are the source's own. One of the class `Reset` comes once for each interruption, also
/// where it was never open: the source's own, or [`SourceError::Stalled`] or [`SourceError::Frozen`]; failed tries while it lasts are only told to
/// the watcher ([`Reconnect::watch`]). `Fatal`: the source's own before it has ever given a picture (what cannot be read or
/// refuses the password will not get better by trying), or the last error when the attempts are used up. The end of a
/// live source counts as a broken connection; the end of another one is the end.
pub struct Reconnect {
    info: SourceInfo,
    open: Arc<Open>,
    settings: ReconnectSettings,
    clock: Arc<dyn Clock>,
    watch: Box<Watch>,
    desk: Arc<Desk>,
    state: State,
    /// Failures since a connection that was good.
    failures: u32,
    random: Random,
    frozen: Frozen,
    /// When the last picture was given, or the start.
    good: Timestamp,
    /// A picture was given at some time.
    proven: bool,
    /// The caller knows of the interruption that lasts.
    told: bool,
    times: Times,
}

enum State {
    /// The next try is due then.
    Resting(Timestamp),
    /// Since then; whether a picture has come of it.
    Connected {
        since: Timestamp,
        pictures: bool,
    },
    Over,
}

/// Presentation times that rise over all connections.
#[derive(Default)]
struct Times {
    rising: Rising,
    /// The last time given, and when.
    last: Option<(Duration, Timestamp)>,
    /// The connection's own first time and what it became.
    zero: Option<(Duration, Duration)>,
}

impl Times {
    fn give(&mut self, own: Duration, now: Timestamp) -> Duration {
        let (zero, base) = *self.zero.get_or_insert_with(|| match self.last {
            None => (own, own),
            Some((last, at)) => (own, last.saturating_add(now.since(at))),
        });
        let time = self.rising.give(base.saturating_add(own.saturating_sub(zero)));
        self.last = Some((time, now));
        time
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Reconnect {
    /// Keeps going what `open` opens. Nothing is opened before the first picture is asked for. `name` is what the camera
    /// is called until then; it must hold no credentials.
    ///
    /// `open` is called again for each connection, on that connection's thread, also while a call before it hangs.
    ///
    /// ```
    /// use passerby_capture::{Reconnect, ReconnectSettings};
    /// use passerby_types::FrameSource;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
    /// let open = move || passerby_capture::open(path);
    /// let mut source = Reconnect::new("tiny", open, ReconnectSettings::default());
    /// let mut pictures = 0;
    /// while let Some(picture) = source.next_picture()? {
    ///     pictures += u32::from(picture.image.width() > 0);
    /// }
    /// assert_eq!(pictures, 10, "a file that ends has ended");
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

    /// As [`Reconnect::new`], with limits and waits by this clock.
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
            watch: Box::new(|_| ()),
            desk: Desk::new(Arc::clone(&clock)),
            state: State::Resting(now),
            failures: 0,
            random: Random::new(RandomState::new().hash_one(0)),
            frozen: Frozen::default(),
            good: now,
            proven: false,
            told: false,
            times: Times::default(),
            clock,
        }
    }

    /// Whether it stands for a live source, as it says before the first connection. It does unless told otherwise.
    #[must_use]
    pub fn live(mut self, live: bool) -> Self {
        self.info.live = live;
        self
    }

    /// Tells this of everything that happens to the connections, on the thread that asks for pictures.
    #[must_use]
    pub fn watch(mut self, watch: impl FnMut(&Event<'_>) + Send + 'static) -> Self {
        self.watch = Box::new(watch);
        self
    }

    /// Begins a new connection, unless too many threads hang in old ones: what the caller is told of that, if anything.
    fn connect(&mut self) -> Option<Given> {
        if self.desk.threads() < LEFT_BEHIND && self.desk.connect(&self.open) {
            self.frozen = Frozen::default();
            self.times.zero = None;
            self.state = State::Connected { since: self.clock.now(), pictures: false };
            return None;
        }
        let what = format!("{} calls of the source hang: none of them comes back", self.desk.threads());
        self.broken(SourceError::Disconnected { input: self.info.name.clone(), what })
    }

    /// What a call of the source gave.
    fn given(&mut self, given: Given, at: Timestamp) -> Option<Given> {
        let picture = match given {
            Ok(Some(picture)) => picture,
            Ok(None) if !self.info.live => {
                self.end();
                return Some(Ok(None));
            }
            Ok(None) => {
                let what = "the stream has ended".into();
                return self.broken(SourceError::Disconnected { input: self.info.name.clone(), what });
            }
            Err(e) if e.class() == ErrorClass::Skip => return Some(Err(e)),
            Err(e) => return self.broken(e),
        };
        let now = self.clock.now();
        if let Some(limit) = self.settings.frozen {
            let after = self.frozen.look(&picture.image, now);
            if after >= limit {
                return self.broken(SourceError::Frozen { input: self.info.name.clone(), after });
            }
        }
        if let State::Connected { pictures: pictures @ false, .. } = &mut self.state {
            *pictures = true;
            (self.watch)(&Event::Recovered(now.since(self.good)));
        }
        (self.good, self.proven, self.told) = (now, true, false);
        let pts = picture.pts.map(|own| self.times.give(own, now));
        let age = picture.age.saturating_add(now.since(at));
        Some(Ok(Some(Picture { image: picture.image, pts, age })))
    }

    /// The connection is of no use any more. What the caller is told, if anything.
    fn broken(&mut self, error: SourceError) -> Option<Given> {
        self.desk.hang_up();
        let now = self.clock.now();
        let good =
            matches!(self.state, State::Connected { since, pictures: true } if now.since(since) >= GOOD);
        self.failures = if good { 0 } else { self.failures.saturating_add(1) };
        let last = self.settings.attempts.is_some_and(|attempts| self.failures >= attempts);
        if last || error.class() == ErrorClass::Fatal && !self.proven {
            self.end();
            return Some(Err(error));
        }
        let wait = self.wait();
        (self.watch)(&Event::Failed(&error, self.failures, wait));
        self.state = State::Resting(Timestamp(now.0.saturating_add(wait)));
        (!std::mem::replace(&mut self.told, true)).then(|| Err(interruption(error)))
    }

    /// How long to wait before the next try.
    fn wait(&mut self) -> Duration {
        let Some(doubled) = self.failures.checked_sub(1) else { return Duration::ZERO };
        let wait = self.settings.first.saturating_mul(1 << doubled.min(20)).min(self.settings.longest);
        wait.mul_f64(self.random.between(0.8, 1.2))
    }

    fn end(&mut self) {
        self.desk.hang_up();
        self.state = State::Over;
    }
}

/// An error after which it goes on, as one that says so.
fn interruption(error: SourceError) -> SourceError {
    match error.class() {
        ErrorClass::Fatal => {
            SourceError::Disconnected { input: error.input().to_owned(), what: error.to_string() }
        }
        _ => error,
    }
}

impl FrameSource for Reconnect {
    fn next_picture(&mut self) -> Given {
        loop {
            let found = match self.state {
                State::Over => return Ok(None),
                State::Resting(until) => self.desk.rest(until),
                State::Connected { .. } => self.desk.take(self.settings.opening, self.settings.stall),
            };
            let answer = match found {
                Found::Interrupted => {
                    self.end();
                    return Ok(None);
                }
                Found::Opened(info) => {
                    (self.watch)(&Event::Opened(&info));
                    let (name, live) = (std::mem::take(&mut self.info.name), self.info.live);
                    self.info = SourceInfo { name, live: live && info.live, ..info };
                    None
                }
                Found::Given(given, at) => self.given(given, at),
                Found::TimedOut(_) if matches!(self.state, State::Resting(_)) => self.connect(),
                Found::TimedOut(after) => {
                    self.broken(SourceError::Stalled { input: self.info.name.clone(), after })
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
        let desk = Arc::downgrade(&self.desk);
        Some(CancelHandle::new(move || {
            if let Some(desk) = desk.upgrade() {
                desk.interrupt();
            }
        }))
    }
}

impl Drop for Reconnect {
    fn drop(&mut self) {
        self.desk.interrupt();
        self.desk.join(GRACE);
    }
}

#[cfg(test)]
mod tests;
