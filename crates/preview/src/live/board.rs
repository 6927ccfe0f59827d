//! Follows the pipeline, and tells viewers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use passerby::zones::ZoneBoard;
use passerby_pipeline::{
    CameraSnapshot, EventReceiver, MetricsSnapshot, PipelineEvent, RecvOutcome, Subscription, WhenFull,
};
use passerby_types::{
    CameraId, Codec, Observation, ObservationRecord, PersonId, TrackId, ZoneChange, ZoneEvent,
};
use serde::Serialize;
use serde_json::json;

use super::rows::{
    AgeRow, CameraStateName, FiguresRow, GeometryRow, LedgerRow, LineCountRow, LineShape, LiveCameraRow,
    ZoneCountRow, ZoneShape,
};
use super::tally::PersonTally;
use super::viewer::{EventChoice, EventKind, EventViewer};
use crate::control::ListedCamera;
use crate::places::ViewerPlaces;
use crate::sources::PreviewSources;

/// The interval of the figures.
const FIGURES_INTERVAL: Duration = Duration::from_secs(1);
/// The longest time until an event of the pipeline is passed on.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The observations that may wait for the thread.
const CAPACITY: usize = 256;

/// The newest state of the cameras and persons, and the viewers who are told of changes.
pub(crate) struct LiveBoard {
    sources: PreviewSources,
    places: Arc<ViewerPlaces>,
    started: SystemTime,
    viewers: Mutex<Vec<Arc<EventViewer>>>,
    state: Mutex<BoardState>,
    inputs: Mutex<Option<Inputs>>,
    stopped: AtomicBool,
}

/// Opened before the server starts, so that no event is missed.
struct Inputs {
    observations: Subscription,
    events: EventReceiver,
}

#[derive(Default)]
struct BoardState {
    cameras: BTreeMap<CameraId, CameraStatus>,
    tally: PersonTally,
}

/// What events and observations say of one camera.
#[derive(Clone, Default)]
struct CameraStatus {
    size: Option<(u32, u32)>,
    /// The error since which no picture came.
    error: Option<String>,
    is_live: bool,
    captured: u64,
    frame_rate: f64,
}

impl LiveBoard {
    pub(crate) fn new(sources: &PreviewSources, places: Arc<ViewerPlaces>) -> Arc<Self> {
        let inputs = Inputs {
            observations: sources.outputs.subscribe("preview", CAPACITY, WhenFull::DropOldest),
            events: sources.outputs.events(),
        };
        Arc::new(Self {
            sources: sources.clone(),
            places,
            started: SystemTime::now(),
            viewers: Mutex::default(),
            state: Mutex::default(),
            inputs: Mutex::new(Some(inputs)),
            stopped: AtomicBool::new(false),
        })
    }

    /// Adds a viewer. It is forgotten when it is dropped.
    pub(crate) fn join(&self, choice: EventChoice) -> Arc<EventViewer> {
        let viewer = Arc::new(EventViewer::new(choice));
        self.viewers.lock().push(Arc::clone(&viewer));
        if self.stopped.load(Ordering::Acquire) {
            viewer.end();
        }
        viewer
    }

    /// Removes a viewer that has gone.
    pub(crate) fn leave(&self, viewer: &Arc<EventViewer>) {
        self.viewers.lock().retain(|other| !Arc::ptr_eq(other, viewer));
    }

