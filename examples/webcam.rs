//! Shows who passes a camera at this machine, when, and how old they are, and writes all of it to an SQLite file.
//!
//! ```text
//! cargo run --release --example webcam --features webcam -- [--db FILE] [--size WxH] [--rate N] [CAMERA]
//! cargo run --release --example webcam --features webcam -- --list
//! ```
//! `CAMERA` is an index, a name or an id that `--list` shows, or on Linux `v4l:/dev/video0`; the default is `webcam:0`.
//! `--size WxH` and `--rate N` are wishes, 1280x720 and 30 by default. If a camera is unplugged, the program uses it
//! again when it is plugged in. Ctrl-C ends the program with a summary and exit code 130. Without a camera it ends with
//! exit code 2.

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
use std::sync::Mutex;

use lexopt::prelude::*;
use passerby::capture::{Reconnect, ReconnectSettings, Webcam, WebcamSettings};
use passerby::types::{BoxError, CameraId, FrameSource, SourceError};

use connection_log::ConnectionLog;
use stop::{INTERRUPTED_EXIT_CODE, Stop};

const USAGE: &str = "usage: webcam [--db FILE] [--size WxH] [--rate N] [CAMERA], or webcam --list";

/// The command line.
struct Arguments {
    list: bool,
    camera: String,
    database: String,
    settings: WebcamSettings,
}

fn main() -> ExitCode {
    let ended = arguments().and_then(|arguments| {
        let Some(arguments) = arguments else {
            println!("{USAGE}");
            return Ok(false);
        };
        if arguments.list {
            return list().map(|()| false);
        }
        let stop = Stop::new(None)?;
        let connection_log = ConnectionLog::default();
        let camera = open(arguments.camera, arguments.settings, &connection_log)?;
        run::run("webcam", vec![(CameraId(1), camera)], &arguments.database, &stop, &connection_log)?;
        Ok(stop.was_interrupted())
    });
    match ended {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(INTERRUPTED_EXIT_CODE),
        Err(e) => {
            eprintln!("webcam: {e}");
            ExitCode::from(2)
        }
    }
}

/// Returns the command line, or `None` if the user asked for help.
fn arguments() -> Result<Option<Arguments>, BoxError> {
    let mut arguments = Arguments {
        list: false,
        camera: "webcam:0".into(),
        database: "passerby.sqlite".into(),
        settings: WebcamSettings::default(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("list") => arguments.list = true,
            Long("db") => arguments.database = parser.value()?.string()?,
            Long("size") => {
                let size = parser.value()?.string()?;
                let sides = size.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
                let wrong = || format!("--size {size}: expected WxH, such as 1280x720");
                (arguments.settings.width, arguments.settings.height) = sides.ok_or_else(wrong)?;
            }
            Long("rate") => arguments.settings.rate = parser.value()?.parse()?,
            Long("help") | Short('h') => return Ok(None),
            Value(camera) => arguments.camera = camera.string()?,
            _ => return Err(arg.unexpected().into()),
        }
    }
    Ok(Some(arguments))
}

/// Prints each camera with its formats.
fn list() -> Result<(), BoxError> {
    let cameras = Webcam::list()?;
    if cameras.is_empty() {
        return Err("no camera at this machine".into());
    }
    for camera in cameras {
        println!("webcam:{}  {}  {}", camera.index, camera.name, camera.id.unwrap_or_default());
        camera.formats.iter().for_each(|format| println!("    {format}"));
    }
    Ok(())
}

/// Returns a source that opens the camera, and again each time it fails.
fn open(
    camera: String,
    settings: WebcamSettings,
    connection_log: &ConnectionLog,
) -> Result<Reconnect, SourceError> {
    let first = Webcam::open(camera.as_str(), settings.clone())?;
    eprintln!("webcam: {} gives {}", first.info().name, first.format());
    let name = first.info().name.clone();
    let first = Mutex::new(Some(first));
    let open = move || {
        let first = first.lock().ok().and_then(|mut first| first.take());
        let webcam = first.map_or_else(|| Webcam::open(camera.as_str(), settings.clone()), Ok)?;
        Ok(Box::new(webcam) as Box<dyn FrameSource>)
    };
    let camera = Reconnect::new(&name, open, ReconnectSettings::default());
    let watch = connection_log.watch();
    Ok(camera.on_event(move |event| watch(&name, event)))
}
