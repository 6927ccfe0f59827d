//! Runs cameras until it is stopped.

mod args;
mod camera_set;
mod setup;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use passerby::pipeline::{Pipeline, PipelineEvent, PipelineReport, PipelineSettings, RecvOutcome};
use passerby::types::BoxError;
use passerby::zones::ZoneBoard;
use passerby_config::ServeConfig;

use crate::advice::with_advice;
use crate::missing::{left_out, lost_writes};
use crate::outcome::Outcome;
use crate::output::{Database, FileClaims, known_stages};
use crate::stop::Stop;
use crate::terminal::{self, counted};
pub(crate) use args::ServeArgs;
use args::Wanted;
use camera_set::{CameraChanges, CameraSet};
use watch::FileWatch;

/// The interval between two looks at signals and the file.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the cameras until Ctrl-C or SIGTERM, or until all of them have ended.
///
/// # Errors
/// The configuration is wrong, the database cannot be opened, or a network does not load.
pub(crate) fn run(args: &ServeArgs) -> Result<Outcome, BoxError> {
    let (config, watch, stop) = match args.wanted()? {
        Wanted::File(path) if args.check => {
            let config = setup::of_file(path)?;
            let cameras = counted(config.cameras.len() as u64, "camera");
            terminal::print(&format!("{}: right, with {cameras}\n", path.display()))?;
            return Ok(Outcome::Done);
        }
        Wanted::File(path) => {
            let (stop, reload) = Stop::serving()?;
            let watch = FileWatch::new(path, reload);
            (setup::of_file(path)?, Some(watch), stop)
        }
        Wanted::Inputs(words) => (setup::of_inputs(words, args)?, None, Stop::new(None)?),
    };
    let database = open_database(&config)?;
    let cameras = start(&config, database.as_ref())?;
    let ok = serve(config, watch, &stop, &cameras);
    let done = cameras.stop();
    let ok = ok & done.is_none_or(|done| summarize(&done, &cameras));
    drop(cameras);
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
fn open_database(config: &ServeConfig) -> Result<Option<Database>, BoxError> {
    if !config.store.enabled {
        return Ok(None);
    }
    let path = &config.store.database;
    let inputs: Vec<_> = config.cameras.iter().map(|camera| camera.input().into()).collect();
    let files: Vec<PathBuf> = crate::output::input_files(&inputs);
    FileClaims::of_inputs(files.iter().map(PathBuf::as_path)).claim_database("the database", path)?;
    let networks = setup::networks(config)?.settings();
    Database::open(path, &networks, config.store.gallery).map(Some)
}

/// Starts the pipeline without cameras.
///
/// # Errors
/// A network does not load, or the system has no more threads.
fn start(config: &ServeConfig, database: Option<&Database>) -> Result<CameraSet, BoxError> {
    let networks = setup::networks(config)?;
    let limits = setup::limits(&config.governor, &networks);
    let settings = PipelineSettings { governor: Some(limits), ..PipelineSettings::default() };
    let board = ZoneBoard::default();
    let counters = board.clone();
    let (stages, clock) = known_stages(&networks.settings(), database)?;
    let stages = stages.counting(move |camera| counters.counter(camera));
    let mut pipeline = Pipeline::new(stages, settings, Arc::clone(&clock));
    if let Some(database) = database {
        pipeline = pipeline.sink(database.sink());
    }
    Ok(CameraSet::new(pipeline.start()?, board, database.cloned()))
}

/// Runs the cameras, and those of each new configuration, until it is stopped. Returns false if a camera failed at the end.
fn serve(mut config: ServeConfig, mut watch: Option<FileWatch>, stop: &Stop, cameras: &CameraSet) -> bool {
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
        if watch.is_none() && cameras.have_ended() {
            break;
        }
        let Some(watch) = &mut watch else { continue };
        if !watch.has_changed() {
            continue;
        }
        match setup::of_file(watch.path()) {
            Ok(next) => {
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
        terminal::message(format_args!(
            "{name}: {} ({} analysed, {} coasted, {} dropped), {}",
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