    /// Ends all viewers and the thread.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.viewers.lock().iter().for_each(|viewer| viewer.end());
    }

    /// Follows the pipeline until the stop.
    pub(crate) fn run(&self) {
        let Some(inputs) = self.inputs.lock().take() else { return };
        let mut next_figures = Instant::now() + FIGURES_INTERVAL;
        while !self.stopped.load(Ordering::Acquire) {
            let wait = next_figures.saturating_duration_since(Instant::now()).min(POLL_INTERVAL);
            match inputs.observations.recv_timeout(wait) {
                RecvOutcome::Item(observation) => self.take_observation(&observation),
                RecvOutcome::Empty => {}
                // The pipeline has ended. The page still shows what was.
                RecvOutcome::Closed => std::thread::sleep(wait),
            }
            while let Some(event) = inputs.events.try_recv() {
                self.take_event(&event);
            }
            let now = Instant::now();
            if now >= next_figures {
                let passed = now - next_figures + FIGURES_INTERVAL;
                next_figures = now + FIGURES_INTERVAL;
                self.take_figures(passed);
            }
        }
    }

    /// Tells viewers that a person changed.
    pub(crate) fn tell_person(&self, person: Option<PersonId>, kind: &str, camera: Option<CameraId>) {
        self.tell(
            EventKind::Person,
            camera,
            || json!({ "person": person, "kind": kind, "camera": camera, "at": rfc3339(SystemTime::now()) }),
        );
    }

    /// Tells viewers that a camera was added or changed.
    pub(crate) fn tell_camera(&self, row: &LiveCameraRow) {
        self.tell(EventKind::Camera, Some(row.camera), || row);
    }

    /// Tells viewers that a camera was removed.
    pub(crate) fn tell_removed(&self, camera: CameraId) {
        self.state.lock().tally.end(camera);
        self.tell(EventKind::Camera, Some(camera), || json!({ "camera": camera, "removed": true }));
    }

    /// Returns the rows of all cameras.
    pub(crate) fn rows(&self, with_geometry: bool) -> Vec<LiveCameraRow> {
        let snapshot = self.sources.outputs.metrics().snapshot();
        let listed = self.sources.cameras.cameras();
        listed.iter().map(|camera| self.row(&snapshot, camera, with_geometry)).collect()
    }

    fn row(&self, snapshot: &MetricsSnapshot, listed: &ListedCamera, with_geometry: bool) -> LiveCameraRow {
        let id = listed.camera;
        let known = snapshot.cameras.iter().find(|camera| camera.camera == id);
        let status = self.state.lock().cameras.get(&id).cloned().unwrap_or_default();
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        let age = known.map(|camera| camera.age).filter(|age| age.count > 0);
        let queue = snapshot.queues.iter().find(|(name, _)| *name == format!("detect {id}"));
        LiveCameraRow {
            camera: id,
            name: listed.name.clone(),
            uri: listed.uri.clone(),
            state: state(known, &status, listed.paused),
            error: status.error.clone(),
            width: status.size.map(|size| size.0),
            height: status.size.map(|size| size.1),
            video: match self.sources.outputs.coded_streams().codec(id) {
                Some(Codec::H264) => "h264",
                Some(Codec::Jpeg) => "jpeg",
                _ => "none",
            },
            frame_rate: status.frame_rate,
            age_ms: age.map(|age| AgeRow {
                p50: millis(age.p50),
                p95: millis(age.p95),
                p99: millis(age.p99),
            }),
            cadence: known.map(|camera| camera.cadence),
            ledger: LedgerRow::new(&known.map(|camera| camera.ledger.clone()).unwrap_or_default()),
            queue_depth: queue.map_or(0, |(_, stats)| stats.depth),
            geometry: with_geometry.then(|| geometry(&self.sources.zones, id, status.size)),
        }
    }

    fn take_observation(&self, observation: &Arc<Observation>) {
        let camera = observation.meta.camera;
        let appeared = {
            let mut state = self.state.lock();
            state.cameras.entry(camera).or_default().size = Some((observation.width, observation.height));
            state.tally.add(observation)
        };
        self.tell(EventKind::Observation, Some(camera), || ObservationRecord::new(observation));
        for one in appeared {
            let kind = if one.is_first { "new" } else { "seen" };
            self.tell_person(Some(one.person), kind, Some(camera));
        }
        for event in &observation.zone_events {
            self.tell(EventKind::Zone, Some(camera), || zone_event(observation, event));
        }
    }

    fn take_event(&self, event: &PipelineEvent) {
        let Some(kind) = self.note(event) else { return };
        let camera = event.camera();
        self.tell(EventKind::Pipeline, camera, || {
            json!({ "kind": kind, "camera": camera, "text": event.to_string(), "at": rfc3339(SystemTime::now()) })
        });
        let is_of_camera =
            matches!(kind, "camera_connected" | "camera_lost" | "camera_recovered" | "camera_ended");
        if is_of_camera && self.is_wanted(EventKind::Camera, camera) {
            let rows = self.rows(true);
            rows.iter().filter(|row| Some(row.camera) == camera).for_each(|row| self.tell_camera(row));
        }
    }

    /// Keeps what an event says of its camera. Returns its name, or `None` if it is not for viewers.
    fn note(&self, event: &PipelineEvent) -> Option<&'static str> {
        let mut state = self.state.lock();
        let mut status = |camera: &CameraId, is_live: bool, error: Option<&String>| {
            let status = state.cameras.entry(*camera).or_default();
            (status.is_live, status.error) = (is_live, error.cloned());
        };
        Some(match event {
            PipelineEvent::CameraConnected { camera, .. } => {
                status(camera, true, None);
                "camera_connected"
            }
            PipelineEvent::CameraRecovered { camera, .. } => {
                status(camera, true, None);
                "camera_recovered"
            }
            PipelineEvent::CameraLost { camera, error, .. } => {
                status(camera, false, Some(error));
                "camera_lost"
            }
            PipelineEvent::CameraEnded { camera, error } => {
                status(camera, false, error.as_ref());
                state.tally.end(*camera);
                "camera_ended"
            }
            PipelineEvent::StageFailed { .. } => "stage_failed",
            PipelineEvent::CallStuck { .. } => "call_stuck",
            PipelineEvent::RowsLost { .. } => "rows_lost",
            // There may be one a second.
            _ => return None,
        })
    }

    fn take_figures(&self, passed: Duration) {
        let snapshot = self.sources.outputs.metrics().snapshot();
        {
            let mut state = self.state.lock();
            for camera in &snapshot.cameras {
                let status = state.cameras.entry(camera.camera).or_default();
                let new = camera.ledger.captured - status.captured;
                status.captured = camera.ledger.captured;
                status.frame_rate = new as f64 / passed.as_secs_f64();
            }
        }
        if !self.is_wanted(EventKind::Figures, None) {
            return;
        }
        let figures = self.figures(&snapshot);
        self.tell(EventKind::Figures, None, || &figures);
    }

    fn figures(&self, snapshot: &MetricsSnapshot) -> FiguresRow {
        let listed = self.sources.cameras.cameras();
        let cameras: Vec<LiveCameraRow> =
            listed.iter().map(|camera| self.row(snapshot, camera, false)).collect();
        let places = self.sources.zones.figures();
        let zones = places.iter().flat_map(|place| {
            place.zones.iter().map(|zone| ZoneCountRow {
                camera: place.camera,
                name: zone.name.clone(),
                inside: zone.inside,
                entered: zone.entered,
                left: zone.left,
            })
        });
        let lines = places.iter().flat_map(|place| {
            place.lines.iter().map(|line| LineCountRow {
                camera: place.camera,
                name: line.name.clone(),
                forward: line.left_to_right,
                backward: line.right_to_left,
            })
        });
        let state = self.state.lock();
        let (ages, genders) = state.tally.attributes();
        FiguresRow {
            uptime_s: self.started.elapsed().unwrap_or_default().as_secs_f64(),
            frames_per_s: cameras.iter().map(|camera| camera.frame_rate).sum(),
            persons_now: state.tally.now(),
            persons_today: state.tally.today(),
            zones: zones.collect(),
            lines: lines.collect(),
            cameras,
            ages,
            genders,
            viewers: self.places.taken(),
        }
    }

    fn is_wanted(&self, kind: EventKind, camera: Option<CameraId>) -> bool {
        self.viewers.lock().iter().any(|viewer| viewer.choice.has(kind, camera))
    }

    /// Sends an event to those who want it. It is written once for all of them, and not at all for none.
    fn tell<T: Serialize>(&self, kind: EventKind, camera: Option<CameraId>, event: impl FnOnce() -> T) {
        let viewers = self.viewers.lock();
        let mut wanting = viewers.iter().filter(|viewer| viewer.choice.has(kind, camera)).peekable();
        if wanting.peek().is_none() {
            return;
        }
        let Ok(data) = serde_json::to_string(&event()) else { return };
        let text = Bytes::from(format!("event: {}\ndata: {data}\n\n", kind.name()));
        wanting.for_each(|viewer| viewer.push(&text));
    }
}

