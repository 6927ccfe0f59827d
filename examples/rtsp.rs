//! Shows who passes network cameras, when, and how old they are, and writes all of it to an SQLite file.
//!
//! ```text
//! cargo run --release --example rtsp -- [--udp] [--db FILE] rtsp://NAME:PASSWORD@CAMERA/PATH...
//! cargo run --release --example rtsp -- --probe [--udp] rtsp://NAME:PASSWORD@CAMERA/PATH...
//! ```
//! If a camera goes away, the program connects again when it is back, and says so. With `--probe` the program reads
//! each camera for five seconds and prints its picture size, rate and delay, without any analysis. Ctrl-C ends the
//! program with a summary and exit code 130. Exit code 2 means bad arguments, or a camera that refused the connection.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

#[path = "demo/connection_log.rs"]
mod connection_log;
#[path = "demo/run.rs"]
mod run;
#[path = "analyze/stop.rs"]
mod stop;
#[path = "demo/table.rs"]
mod table;
#[path = "demo/view.rs"]
mod view;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use lexopt::prelude::*;
use passerby::capture::{Input, Reconnect, ReconnectSettings, Rtsp, RtspSettings, RtspTransport};
use passerby::types::{BoxError, CameraId, ErrorClass, FrameSource, SourceError};

use connection_log::ConnectionLog;
use stop::{INTERRUPTED_EXIT_CODE, Stop};

const USAGE: &str = "usage: rtsp [--probe] [--udp] [--db FILE] rtsp://NAME:PASSWORD@CAMERA/PATH...";
/// How long a probe reads a camera.
const PROBE_DURATION: Duration = Duration::from_secs(5);

/// The command line.
struct Arguments {
    probe: bool,
    settings: RtspSettings,
    database: String,
    cameras: Vec<String>,
}

fn main() -> ExitCode {
    let ended = arguments().and_then(|arguments| {
        let Some(arguments) = arguments else {
            println!("{USAGE}");
            return Ok(false);
        };
        let stop = Stop::new(None)?;
        if arguments.probe {
            for camera in arguments.cameras.iter().take_while(|_| !stop.is_requested()) {
                probe(camera, arguments.settings.clone(), &stop)?;
            }
        } else {
            let connection_log = ConnectionLog::default();
            let cameras = (1..).zip(arguments.cameras);
            let open =
                |(n, address)| Ok((CameraId(n), keep(address, arguments.settings.clone(), &connection_log)?));
            let cameras = cameras.map(open).collect::<Result<Vec<_>, SourceError>>()?;
            run::run("rtsp", cameras, &arguments.database, &stop, &connection_log)?;
        }
        Ok(stop.was_interrupted())
    });
    match ended {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(INTERRUPTED_EXIT_CODE),
        Err(e) => {
            eprintln!("rtsp: {e}");
            ExitCode::from(2)
        }
    }
}

/// Returns the command line, or `None` if the user asked for help.
fn arguments() -> Result<Option<Arguments>, BoxError> {
    let mut arguments = Arguments {
        probe: false,
        settings: RtspSettings::default(),
        database: "passerby.sqlite".into(),
        cameras: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("probe") => arguments.probe = true,
            Long("udp") => arguments.settings.transport = RtspTransport::Udp,
            Long("db") => arguments.database = parser.value()?.string()?,
            Long("help") | Short('h') => return Ok(None),
            Value(camera) => arguments.cameras.push(camera.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    if arguments.cameras.is_empty() {
        return Err(USAGE.into());
    }
    Ok(Some(arguments))
}

/// Returns a source that connects to the camera, and again each time the connection fails.
/// `Input::parse(address)?.open(..)` does the same for any camera.
fn keep(
    address: String,
    settings: RtspSettings,
    connection_log: &ConnectionLog,
) -> Result<Reconnect, SourceError> {
    // The address is checked here, before the first connection. The name hides the password.
    let name = Input::parse(&address)?.to_string();
    let watch = connection_log.watch();
    let open = move || Ok(Box::new(Rtsp::connect(&address, settings.clone())?) as Box<dyn FrameSource>);
    let camera = Reconnect::new(&name, open, ReconnectSettings::default());
    Ok(camera.on_event(move |event| watch(&name, event)))
}

/// Reads the camera for `PROBE_DURATION` and prints picture size, rate and delay.
fn probe(address: &str, settings: RtspSettings, stop: &Stop) -> Result<(), BoxError> {
    let start = Instant::now();
    let mut camera = Rtsp::connect(address, settings)?;
    let name = camera.info().name.clone();
    let mut ages = Vec::new();
    let mut first = None;
    let mut lost = 0;
    let mut size = String::new();
    while start.elapsed() < PROBE_DURATION && !stop.is_requested() {
        match camera.next_picture() {
            Ok(Some(picture)) => {
                first.get_or_insert_with(|| start.elapsed());
                size = format!(
                    "{:?} {}x{}",
                    picture.image.layout(),
                    picture.image.width(),
                    picture.image.height()
                );
                ages.push(picture.age);
            }
            Ok(None) => break,
            Err(e) if e.class() == ErrorClass::Skip => lost += e.lost().0,
            Err(e) => return Err(e.into()),
        }
    }
    let Some(first) = first else { return Err(format!("{name}: no picture in {PROBE_DURATION:?}").into()) };
    let rate = ages.len().saturating_sub(1) as f64 / start.elapsed().saturating_sub(first).as_secs_f64();
    ages.sort_unstable();
    let age = |part: f64| ages[((ages.len() - 1) as f64 * part) as usize];
    println!(
        "{name}: {size}, {rate:.1} pictures/s, the first after {first:.0?}; age p50 {:.1?}, p95 {:.1?}; {lost} lost",
        age(0.5),
        age(0.95)
    );
    Ok(())
}
