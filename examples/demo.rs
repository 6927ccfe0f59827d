//! The bundled clip as one camera: who passed, when, how old, and an SQLite file with all of it.
//!
//! `cargo run --release --example demo -- [VIDEO [DATABASE]]`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use passerby::Settings;
use passerby::pipeline::{Flow, FlowSettings, PersonSummary, Report, Summary};
use passerby::store::{Sqlite, SqliteSettings};
use passerby::types::{BoxError, CameraId, Gender, SystemClock, TrackState};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
const CAMERA: CameraId = CameraId(0);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("demo: {e}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), BoxError> {
    let mut args = std::env::args().skip(1);
    let video = args.next().unwrap_or_else(|| CLIP.into());
    let database = args.next().unwrap_or_else(|| "passerby.sqlite".into());

    let mut flow = Flow::new(
        passerby::stages(&Settings::default())?,
        FlowSettings::default(),
        Arc::new(SystemClock::new()),
    )?;
    let mut source = passerby::capture::open(&video)?;
    let mut sink = Sqlite::open(&database, SqliteSettings::default())?;
    sink.cameras(&[(CAMERA, &source.info().name)])?;

    let bar = ProgressBar::new(source.info().frames.unwrap_or(0));
    bar.set_style(ProgressStyle::with_template("{bar:30} frame {pos}/{len}  {per_sec}  {msg}")?);
    let (start, mut summary) = (Instant::now(), Summary::default());
    let report = flow.run(CAMERA, &mut *source, Some(&mut sink), &mut |observation| {
        summary.add(observation);
        let here = observation.faces.iter().filter(|f| f.state == TrackState::Confirmed).count();
        bar.set_message(format!("{here} in the picture"));
        bar.inc(1);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    sink.finish()?;

    for note in &report.notes {
        eprintln!("demo: warning: {note}");
    }
    print(&summary, &report, start.elapsed());
    println!("\nEverything is in {database}: tables run, camera, person, track, observation.");
    match report.error {
        Some(e) => Err(e.into()),
        None => Ok(()),
    }
}

/// The table of persons, and what became of the frames.
fn print(summary: &Summary, report: &Report, took: Duration) {
    let persons = summary.persons();
    let end = summary.tracks().filter_map(|t| t.last.pts).max().unwrap_or_default().as_secs_f64();
    println!("person  first    last     frames  age          gender   seen (0 to {end:.0} s)");
    for person in &persons {
        let time = |pts: Option<Duration>| format!("{:.1} s", pts.unwrap_or_default().as_secs_f64());
        let age =
            person.attributes.map(|a| format!("{:.0} ({:.0} to {:.0})", a.age.years, a.age.low, a.age.high));
        let gender = match person.attributes.and_then(|a| a.gender(0.8)) {
            Some(Gender::Female) => "female",
            Some(Gender::Male) => "male",
            None => "unknown",
        };
        println!(
            "{:<7} {:<8} {:<8} {:<7} {:<12} {gender:<8} {}",
            person.id.0,
            time(person.first.pts),
            time(person.last.pts),
            person.frames,
            age.unwrap_or_else(|| "unknown".into()),
            line(person, summary, end),
        );
    }
    let ledger = &report.ledger;
    println!(
        "\n{} frames captured = {} analysed + {} coasted + {} dropped; {:.1} frames a second; {} tracks, {} frames not stored",
        ledger.captured,
        ledger.analysed,
        ledger.coasted,
        ledger.dropped_total(),
        ledger.captured as f64 / took.as_secs_f64(),
        summary.tracks().count(),
        report.writes.lost,
    );
}

/// When the person was there, as a line of 40 cells from the start of the clip to its end.
fn line(person: &PersonSummary, summary: &Summary, end: f64) -> String {
    let mut cells = ['.'; 40];
    let cell =
        |pts: Option<Duration>| (pts.unwrap_or_default().as_secs_f64() / end.max(1e-9) * 39.0) as usize;
    for track in summary.tracks().filter(|t| t.person == Some(person.id)) {
        let (from, to) = (cell(track.first.pts).min(39), cell(track.last.pts).min(39));
        cells[from..=to.max(from)].fill('#');
    }
    cells.iter().collect()
}
