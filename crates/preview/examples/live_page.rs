//! How do I see cameras in a browser? The live page of four cameras: the bundled clip, or inputs of your own.
//!
//! ```text
//! cargo run --release -p passerby-preview --example live_page -- [ADDRESS] [INPUT...]
//! ```
#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use passerby::capture::{Input, LivePlayback, OpenSettings};
use passerby::zones::ZoneBoard;
use passerby_pipeline::{GovernorLimits, Handle, Pipeline, PipelineSettings};
use passerby_preview::{
    CameraControl, ControlError, ListedCamera, PreviewServer, PreviewSettings, PreviewSources,
};
use passerby_types::{CameraId, FrameSource, SourceError, SystemClock};

/// How long a camera may take to end.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The cameras of the page. A camera that is paused is disconnected, and comes back under another number.
struct Cameras {
    handle: Mutex<Handle>,
    listed: Mutex<Vec<ListedCamera>>,
}

/// Opens an input as a camera. A file plays over and over.
fn open(uri: &str) -> Result<Box<dyn FrameSource>, SourceError> {
    let input = Input::parse(uri)?;
    let settings = OpenSettings::default();
    if input.is_live() {
        return input.open(&settings);
    }
    let again = move || input.open(&settings);
    Ok(Box::new(LivePlayback::looped(again, None, Arc::new(SystemClock::new()))?))
}

impl Cameras {
    fn connect(&self, uri: &str) -> Result<CameraId, ControlError> {
        let refused = |e: &dyn Error| ControlError::Refused(e.to_string());
        let source = open(uri).map_err(|e| refused(&e))?;
        let handle = self.handle.lock().expect("no call panics");
        let cameras = handle.metrics().snapshot().cameras;
        let camera = CameraId(cameras.iter().map(|camera| camera.camera.0 + 1).max().unwrap_or(0));
        handle.add(camera, source).map_err(|e| refused(&e))?;
        Ok(camera)
    }

    fn change(&self, camera: CameraId, change: impl FnOnce(&mut ListedCamera)) -> Result<(), ControlError> {
        let mut listed = self.listed.lock().expect("no call panics");
        listed.iter_mut().find(|one| one.camera == camera).map(change).ok_or(ControlError::Unknown(camera))
    }
}

impl CameraControl for Cameras {
    fn cameras(&self) -> Vec<ListedCamera> {
        self.listed.lock().expect("no call panics").clone()
    }

    fn add(&self, uri: &str, name: Option<&str>) -> Result<CameraId, ControlError> {
        let camera = self.connect(uri)?;
        let name = name.map_or_else(|| camera.to_string(), str::to_owned);
        let listed = ListedCamera { camera, name, uri: uri.into(), paused: false };
        self.listed.lock().expect("no call panics").push(listed);
        Ok(camera)
    }

    fn remove(&self, camera: CameraId) -> Result<(), ControlError> {
        self.change(camera, |_| ())?;
        self.handle.lock().expect("no call panics").remove(camera, TIMEOUT);
        self.listed.lock().expect("no call panics").retain(|one| one.camera != camera);
        Ok(())
    }

    fn pause(&self, camera: CameraId) -> Result<(), ControlError> {
        self.change(camera, |one| one.paused = true)?;
        self.handle.lock().expect("no call panics").remove(camera, TIMEOUT);
        Ok(())
    }

    fn resume(&self, camera: CameraId) -> Result<CameraId, ControlError> {
        let mut uri = String::new();
        self.change(camera, |one| uri.clone_from(&one.uri))?;
        let now = self.connect(&uri)?;
        self.change(camera, |one| (one.camera, one.paused) = (now, false))?;
        Ok(now)
    }
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let address = words.first().and_then(|word| word.parse::<SocketAddr>().ok());
    if address.is_some() {
        words.remove(0);
    }
    if words.is_empty() {
        words = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/passersby.mp4").into(); 4];
    }
    let stages = passerby::stages(&passerby::Settings::default())?;
    let settings =
        PipelineSettings { governor: Some(GovernorLimits::default()), ..PipelineSettings::default() };
    let handle = Pipeline::new(stages, settings, Arc::new(SystemClock::new())).start()?;
    let outputs = handle.outputs();
    let cameras = Arc::new(Cameras { handle: Mutex::new(handle), listed: Mutex::default() });
    for (number, uri) in words.iter().enumerate() {
        cameras.add(uri, Some(&format!("Camera {number}")))?;
    }
    let sources = PreviewSources {
        outputs: outputs.clone(),
        cameras,
        gallery: None,
        key: None,
        database: None,
        expired: Arc::default(),
        zones: ZoneBoard::default(),
    };
    let mut settings = PreviewSettings::default();
    settings.address = address.unwrap_or(settings.address);
    let server = PreviewServer::start(settings, sources)?;
    println!("{}", server.url());
    loop {
        std::thread::sleep(Duration::from_secs(10));
        let figures = outputs.metrics().snapshot();
        let ledger = figures.ledger();
        println!(
            "{} frames, {} dropped, age p95 {:?}, {} pictures encoded",
            ledger.captured,
            ledger.dropped_total(),
            figures.age.p95,
            server.encoded_pictures()
        );
    }
}
