//! The JSON shapes of cameras and figures.

use std::collections::BTreeMap;

use passerby::store::query::{AgeHistogram, GenderCounts};
use passerby_types::{CameraId, DropReason, Ledger};
use serde::Serialize;

/// The state of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CameraStateName {
    Connecting,
    Live,
    Lost,
    Paused,
    Ended,
}

/// The percentiles of the age of results, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct AgeRow {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// The fates of a camera's frames.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LedgerRow {
    captured: u64,
    analysed: u64,
    coasted: u64,
    dropped: BTreeMap<String, u64>,
    in_flight: u64,
}

impl LedgerRow {
    pub(crate) fn new(ledger: &Ledger) -> Self {
        let dropped = |(reason, n): (&DropReason, &u64)| (reason.to_string(), *n);
        Self {
            captured: ledger.captured,
            analysed: ledger.analysed,
            coasted: ledger.coasted,
            dropped: ledger.dropped.iter().map(dropped).collect(),
            in_flight: ledger.in_flight,
        }
    }
}

/// A zone in pixels of the upright picture.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ZoneShape {
    pub(crate) name: String,
    pub(crate) polygon: Vec<[f32; 2]>,
}

/// A line in pixels of the upright picture.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LineShape {
    pub(crate) name: String,
    pub(crate) from: [f32; 2],
    pub(crate) to: [f32; 2],
}

/// The zones and lines of a camera.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct GeometryRow {
    pub(crate) zones: Vec<ZoneShape>,
    pub(crate) lines: Vec<LineShape>,
}

/// A camera.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LiveCameraRow {
    pub(crate) camera: CameraId,
    pub(crate) name: String,
    pub(crate) uri: String,
    pub(crate) state: CameraStateName,
    pub(crate) error: Option<String>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    /// `h264`, `jpeg` or `none`: the pictures that the camera sends.
    pub(crate) video: &'static str,
    pub(crate) frame_rate: f64,
    pub(crate) age_ms: Option<AgeRow>,
    pub(crate) cadence: Option<u64>,
    pub(crate) ledger: LedgerRow,
    pub(crate) queue_depth: usize,
    #[serde(flatten)]
    pub(crate) geometry: Option<GeometryRow>,
}

/// The counts of a zone.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ZoneCountRow {
    pub(crate) camera: CameraId,
    pub(crate) name: String,
    pub(crate) inside: u64,
    pub(crate) entered: u64,
    pub(crate) left: u64,
}

/// The counts of a line.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LineCountRow {
    pub(crate) camera: CameraId,
    pub(crate) name: String,
    pub(crate) forward: u64,
    pub(crate) backward: u64,
}

/// The figures of the whole, once a second.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FiguresRow {
    pub(crate) uptime_s: f64,
    pub(crate) frames_per_s: f64,
    pub(crate) persons_now: usize,
    pub(crate) persons_today: usize,
    pub(crate) cameras: Vec<LiveCameraRow>,
    pub(crate) zones: Vec<ZoneCountRow>,
    pub(crate) lines: Vec<LineCountRow>,
    pub(crate) ages: AgeHistogram,
    pub(crate) genders: GenderCounts,
    pub(crate) viewers: usize,
}
