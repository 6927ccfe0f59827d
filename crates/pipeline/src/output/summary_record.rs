//! The JSON shape of the results of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use passerby_types::{CameraId, FrameMeta, Ledger, PersonId, TrackKey};
use serde::Serialize;

use crate::figures::{CameraReport, CameraSnapshot, Quantiles, TrackEnd};
use crate::output::summary::{PersonSummary, Summary};
use crate::output::writer::WriteCounts;

/// Serializes the results of a run: its persons, its inputs and the fates of all frames. Needs the feature `serde`.
///
/// ```json
/// {"frames":240,"faces":480,"tracks":3,"persons":1,
///  "people":[{"person":1,"first_seen_in":"door.mp4","first_seen_s":0.0,"last_seen_in":"door.mp4","last_seen_s":9.9,
///    "frames":113,"tracks":[{"camera":0,"track":1}],"age":41.0,"age_interval":[34.0,48.0],"p_male":0.9}],
///  "inputs":[{"input":"door.mp4","camera":0,"frames":240,"faces":480,"tracks":3,"ledger":{},"interruptions":0,
///    "failures":{},"writes":{"offered":0,"written":0,"lost":0},"error":null}],
///  "ledger":{"captured":240,"analysed":240,"coasted":0,"dropped":{},"in_flight":0},"stages_ms":{"detect":1200.0}}
/// ```
///
/// Times with `_s` are seconds in the stream of their input, and `null` if it has no times. `age`, `age_interval` and
/// `p_male` are `null` while they are unknown. `people` is sorted by number, and `inputs` by the order of the reports.
///
/// ```
/// use passerby_pipeline::{CameraReport, Summary, SummaryRecord};
/// use passerby_testkit::suite::observation;
///
/// let mut summary = Summary::default();
/// summary.add(&observation(0, 0));
/// let reports = [CameraReport { name: "door.mp4".into(), ..CameraReport::default() }];
/// let record = serde_json::to_value(SummaryRecord::new(&summary, &reports))?;
/// assert_eq!(record["people"][0]["first_seen_in"], "door.mp4");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Serialize)]
pub struct SummaryRecord<'a> {
    frames: u64,
    faces: u64,
    tracks: usize,
    persons: usize,
    people: Vec<PersonRecord<'a>>,
    inputs: Vec<CameraRecord<'a>>,
    ledger: Ledger,
    stages_ms: BTreeMap<&'a str, f64>,
}

/// One person.
#[derive(Debug, Serialize)]
struct PersonRecord<'a> {
    person: PersonId,
    /// Times are relative to the input that saw the person.
    first_seen_in: Option<&'a str>,
    first_seen_s: Option<f64>,
    last_seen_in: Option<&'a str>,
    last_seen_s: Option<f64>,
    frames: u64,
    tracks: Vec<TrackKey>,
    age: Option<f32>,
    age_interval: Option<[f32; 2]>,
    p_male: Option<f32>,
}

/// One input.
#[derive(Debug, Serialize)]
struct CameraRecord<'a> {
    input: &'a str,
    camera: CameraId,
    frames: u64,
    faces: u64,
    faces_left_out: u64,
    faces_outside_region: u64,
    scene_changes: u64,
    track_ends: &'a BTreeMap<TrackEnd, u64>,
    tracks: usize,
    ledger: &'a Ledger,
    interruptions: u64,
    failures: &'a BTreeMap<&'static str, u64>,
    writes: WriteCounts,
    error: Option<String>,
    #[serde(flatten)]
    live: Option<LiveRecord>,
}

/// The figures that only live inputs have.
#[derive(Debug, Serialize)]
struct LiveRecord {
    age_ms: AgeRecord,
    cadence: u64,
    yielded: u64,
    reduced: u64,
}

#[derive(Debug, Serialize)]
struct AgeRecord {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl<'a> SummaryRecord<'a> {
    /// Creates the record of a run with these inputs. The time of a stage is that of all inputs together.
    #[must_use]
    pub fn new(summary: &Summary, reports: &'a [CameraReport]) -> Self {
        let mut ledger = Ledger::default();
        let mut stages: BTreeMap<&str, Duration> = BTreeMap::new();
        for report in reports {
            ledger.add(&report.ledger);
            for (stage, time) in &report.stages {
                *stages.entry(stage).or_default() += time.busy;
            }
        }
        let persons = summary.persons();
        Self {
            frames: ledger.captured,
            faces: reports.iter().map(|report| report.faces).sum(),
            tracks: summary.tracks().count(),
            persons: persons.len(),
            people: persons.into_iter().map(|person| PersonRecord::new(person, reports)).collect(),
            inputs: reports.iter().map(|report| CameraRecord::new(report, summary)).collect(),
            ledger,
            stages_ms: stages.into_iter().map(|(stage, busy)| (stage, rounded_millis(busy))).collect(),
        }
    }

