//! A journal that is written on a thread of its own.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use passerby_types::{ErrorClass, GalleryJournal, GallerySnapshot, JournalEntry, SinkError};

/// The longest pause between two attempts to write into a journal that is busy.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// The shortest pause, which doubles with each attempt.
const MIN_PAUSE: Duration = Duration::from_millis(50);
/// The most entries in one call of the journal.
const BATCH: usize = 4096;

/// When a [`BackgroundJournal`] writes, and how much it keeps for a journal that is busy.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackgroundSettings {
    /// How long the thread waits after an entry for others, to write them together. 100 ms by default. A killed process loses
    /// at most the entries of this time.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub group_interval: Duration,
    /// The most entries that wait. Beyond it new ones are lost, and counted. 65,536 by default, which is at most about 64 MB.
    pub max_waiting: usize,
    /// How long the end waits for a journal that is busy, before what waits is lost. 5 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub end_timeout: Duration,
}

impl Default for BackgroundSettings {
    fn default() -> Self {
        Self {
            group_interval: Duration::from_millis(100),
            max_waiting: 65_536,
            end_timeout: Duration::from_secs(5),
        }
    }
}

/// A message of a [`BackgroundJournal`] to the user. Each interruption is said once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalNotice {
    /// The journal cannot be written for now. The changes wait in memory.
    Waiting {
        /// The error of the journal.
        error: String,
    },
    /// The journal can be written again.
    Recovered {
        /// The number of changes that had waited.
        entries: u64,
    },
    /// Changes are lost: they are in memory alone, and gone with the process.
    Lost {
        /// Their number.
        entries: u64,
        /// Why.
        error: String,
    },
}

impl fmt::Display for JournalNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { error } => write!(f, "{error}: changes of persons wait in memory"),
            Self::Recovered { entries } => {
                write!(f, "{entries} changes of persons that waited are stored now")
            }
            Self::Lost { entries, error } => {
                write!(f, "{entries} changes of persons are not stored and end with this run: {error}")
            }
        }
    }
}

/// Writes a journal on a thread of its own, so that a gallery never waits for a disk.
///
/// Entries are written in groups. If the journal is busy, the thread tries again, and the entries wait in memory. Dropping the
/// journal writes what waits, for at most [`BackgroundSettings::end_timeout`], and joins the thread.
pub struct BackgroundJournal<J> {
    shared: Arc<Shared<J>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared<J> {
    queue: Mutex<Queue>,
    /// Something was added, or the end has come.
    added: Condvar,
    /// The thread has finished an attempt.
    tried: Condvar,
    journal: Mutex<J>,
    settings: BackgroundSettings,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<JournalEntry>,
    /// The number of calls that wait for an attempt.
    urgent: usize,
    /// The number of attempts so far.
    attempts: u64,
    /// The error of the last attempt, or `None` if it succeeded.
    failure: Option<(ErrorClass, String)>,
    /// When the journal ends, or `None` if it goes on.
    ends: Option<Instant>,
    /// Entries that found no room since the last notice.
    overflowed: u64,
}

impl<J: GalleryJournal + 'static> BackgroundJournal<J> {
    /// Starts the thread that writes `journal`. It calls `notify` with each message for the user.
    ///
    /// # Errors
    /// The system's error if it has no more threads.
    pub fn start(
        journal: J,
        settings: BackgroundSettings,
        notify: impl Fn(JournalNotice) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            added: Condvar::new(),
            tried: Condvar::new(),
            journal: Mutex::new(journal),
            settings,
        });
        let writer = Arc::clone(&shared);
        let work = move || writer.run(&notify);
        let thread = thread::Builder::new().name("passerby-journal".into()).spawn(work)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Waits until everything that was added before is written.
    ///
    /// # Errors
    /// The error of the first attempt that fails.
    fn written(&self) -> Result<(), SinkError> {
        let mut queue = self.shared.lock();
        queue.urgent += 1;
        let mut attempts = queue.attempts;
        self.shared.added.notify_all();
        let done = loop {
            let failure = queue.failure.clone();
            if queue.waiting.is_empty() {
                queue.failure = None;
                break failure.map_or(Ok(()), |(class, error)| Err(SinkError::new(class, "gallery", error)));
            }
            if queue.attempts > attempts
                && let Some((class, error)) = failure
            {
                break Err(SinkError::new(class, "gallery", error));
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                break Err(SinkError::new(
                    ErrorClass::Fatal,
                    "gallery",
                    "the thread of the journal has ended",
                ));
            }
            attempts = queue.attempts;
            let woken = self.shared.tried.wait_timeout(queue, Duration::from_secs(1));
            queue = woken.map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
        };
        queue.urgent -= 1;
        done
    }
}

