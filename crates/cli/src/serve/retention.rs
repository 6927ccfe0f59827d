//! Removes rows and persons that the configuration does not keep any longer.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use passerby::persons::utc;
use passerby::store::{ExpiredRows, Reader};
use passerby::types::{BoxError, PersonId};
use passerby_config::StoreConfig;

use crate::output::Database;
use crate::terminal::{self, counted};

/// The interval between two looks.
const INTERVAL: Duration = Duration::from_secs(3600);
/// The most tracks that one transaction removes with their boxes. New frames wait for it.
const STEP_TRACKS: u32 = 100;
/// The pause after a step, in which new frames are written.
const STEP_PAUSE: Duration = Duration::from_millis(20);

/// The thread that removes old rows and persons, at the start and then each hour.
pub(super) struct Retention {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

/// The state of the thread.
struct Worker {
    database: Database,
    path: PathBuf,
    keep: Option<Duration>,
    keep_persons: Option<Duration>,
    expired: Arc<Mutex<ExpiredRows>>,
}

impl Retention {
    /// Starts the thread, or returns `None` if everything is kept. It adds the removed rows to `expired`.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(super) fn start(
        config: &StoreConfig,
        database: &Database,
        expired: Arc<Mutex<ExpiredRows>>,
    ) -> Result<Option<Self>, BoxError> {
        if config.keep.is_none() && config.keep_persons.is_none() {
            return Ok(None);
        }
        let worker = Worker {
            database: database.clone(),
            path: config.database.clone(),
            keep: config.keep,
            keep_persons: config.keep_persons,
            expired,
        };
        let (stop, stopped) = mpsc::sync_channel(0);
        let run = move || {
            loop {
                // At a failure it tries again at the next time. The writer says if the database fails for good.
                if let Err(e) =
                    worker.work(&|| stopped.recv_timeout(STEP_PAUSE) != Err(RecvTimeoutError::Timeout))
                {
                    terminal::warning(format_args!("old rows cannot be removed: {e}"));
                }
                if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("passerby-retention".into()).spawn(run)?;
        Ok(Some(Self { stop, thread }))
    }

    /// Ends the thread after its present step.
    pub(super) fn finish(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            terminal::warning("the thread that removes old rows has failed");
        }
    }
}

impl Worker {
    /// Removes everything that is too old now, in small steps. `rests` pauses, and returns true if the thread must end.
    ///
    /// # Errors
    /// The database cannot be read or written.
    fn work(&self, rests: &impl Fn() -> bool) -> Result<(), BoxError> {
        let now = SystemTime::now();
        if let Some(before) = self.keep.and_then(|keep| now.checked_sub(keep)) {
            let mut sum = ExpiredRows::default();
            let done = self.expire(before, &mut sum, rests);
            say(&self.path, before, &sum);
            done?;
        }
        match self.keep_persons.and_then(|keep| now.checked_sub(keep)) {
            Some(before) => self.forget(before),
            None => Ok(()),
        }
    }

    fn expire(
        &self,
        before: SystemTime,
        sum: &mut ExpiredRows,
        rests: &impl Fn() -> bool,
    ) -> Result<(), BoxError> {
        loop {
            let step = self.database.expire(before, STEP_TRACKS)?;
            *sum += step;
            *self.expired.lock().unwrap_or_else(PoisonError::into_inner) += step;
            if step.is_empty() || rests() {
                return Ok(());
            }
        }
    }

    /// Forgets the persons without a name who were not seen since then.
    ///
    /// # Errors
    /// The database cannot be read.
    fn forget(&self, before: SystemTime) -> Result<(), BoxError> {
        let Some(gallery) = self.database.gallery() else { return Ok(()) };
        gallery.handle().flush()?;
        let persons = Reader::open(&self.path)?.known_persons()?;
        let is_old = |seen: Option<SystemTime>| seen.is_some_and(|seen| seen < before);
        let old = persons
            .iter()
            .filter(|person| person.name.is_none() && !person.enrolled && is_old(person.last_seen));
        let old: Vec<PersonId> = old.map(|person| person.id).collect();
        let forgotten = old.into_iter().filter(|person| gallery.handle().remove(*person)).count();
        if forgotten > 0 {
            let persons = counted(forgotten as u64, "person");
            let since = utc(Some(before)).unwrap_or_default();
            terminal::message(format_args!("forgot {persons} not seen since {since}"));
        }
        Ok(())
    }
}

/// Says how many rows were removed, if some were.
fn say(path: &Path, before: SystemTime, sum: &ExpiredRows) {
    if sum.is_empty() {
        return;
    }
    let parts = sum.by_table().into_iter().filter(|(_, rows)| *rows > 0);
    let parts: Vec<String> = parts.map(|(table, rows)| format!("{rows} {table}")).collect();
    let (path, since) = (path.display(), utc(Some(before)).unwrap_or_default());
    terminal::message(format_args!("{path}: removed rows from before {since}: {}", parts.join(", ")));
}