    /// Adds the figures of live inputs: `age_ms`, the age of the results (`p50`, `p95`, `p99`); `cadence`, the last interval
    /// between two detections in frames; `yielded`, the number of frames that should have been detected on but found no free
    /// worker; and `reduced`, the number of frames that were analysed with less detail.
    #[must_use]
    pub fn with_live_figures(mut self, cameras: &[CameraSnapshot]) -> Self {
        for input in &mut self.inputs {
            let figures = cameras.iter().find(|figures| figures.camera == input.camera);
            input.live = figures.map(LiveRecord::new);
        }
        self
    }
}

impl<'a> PersonRecord<'a> {
    fn new(person: PersonSummary, reports: &'a [CameraReport]) -> Self {
        let seen_in = |meta: &FrameMeta| {
            let report = reports.iter().find(|report| report.camera == meta.camera);
            report.map(|report| report.name.as_str())
        };
        let seconds = |meta: &FrameMeta| meta.pts.map(|pts| pts.as_secs_f64());
        let attributes = person.attributes;
        Self {
            person: person.id,
            first_seen_in: seen_in(&person.first),
            first_seen_s: seconds(&person.first),
            last_seen_in: seen_in(&person.last),
            last_seen_s: seconds(&person.last),
            frames: person.frames,
            tracks: person.tracks,
            age: attributes.map(|a| a.age.years),
            age_interval: attributes.map(|a| [a.age.low, a.age.high]),
            p_male: attributes.map(|a| a.p_male),
        }
    }
}

impl<'a> CameraRecord<'a> {
    fn new(report: &'a CameraReport, summary: &Summary) -> Self {
        Self {
            input: &report.name,
            camera: report.camera,
            frames: report.ledger.captured,
            faces: report.faces,
            faces_left_out: report.faces_left_out,
            faces_outside_region: report.faces_outside_region,
            scene_changes: report.scene_changes,
            track_ends: &report.track_ends,
            tracks: summary.tracks().filter(|track| track.track.camera == report.camera).count(),
            ledger: &report.ledger,
            interruptions: report.interruptions,
            failures: &report.failures,
            writes: report.writes,
            error: report.error.as_ref().map(ToString::to_string),
            live: None,
        }
    }
}

impl LiveRecord {
    fn new(figures: &CameraSnapshot) -> Self {
        let Quantiles { p50, p95, p99, .. } = figures.age;
        Self {
            age_ms: AgeRecord { p50: millis(p50), p95: millis(p95), p99: millis(p99) },
            cadence: figures.cadence,
            yielded: figures.yielded,
            reduced: figures.reduced,
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the time in milliseconds, rounded to microseconds.
fn rounded_millis(time: Duration) -> f64 {
    (millis(time) * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use passerby_testkit::suite::observation;
    use serde_json::json;

    use super::*;
    use crate::figures::StageTime;

    fn summary() -> Summary {
        let mut summary = Summary::default();
        (0..3).for_each(|seq| summary.add(&observation(0, seq)));
        summary
    }

    fn report(camera: u32, name: &str) -> CameraReport {
        let mut report =
            CameraReport { camera: CameraId(camera), name: name.into(), faces: 6, ..CameraReport::default() };
        report.ledger.capture();
        report.ledger.analyse();
        let busy = Duration::from_micros(1500);
        report.stages = vec![("detect", StageTime { calls: 1, items: 1, busy })];
        report
    }

    #[test]
    fn frames_faces_and_times_of_all_inputs_add_up() {
        let reports = [report(0, "a.mp4"), report(1, "b.mp4")];
        let record = serde_json::to_value(SummaryRecord::new(&summary(), &reports)).unwrap();
        assert_eq!((&record["frames"], &record["faces"]), (&json!(2), &json!(12)));
        assert_eq!(record["stages_ms"], json!({"detect": 3.0}));
        assert_eq!(record["ledger"]["captured"], 2);
    }

    #[test]
    fn a_person_names_the_input_that_saw_it() {
        let reports = [report(0, "a.mp4"), report(1, "b.mp4")];
        let record = serde_json::to_value(SummaryRecord::new(&summary(), &reports)).unwrap();
        let person = &record["people"][0];
        assert_eq!((&person["first_seen_in"], &person["last_seen_in"]), (&json!("a.mp4"), &json!("a.mp4")));
        assert_eq!(person["tracks"], json!([{"camera": 0, "track": 1}]));
        assert_eq!(record["inputs"][1]["tracks"], 0);
    }

    #[test]
    fn only_live_inputs_have_an_age() {
        let reports = [report(0, "a.mp4"), report(1, "b.mp4")];
        let mut figures = CameraSnapshot { camera: CameraId(1), cadence: 3, ..CameraSnapshot::default() };
        figures.age.p95 = Duration::from_millis(40);
        let record = SummaryRecord::new(&summary(), &reports).with_live_figures(&[figures]);
        let record = serde_json::to_value(record).unwrap();
        assert!(record["inputs"][0].get("age_ms").is_none() && record["inputs"][0].get("cadence").is_none());
        assert_eq!(record["inputs"][1]["age_ms"], json!({"p50": 0.0, "p95": 40.0, "p99": 0.0}));
        assert_eq!(record["inputs"][1]["cadence"], 3);
    }

    #[test]
    fn the_error_of_an_input_is_its_text() {
        let mut failed = report(0, "a.mp4");
        failed.error = Some(passerby_types::SourceError::Empty { input: "a.mp4".into() }.into());
        let reports = [failed, report(1, "b.mp4")];
        let record = serde_json::to_value(SummaryRecord::new(&Summary::default(), &reports)).unwrap();
        assert_eq!(record["inputs"][0]["error"], "a.mp4: empty file");
        assert_eq!((&record["inputs"][1]["error"], &record["people"]), (&json!(null), &json!([])));
    }
}
