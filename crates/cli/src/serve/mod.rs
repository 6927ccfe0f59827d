//! Runs cameras until it is stopped.

mod args;
mod camera_set;
mod control;
mod messages;
#[cfg(any(feature = "mqtt", feature = "webhook"))]
mod messenger;
mod page;
mod retention;
mod secrets;
mod setup;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use passerby::pipeline::{
    GovernorLimits, Pipeline, PipelineEvent, PipelineReport, PipelineSettings, RecvOutcome,
};
use passerby::types::BoxError;
use passerby::zones::ZoneBoard;
use passerby_config::ServeConfig;

use crate::advice::with_advice;
use crate::missing::{left_out, lost_writes};
use crate::options::NetworkArgs;
use crate::outcome::Outcome;
use crate::output::{Database, FileClaims, PersonNumbers, input_files, known_stages};
use crate::stop::{END_TIMEOUT, Stop};
use crate::terminal::{self, counted};
pub(crate) use args::ServeArgs;
use args::Wanted;
use camera_set::{CameraChanges, CameraSet};
use messages::Messages;
use page::StoredRun;
use retention::Retention;
pub(crate) use secrets::Secrets;
pub(crate) use setup::of_inputs;
pub(crate) use watch::FileWatch;

/// The interval between two looks at signals and the file.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Everything that a run needs.
pub(crate) struct ServerRun {
    pub(crate) config: ServeConfig,
    pub(crate) secrets: Secrets,
    pub(crate) networks: NetworkArgs,
    pub(crate) limits: GovernorLimits,
    pub(crate) stop: Stop,
}

/// Runs the cameras until Ctrl-C or SIGTERM.
///
/// # Errors
/// The configuration is wrong, the database cannot be opened, a network does not load, or the page's address is in use.
pub(crate) fn run(args: &ServeArgs) -> Result<Outcome, BoxError> {
    let (config, secrets, watch, stop) = match args.wanted()? {
        Wanted::File(path) if args.check => {
            let (config, _) = setup::of_file(path)?;
            let cameras = counted(config.cameras.len() as u64, "camera");
            terminal::print(&format!("{}: right, with {cameras}\n", path.display()))?;
            return Ok(Outcome::Done);
        }
        Wanted::File(path) => {
            let (stop, reload) = Stop::serving()?;
            let watch = FileWatch::new(path, reload);
            let (config, secrets) = setup::of_file(path)?;
            (config, secrets, Some(watch), stop)
        }
        Wanted::Inputs(words) => {
            let mut config = setup::of_inputs(words)?;
            config.store.database = args.db.clone().unwrap_or(config.store.database);
            config.store.gallery = !args.gallery.no_gallery;
            let secrets = Secrets::with_key(args.gallery.read_key()?);
            (config, secrets, None, Stop::new(None)?)
        }
    };
    let networks = setup::networks(&config)?;
    let limits = setup::limits(&config.governor, &networks);
    ServerRun { config, secrets, networks, limits, stop }.run(watch)
}

impl ServerRun {
    /// Runs the cameras of the configuration, and those of its file as it changes, until it is stopped.
    ///
    /// # Errors
    /// The database cannot be opened, a network does not load, or the page's address is in use.
    pub(crate) fn run(self, watch: Option<FileWatch>) -> Result<Outcome, BoxError> {
        let database = self.open_database()?;
        let board = ZoneBoard::default();
        let cameras = Arc::new(self.start(board.clone(), database.as_ref())?);
        let expired = Arc::default();
        let stored = database.as_ref().map(|database| StoredRun {
            database,
            path: &self.config.store.database,
            expired: Arc::clone(&expired),
        });
        let messages = Messages::start(&self.config.events, &self.secrets, &cameras, database.as_ref())?;
        let page =
            page::start(&self.config.preview, self.secrets.page.as_ref(), &cameras, board, stored.as_ref())?;
        let retention =
            database.as_ref().map(|database| Retention::start(&self.config.store, database, expired));
        let retention = retention.transpose()?.flatten();
        if let Some(page) = &page {
            terminal::message(format_args!("the live page is at {}", page.url()));
        }
        let stop = self.stop.clone();
        let ok = serve(self.config, watch, &stop, &cameras, page.is_some());
        let page_ended = page.is_none_or(|page| page.stop(END_TIMEOUT));
        if !page_ended {
            terminal::message("the live page did not end");
        }
        let done = cameras.stop();
        let ok = ok & page_ended & done.is_none_or(|done| summarize(&done, &cameras));
        let ok = ok & messages.finish();
        drop(cameras);
        retention.into_iter().for_each(Retention::finish);
        if let Some(Err(e)) = database.map(Database::finish) {
            terminal::message(e);
            return Ok(Outcome::Failed);
        }
        Ok(if ok { stop.outcome() } else { Outcome::Failed })
    }