fn state(known: Option<&CameraSnapshot>, status: &CameraStatus, paused: bool) -> CameraStateName {
    match known {
        _ if paused => CameraStateName::Paused,
        Some(camera) if camera.ended => CameraStateName::Ended,
        _ if status.error.is_some() => CameraStateName::Lost,
        _ if status.is_live || status.size.is_some() => CameraStateName::Live,
        _ => CameraStateName::Connecting,
    }
}

/// Returns the zones in pixels. Before the first picture there is no size, and no shape.
fn geometry(zones: &ZoneBoard, camera: CameraId, size: Option<(u32, u32)>) -> GeometryRow {
    let (Some(plan), Some((width, height))) = (zones.plan(camera), size) else {
        return GeometryRow::default();
    };
    let pixels = |[x, y]: [f32; 2]| [x * width as f32, y * height as f32];
    GeometryRow {
        zones: plan
            .zones
            .into_iter()
            .map(|zone| ZoneShape {
                name: zone.name,
                polygon: zone.polygon.into_iter().map(pixels).collect(),
            })
            .collect(),
        lines: plan
            .lines
            .into_iter()
            .map(|line| LineShape { name: line.name, from: pixels(line.from), to: pixels(line.to) })
            .collect(),
    }
}

#[derive(Serialize)]
struct ZoneEventRow<'a> {
    camera: CameraId,
    track: TrackId,
    person: Option<PersonId>,
    at: Option<String>,
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dwell_s: Option<f64>,
}

fn zone_event<'a>(observation: &Observation, event: &'a ZoneEvent) -> ZoneEventRow<'a> {
    let face = observation.faces.iter().find(|face| face.track == event.track);
    let (kind, name, dwell_s) = match &event.change {
        ZoneChange::Entered { zone } => ("entered", zone, None),
        ZoneChange::Left { zone, dwell } => ("left", zone, Some(dwell.as_secs_f64())),
        ZoneChange::Crossed { line, from } => match from {
            passerby_types::LineSide::Left => ("forward", line, None),
            passerby_types::LineSide::Right => ("backward", line, None),
        },
    };
    ZoneEventRow {
        camera: observation.meta.camera,
        track: event.track,
        person: face.and_then(|face| face.identity.person()),
        at: rfc3339(observation.meta.wall),
        kind,
        name,
        dwell_s,
    }
}

/// Returns a time of day as RFC 3339 writes it in UTC.
pub(crate) fn rfc3339(at: SystemTime) -> Option<String> {
    Timestamp::try_from(at).ok().map(|at| at.to_string())
}