impl<J: GalleryJournal> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, J> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the end.
    fn run(&self, notify: &dyn Fn(JournalNotice)) {
        let mut pause = MIN_PAUSE;
        let mut waited = 0;
        while let Some(batch) = self.next_batch() {
            let done = self.write(&batch);
            let mut queue = self.lock();
            queue.attempts += 1;
            queue.failure = done.as_ref().err().map(|e| (e.class(), e.to_string()));
            let overflowed = std::mem::take(&mut queue.overflowed);
            let ends = queue.ends;
            let mut notices = Vec::new();
            match done {
                Ok(left_out) => {
                    if waited > 0 {
                        waited = waited.max(queue.waiting.len() as u64);
                    }
                    queue.waiting.drain(..batch.len());
                    if waited > 0 && queue.waiting.is_empty() {
                        notices.push(JournalNotice::Recovered { entries: waited });
                        waited = 0;
                    }
                    pause = MIN_PAUSE;
                    if left_out > 0 {
                        let error = "they are about persons whose own entry was lost".to_owned();
                        notices.push(JournalNotice::Lost { entries: left_out, error });
                    }
                }
                Err(error)
                    if error.class() == ErrorClass::Reset && ends.is_none_or(|at| Instant::now() < at) =>
                {
                    if waited == 0 {
                        notices.push(JournalNotice::Waiting { error: error.to_string() });
                    }
                    waited = waited.max(queue.waiting.len() as u64);
                    self.tried.notify_all();
                    let until =
                        ends.map_or(pause, |at| at.saturating_duration_since(Instant::now()).min(pause));
                    drop(self.added.wait_timeout(queue, until));
                    queue = self.lock();
                    pause = (pause * 2).min(MAX_PAUSE);
                }
                Err(error) => {
                    let entries = batch.len() as u64;
                    queue.waiting.drain(..batch.len());
                    notices.push(JournalNotice::Lost { entries, error: error.to_string() });
                }
            }
            if overflowed > 0 {
                let error = "too many wait already".to_owned();
                notices.push(JournalNotice::Lost { entries: overflowed, error });
            }
            drop(queue);
            self.tried.notify_all();
            notices.into_iter().for_each(notify);
        }
        self.tried.notify_all();
    }

    /// Waits for the next group of entries. Returns `None` at the end.
    fn next_batch(&self) -> Option<Vec<JournalEntry>> {
        let mut queue = self.lock();
        let mut since: Option<Instant> = None;
        loop {
            if queue.waiting.is_empty() {
                if queue.ends.is_some() {
                    return None;
                }
                queue = self.added.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let age = since.get_or_insert_with(Instant::now).elapsed();
            let left = self.settings.group_interval.saturating_sub(age);
            if left.is_zero() || queue.urgent > 0 || queue.ends.is_some() || queue.waiting.len() >= BATCH {
                let count = queue.waiting.len().min(BATCH);
                return Some(queue.waiting[..count].to_vec());
            }
            let woken = self.added.wait_timeout(queue, left);
            queue = woken.map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
        }
    }

    /// Writes a group. If it can never be written as a whole, writes its entries one by one.
    fn write(&self, batch: &[JournalEntry]) -> Result<u64, SinkError> {
        let mut journal = self.journal();
        match journal.append(batch) {
            Err(error) if error.class() == ErrorClass::Skip && batch.len() > 1 => {
                let mut left_out = 0;
                for entry in batch {
                    match journal.append(std::slice::from_ref(entry)) {
                        Ok(n) => left_out += n,
                        Err(e) if e.class() == ErrorClass::Skip => left_out += 1,
                        Err(e) => return Err(e),
                    }
                }
                Ok(left_out)
            }
            done => done,
        }
    }
}

impl<J: GalleryJournal + 'static> GalleryJournal for BackgroundJournal<J> {
    /// Writes what waits, and loads.
    fn load(&mut self) -> Result<GallerySnapshot, SinkError> {
        self.written()?;
        self.shared.journal().load()
    }

    /// Adds the entries to those that wait. Never waits, and never fails: losses are told by [`JournalNotice::Lost`] and by the
    /// number that it returns.
    fn append(&mut self, entries: &[JournalEntry]) -> Result<u64, SinkError> {
        let mut queue = self.shared.lock();
        let room = self.shared.settings.max_waiting.saturating_sub(queue.waiting.len()).min(entries.len());
        queue.waiting.extend_from_slice(&entries[..room]);
        let lost = (entries.len() - room) as u64;
        queue.overflowed += lost;
        drop(queue);
        self.shared.added.notify_all();
        Ok(lost)
    }

    /// Writes what waits, and makes it durable.
    fn flush(&mut self) -> Result<(), SinkError> {
        self.written()?;
        self.shared.journal().flush()
    }
}

impl<J> Drop for BackgroundJournal<J> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.ends = Some(Instant::now() + self.shared.settings.end_timeout);
        drop(queue);
        self.shared.added.notify_all();
        // A thread that panicked has said so itself.
        self.thread.take().map(JoinHandle::join);
    }
}

impl<J> fmt::Debug for BackgroundJournal<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundJournal").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}