    /// Opens the database, which must not be a file that a camera plays.
    ///
    /// # Errors
    /// As for [`Database::open`].
    fn open_database(&self) -> Result<Option<Database>, BoxError> {
        if !self.config.store.enabled {
            return Ok(None);
        }
        let path = &self.config.store.database;
        let inputs: Vec<_> = self.config.cameras.iter().map(|camera| camera.input().into()).collect();
        let files: Vec<PathBuf> = input_files(&inputs);
        FileClaims::of_inputs(files.iter().map(PathBuf::as_path)).claim_database("the database", path)?;
        let numbers = PersonNumbers::new(self.config.store.gallery, self.secrets.key.clone());
        Database::open(path, &self.networks.settings(), numbers).map(Some)
    }

    /// Starts the pipeline without cameras.
    ///
    /// # Errors
    /// A network does not load, or the system has no more threads.
    fn start(&self, board: ZoneBoard, database: Option<&Database>) -> Result<CameraSet, BoxError> {
        // The page asks for the figures when it needs them.
        let settings = PipelineSettings {
            governor: Some(self.limits.clone()),
            publish_metrics: false,
            ..PipelineSettings::default()
        };
        let counters = board.clone();
        let (stages, clock) = known_stages(&self.networks.settings(), database)?;
        let stages = stages.counting(move |camera| counters.counter(camera));
        let mut pipeline = Pipeline::new(stages, settings, Arc::clone(&clock));
        if let Some(database) = database {
            pipeline = pipeline.sink(database.sink());
        }
        Ok(CameraSet::new(pipeline.start()?, board, database.cloned()))
    }
}

/// Runs the cameras, and those of each new configuration, until it is stopped. Without a file and a page it also ends with the last
/// camera. Returns false if a camera failed at the end.
fn serve(
    mut config: ServeConfig,
    mut watch: Option<FileWatch>,
    stop: &Stop,
    cameras: &CameraSet,
    has_page: bool,
) -> bool {
    let events = cameras.events();
    let changes = cameras.apply(&config.cameras);
    say(&changes);
    let mut ok = changes.failed.is_empty();
    stop.begin();
    while !stop.is_requested() {
        match events.as_ref().map(|events| events.recv_timeout(POLL_INTERVAL)) {
            Some(RecvOutcome::Item(event)) => say_event(&event, cameras),
            Some(RecvOutcome::Empty) => {}
            Some(RecvOutcome::Closed) | None => break,
        }
        if watch.is_none() && !has_page && cameras.have_ended() {
            break;
        }
        let Some(watch) = &mut watch else { continue };
        if !watch.has_changed() {
            continue;
        }
        match setup::of_file(watch.path()) {
            Ok((next, _)) => {
                let changes = cameras.apply(&next.cameras);
                let file = watch.path().display();
                let line = changes.line().unwrap_or_else(|| "no camera changed".into());
                terminal::message(format_args!("{file}: read again: {line}"));
                say(&changes);
                for table in setup::fixed_changes(&config, &next) {
                    terminal::warning(format_args!("{file}: a change of [{table}] needs a new start"));
                }
                ok = changes.failed.is_empty();
                config.cameras = next.cameras;
            }
            Err(e) => terminal::message(format_args!("{}; the cameras stay as they are", with_advice(&*e))),
        }
    }
    ok
}

/// Prints a line for each camera that cannot be opened.
fn say(changes: &CameraChanges) {
    changes.failed.iter().for_each(terminal::message);
}

/// Prints an event with the name of its camera. Decisions of the governor are left out: there may be one a second.
fn say_event(event: &PipelineEvent, cameras: &CameraSet) {
    let text = event.to_string();
    match (event, event.camera()) {
        (PipelineEvent::GovernorChanged { .. }, _) => {}
        (_, Some(camera)) => {
            let rest = text.strip_prefix(&format!("{camera}: ")).unwrap_or(&text);
            terminal::message(format_args!("{}: {rest}", cameras.name(camera)));
        }
        (_, None) => terminal::message(text),
    }
}

/// Prints a line for each camera. Returns false if one failed or lost rows.
fn summarize(done: &PipelineReport, cameras: &CameraSet) -> bool {
    let mut ok = done.abandoned.is_empty();
    for thread in &done.abandoned {
        terminal::message(format_args!("{thread} did not end"));
    }
    for report in &done.reports {
        let ledger = &report.ledger;
        let name = cameras.name(report.camera);
        let reasons = ledger.dropped.iter().map(|(reason, n)| format!(", {n} {reason}"));
        let reasons: String = reasons.collect();
        terminal::message(format_args!(
            "{name}: {} ({} analysed, {} coasted, {} dropped{reasons}), {}",
            counted(ledger.captured, "frame"),
            ledger.analysed,
            ledger.coasted,
            ledger.dropped_total(),
            counted(report.faces, "face"),
        ));
        left_out(report).into_iter().for_each(terminal::warning);
        let lost = lost_writes(report);
        lost.iter().for_each(terminal::message);
        ok &= report.error.is_none() && lost.is_none();
    }
    ok
}
