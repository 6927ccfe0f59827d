//! Runs live cameras through the pipeline.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use passerby::pipeline::{Pipeline, PipelineSettings, RecvOutcome, Summary, WhenFull};
use passerby::types::{BoxError, CameraId, visible};

use super::args::DemoArgs;
use super::cameras::Camera;
use super::connection_log::ConnectionLog;
use super::table;
use super::view::View;
use crate::advice::with_advice;
use crate::missing::{left_out, lost_writes, unidentified};
use crate::output::Recording;
use crate::output::{Database, FileClaims, input_files, known_stages};
use crate::stop::{END_TIMEOUT, Stop};
use crate::terminal;

/// The number of observations that may wait to be counted. They hold no pictures.
const QUEUED_OBSERVATIONS: usize = 256;
/// The number of frames that may wait to be compared for a picture.
const QUEUED_FRAMES: usize = 4;
/// The interval between two checks for Ctrl-C and for the end.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Runs the cameras until they end or `stop` asks to stop. Shows progress, writes everything into the database, and
/// prints the summary. Returns `false` if a camera failed, which has been printed.
pub(super) fn run(
    cameras: Vec<Camera>,
    args: &DemoArgs,
    stop: &Stop,
    connection_log: &ConnectionLog,
) -> Result<bool, BoxError> {
    // The cameras share the stages, the workers and the sink.
    let limits = args.run.governor_limits(args.run.cadence(true)?, &args.networks);
    let database = &args.db;
    let settings = PipelineSettings { governor: Some(limits), ..PipelineSettings::default() };
    let min_face_size = settings.flow.embed.min_size;
    let files = input_files(&args.input.inputs);
    let mut claims = FileClaims::of_inputs(files.iter().map(PathBuf::as_path));
    claims.claim_database("--db", database)?;
    let networks = args.networks.settings();
    let sink = Database::open(database, &networks, args.gallery.numbers()?)?;
    let names: Vec<(CameraId, String)> =
        cameras.iter().map(|(id, c)| (*id, visible(&c.info().name).into_owned())).collect();
    names.iter().for_each(|(camera, name)| sink.name(*camera, name));
    let (stages, clock) = known_stages(&networks, Some(&sink))?;
    let mut pipeline = Pipeline::new(stages, settings, clock).sink(sink.sink());
    let ids: Vec<CameraId> = cameras.iter().map(|(id, _)| *id).collect();
    let mut view = View::new(&ids, args.quiet.quiet)?;
    for (camera, source) in cameras {
        pipeline = pipeline.camera(camera, source);
    }

    let recorder = args.recorder(&files, claims)?;
    let recording = recorder.as_ref().map(|recorder| {
        ids.iter().for_each(|id| recorder.begin(*id, &id.to_string()));
        // Pictures never hold up a camera.
        recorder.record(pipeline.subscribe_frames("pictures", QUEUED_FRAMES, WhenFull::DropOldest))
    });
    let recording = recording.transpose()?;
    let subscription = pipeline.subscribe("view", QUEUED_OBSERVATIONS, WhenFull::Block);
    stop.begin();
    let handle = pipeline.start()?;
    let metrics = handle.metrics();
    let mut summary = Summary::default();
    let mut stopping = None;
    let mut said: BTreeSet<String> = BTreeSet::new();
    loop {
        match subscription.recv_timeout(POLL_INTERVAL) {
            RecvOutcome::Item(observation) => {
                summary.add(&observation);
                view.add(&observation);
            }
            RecvOutcome::Empty if handle.cameras().is_empty() => break,
            RecvOutcome::Empty if stopping.is_some_and(|since: Instant| since.elapsed() > END_TIMEOUT) => {
                break;
            }
            RecvOutcome::Empty => {}
            RecvOutcome::Closed => break,
        }
        if stop.is_requested() && stopping.is_none() {
            stopping = Some(Instant::now());
            for camera in handle.cameras() {
                handle.remove(camera, Duration::ZERO);
            }
        }
        for message in connection_log.take() {
            view.say(&message.line);
            said.extend(message.error);
        }
        view.show(&metrics, &summary);
    }
    while let Some(observation) = subscription.try_recv() {
        summary.add(&observation);
    }
    drop(subscription);
    let done = if stopping.is_some() { handle.stop(END_TIMEOUT) } else { handle.finish() };
    view.clear();
    recording.into_iter().for_each(Recording::join);
    let mut ok = done.reports.iter().all(|report| report.error.is_none());
    // The pipeline has released the sink.
    if let Err(error) = sink.finish() {
        terminal::message(error);
        ok = false;
    }
    for report in &done.reports {
        // The connection log has named the interruptions already.
        for note in
            report.notes.iter().filter(|note| !said.iter().any(|line| note.starts_with(line.as_str())))
        {
            terminal::warning(note);
        }
        left_out(report).into_iter().for_each(terminal::warning);
        if let Some(error) = &report.error {
            terminal::message(with_advice(error));
        }
        if report.ledger.captured == 0 && report.error.is_none() {
            terminal::message(format_args!("{}: no frame came", report.name));
            ok = false;
        }
        if let Some(line) = lost_writes(report) {
            terminal::message(line);
            ok = false;
        }
    }
    if done.figures.ledger().captured == 0 {
        return Ok(ok);
    }
    terminal::print(&table::text(&summary, &done))?;
    terminal::print(&unidentified(&summary, min_face_size))?;
    terminal::print(&format!(
        "\nEverything is in {}: tables run, camera, person, track, observation, and the gallery.\n",
        database.display()
    ))?;
    if let Some(recorder) = recorder {
        let (line, pictures_ok) = recorder.finish(&summary);
        terminal::print(&format!("{line}\n"))?;
        ok &= pictures_ok;
    }
    Ok(ok)
}
