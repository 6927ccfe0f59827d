//! Everything that a report says, whatever its format.

use jiff::Zoned;
use passerby::store::query::{
    AgeHistogram, Answers, DwellRow, GenderCounts, LastSeenRow, LineRow, OccupancyRow, PathStep, Period,
    PersonKey, Question, TrafficRow, Transition, ZoneRow,
};
use serde::{Serialize, Serializer};

use super::args::Step;

/// The longest time that is reported by hours if the caller does not choose, in seconds.
const HOURS_UP_TO_S: i64 = 8 * 86_400;

/// The figures of a report, in the order in which JSON has them.
#[derive(Debug, Serialize)]
pub(super) struct ReportRecord {
    /// The name of the time zone.
    pub(super) time_zone: String,
    /// The first and the last moment with a visit, or `None` without one.
    #[serde(serialize_with = "rfc3339")]
    pub(super) first: Option<Zoned>,
    #[serde(serialize_with = "rfc3339")]
    pub(super) last: Option<Zoned>,
    pub(super) by: Period,
    pub(super) visit_gap_s: f64,
    pub(super) cameras: Vec<String>,
    pub(super) totals: Vec<TrafficRow>,
    pub(super) dwell: Vec<DwellRow>,
    pub(super) traffic: Vec<TrafficRow>,
    pub(super) occupancy: Vec<OccupancyRow>,
    pub(super) places: PlaceRecord,
    pub(super) ages: AgeHistogram,
    pub(super) genders: GenderCounts,
    pub(super) transitions: Vec<Transition>,
    pub(super) last_seen: Vec<LastSeenRow>,
    pub(super) paths: Vec<PersonPath>,
    /// The tracks that count nowhere because of their times.
    pub(super) left_out: u64,
}

/// The counts at zones and lines: over the whole time, and by its steps.
#[derive(Debug, Serialize)]
pub(super) struct PlaceRecord {
    pub(super) zone_totals: Vec<ZoneRow>,
    pub(super) line_totals: Vec<LineRow>,
    pub(super) zones: Vec<ZoneRow>,
    pub(super) lines: Vec<LineRow>,
}

/// The way of one person over the cameras.
#[derive(Debug, Serialize)]
pub(super) struct PersonPath {
    pub(super) person: PersonKey,
    pub(super) steps: Vec<PathStep>,
}

fn rfc3339<S: Serializer>(at: &Option<Zoned>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = at.as_ref().map(|at| at.timestamp().display_with_offset(at.offset()).to_string());
    text.serialize(serializer)
}

impl ReportRecord {
    /// Returns the figures of the answers. Without a step it follows from the length of the time.
    pub(super) fn new(answers: &Answers, question: &Question, step: Option<Step>, last_seen: usize) -> Self {
        let (first, last) = answers.extent().unzip();
        let by = step.map_or_else(|| usual_period(first.as_ref(), last.as_ref()), Step::period);
        let paths = question.persons.iter().map(|&person| PersonPath { person, steps: answers.path(person) });
        Self {
            time_zone: question.time_zone.iana_name().unwrap_or("local time").to_owned(),
            first,
            last,
            by,
            visit_gap_s: question.visit_gap.as_secs_f64(),
            cameras: answers.cameras().to_vec(),
            totals: answers.totals(),
            dwell: answers.dwell(),
            traffic: answers.traffic(by),
            occupancy: answers.occupancy(by),
            places: PlaceRecord {
                zone_totals: answers.zone_totals(),
                line_totals: answers.line_totals(),
                zones: answers.zones(by),
                lines: answers.lines(by),
            },
            ages: answers.ages(),
            genders: answers.genders(),
            transitions: answers.transitions(),
            last_seen: answers.last_seen(last_seen),
            paths: paths.collect(),
            left_out: answers.left_out(),
        }
    }

    /// Returns the occupancy of the period and camera of a row, or zeros if there was no visit.
    pub(super) fn occupancy_of(&self, row: &TrafficRow) -> (f64, u64) {
        let key = |start: &Zoned, camera: &Option<String>| (start.timestamp(), camera.clone());
        let place =
            self.occupancy.binary_search_by(|o| key(&o.start, &o.camera).cmp(&key(&row.start, &row.camera)));
        place.map_or((0.0, 0), |place| (self.occupancy[place].mean, self.occupancy[place].peak))
    }
}

fn usual_period(first: Option<&Zoned>, last: Option<&Zoned>) -> Period {
    let seconds =
        first.zip(last).map(|(first, last)| last.timestamp().as_second() - first.timestamp().as_second());
    if seconds.is_some_and(|seconds| seconds > HOURS_UP_TO_S) { Period::Day } else { Period::Hour }
}
