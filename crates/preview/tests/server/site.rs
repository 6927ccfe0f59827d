//! A server with a pipeline of fakes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use passerby::reid::SharedGallery;
use passerby::zones::ZoneBoard;
use passerby_pipeline::{Handle, Pipeline, PipelineReport, PipelineSettings, Stages};
use passerby_preview::{
    CameraControl, ControlError, ListedCamera, PreviewServer, PreviewSettings, PreviewSources,
};
use passerby_testkit::{OrderTracker, ScriptedDetector, ScriptedSource, SourceStep};
use passerby_types::{CameraId, FrameSource, Picture, SourceError, SourceInfo, SystemClock};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A lossless source with a pause before each picture.
pub(crate) struct Paced {
    source: ScriptedSource,
    pause: Duration,
}

impl Paced {
    pub(crate) fn new(frames: usize, pause: Duration) -> Self {
        Self { source: ScriptedSource::new(vec![SourceStep::Picture(64, 48); frames]), pause }
    }
}

impl FrameSource for Paced {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        std::thread::sleep(self.pause);
        self.source.next_picture()
    }

    fn info(&self) -> &SourceInfo {
        self.source.info()
    }
}

/// The cameras of the test.
pub(crate) struct TestCameras {
    handle: Mutex<Option<Handle>>,
    listed: Mutex<Vec<ListedCamera>>,
}

impl TestCameras {
    pub(crate) fn put(&self, source: impl FrameSource + 'static, name: &str) -> CameraId {
        let mut listed = self.listed.lock().unwrap();
        let camera = CameraId(listed.iter().map(|one| one.camera.0 + 1).max().unwrap_or(0));
        self.handle.lock().unwrap().as_ref().unwrap().add(camera, source).unwrap();
        listed.push(ListedCamera { camera, name: name.into(), uri: "test:".into(), paused: false });
        camera
    }

    fn with(&self, camera: CameraId, work: impl FnOnce(&mut ListedCamera)) -> Result<(), ControlError> {
        let mut listed = self.listed.lock().unwrap();
        let one = listed.iter_mut().find(|one| one.camera == camera);
        one.map(work).ok_or(ControlError::Unknown(camera))
    }

    pub(crate) fn wait(&self, camera: CameraId) {
        let handle = self.handle.lock().unwrap();
        assert!(handle.as_ref().unwrap().wait(camera, TIMEOUT));
    }
}

impl CameraControl for TestCameras {
    fn cameras(&self) -> Vec<ListedCamera> {
        self.listed.lock().unwrap().clone()
    }

    fn add(&self, uri: &str, name: Option<&str>) -> Result<CameraId, ControlError> {
        if uri != "test:" {
            return Err(ControlError::Refused(format!("{uri}: no such camera")));
        }
        Ok(self.put(Paced::new(1000, Duration::from_millis(10)), name.unwrap_or("unnamed")))
    }

    fn remove(&self, camera: CameraId) -> Result<(), ControlError> {
        self.with(camera, |_| ())?;
        self.handle.lock().unwrap().as_ref().unwrap().remove(camera, TIMEOUT);
        self.listed.lock().unwrap().retain(|one| one.camera != camera);
        Ok(())
    }

    fn pause(&self, camera: CameraId) -> Result<(), ControlError> {
        self.with(camera, |one| one.paused = true)
    }

    fn resume(&self, camera: CameraId) -> Result<CameraId, ControlError> {
        self.with(camera, |one| one.paused = false)?;
        Ok(camera)
    }
}

/// A server and its pipeline.
pub(crate) struct Site {
    pub(crate) server: PreviewServer,
    pub(crate) cameras: Arc<TestCameras>,
    pub(crate) address: SocketAddr,
    sources: PreviewSources,
}

/// Settings with a free port and no limit on the rate of requests.
pub(crate) fn settings() -> PreviewSettings {
    PreviewSettings {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        max_requests_per_s: 1_000_000,
        ..PreviewSettings::default()
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(settings(), None, None)
    }

    pub(crate) fn with(
        settings: PreviewSettings,
        database: Option<PathBuf>,
        gallery: Option<SharedGallery>,
    ) -> Self {
        let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
        let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()));
        Self::of(settings, pipeline, ZoneBoard::default(), (database, gallery))
    }

    /// Starts a pipeline without cameras, and its server.
    pub(crate) fn of(
        settings: PreviewSettings,
        pipeline: Pipeline,
        zones: ZoneBoard,
        (database, gallery): (Option<PathBuf>, Option<SharedGallery>),
    ) -> Self {
        let handle = pipeline.start().unwrap();
        let outputs = handle.outputs();
        let cameras = Arc::new(TestCameras { handle: Mutex::new(Some(handle)), listed: Mutex::default() });
        let sources = PreviewSources {
            outputs,
            cameras: Arc::clone(&cameras) as Arc<dyn CameraControl>,
            gallery,
            key: None,
            database,
            expired: Arc::default(),
            zones,
        };
        let server = PreviewServer::start(settings, sources.clone()).unwrap();
        let address = server.address();
        Self { server, cameras, address, sources }
    }

    /// Waits until it is known which pictures a camera sends.
    pub(crate) fn wait_for_codec(&self, camera: CameraId) {
        let until = Instant::now() + TIMEOUT;
        while self.sources.outputs.coded_streams().codec(camera).is_none() {
            assert!(Instant::now() < until, "no picture comes");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Returns the sources, for another server.
    pub(crate) fn sources(&self) -> PreviewSources {
        self.sources.clone()
    }

    /// Stops both, and returns the pipeline's report. The server must stop by itself.
    pub(crate) fn stop(self) -> PipelineReport {
        assert!(self.server.stop(TIMEOUT), "a thread of the server hangs");
        let handle = self.cameras.handle.lock().unwrap().take().unwrap();
        handle.stop(TIMEOUT)
    }
}
