//! The gallery of a database, whose persons are known in later runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use passerby::Settings;
use passerby::persons::template_network;
use passerby::reid::{Gallery, GalleryPolicy, SharedGallery};
use passerby::store::{
    BackgroundJournal, BackgroundSettings, JournalNotice, JournalSettings, RunId, SqliteJournal, StoreError,
    TemplateKey,
};
use passerby::types::{BoxError, Clock, SystemClock};

use crate::terminal;

/// How long each statement waits for another program that holds the file. Only the writers' threads wait.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The most persons. Their templates need at most 700 MB of memory, and a search in them a few milliseconds.
const MAX_PERSONS: usize = 100_000;

/// The gallery that the pipelines share.
#[derive(Clone)]
pub(crate) struct LastingGallery {
    shared: SharedGallery,
    clock: Arc<dyn Clock>,
    key: Option<TemplateKey>,
    /// The number of changes that were lost, each of which has been said.
    lost: Arc<AtomicU64>,
}

impl LastingGallery {
    /// Opens the journal of the gallery in a database, whose templates are encrypted if there is a key.
    ///
    /// # Errors
    /// As for [`SqliteJournal::open`].
    pub(crate) fn journal(
        path: &Path,
        networks: &Settings,
        key: Option<TemplateKey>,
    ) -> Result<SqliteJournal, StoreError> {
        let network = Some(template_network(networks.embedder));
        SqliteJournal::open(path, JournalSettings { network, run: None, key, busy_timeout: BUSY_TIMEOUT })
    }

    /// Loads the persons, and starts the thread that writes their changes. Says how many persons are known.
    ///
    /// # Errors
    /// A row of the gallery is damaged, or the system has no more threads.
    pub(crate) fn open(
        mut journal: SqliteJournal,
        run: RunId,
        networks: &Settings,
    ) -> Result<Self, BoxError> {
        journal.set_run(run);
        let key = journal.key().cloned();
        let lost = Arc::new(AtomicU64::new(0));
        let sum = Arc::clone(&lost);
        let say = move |notice: JournalNotice| {
            if let JournalNotice::Lost { entries, .. } = notice {
                sum.fetch_add(entries, Ordering::Relaxed);
            }
            terminal::warning(notice);
        };
        let journal = BackgroundJournal::start(journal, BackgroundSettings::default(), say)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let gallery = Gallery::open(policy(networks), journal, Arc::clone(&clock))?;
        match gallery.len() {
            0 => {}
            1 => terminal::message("1 person known"),
            n => terminal::message(format_args!("{n} persons known")),
        }
        Ok(Self { shared: SharedGallery::of(gallery), clock, key, lost })
    }

    /// Returns a handle for a pipeline.
    pub(crate) fn handle(&self) -> SharedGallery {
        self.shared.clone()
    }

    /// Returns the clock that the pipelines of the gallery must use.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Returns the key of the templates, or `None` if they are not encrypted.
    pub(crate) fn key(&self) -> Option<TemplateKey> {
        self.key.clone()
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// Changes are not stored.
    pub(crate) fn finish(self) -> Result<(), BoxError> {
        self.shared.flush()?;
        match self.lost.load(Ordering::Relaxed) {
            0 => Ok(()),
            lost => Err(format!("{lost} changes of persons are not stored").into()),
        }
    }
}

/// Returns the policy of a gallery that lasts.
pub(crate) fn policy(networks: &Settings) -> GalleryPolicy {
    GalleryPolicy { max_persons: MAX_PERSONS, ..networks.gallery.clone() }
}
