//! The figures of a report, whatever its format.

use jiff::Zoned;
use passerby_store::query::{
    AgeHistogram, Answers, DwellRow, GenderCounts, LastSeenRow, LineRow, OccupancyRow, PathStep, Period,
    PersonKey, Question, TrafficRow, Transition, ZoneRow,
};
use serde::{Serialize, Serializer};

/// The longest time that is reported by hours if the caller does not choose, in seconds.
const HOURS_UP_TO_S: i64 = 8 * 86_400;

/// The figures of a report, in the order in which JSON has them.
#[derive(Debug, Serialize)]
pub struct ReportRecord {
    /// The name of the time zone.
    pub time_zone: String,
    /// The first and the last moment with a visit, or `None` without one.
    #[serde(serialize_with = "rfc3339")]
    pub first: Option<Zoned>,
    /// See `first`.
    #[serde(serialize_with = "rfc3339")]
    pub last: Option<Zoned>,
    /// The length of a time step.
    pub by: Period,
    /// [`Question::visit_gap`] in seconds.
    pub visit_gap_s: f64,
    /// [`Answers::cameras`].
    pub cameras: Vec<String>,
    /// [`Answers::totals`].
    pub totals: Vec<TrafficRow>,
    /// [`Answers::dwell`].
    pub dwell: Vec<DwellRow>,
    /// [`Answers::traffic`].
    pub traffic: Vec<TrafficRow>,
    /// [`Answers::occupancy`].
    pub occupancy: Vec<OccupancyRow>,
    /// The counts at zones and lines.
    pub places: PlaceRecord,
    /// [`Answers::ages`].
    pub ages: AgeHistogram,
    /// [`Answers::genders`].
    pub genders: GenderCounts,
    /// [`Answers::transitions`].
    pub transitions: Vec<Transition>,
    /// [`Answers::last_seen`].
    pub last_seen: Vec<LastSeenRow>,
    /// The way of each person of the question.
    pub paths: Vec<PersonPath>,
    /// The tracks that count nowhere because of their times.
    pub left_out: u64,
}

/// The counts at zones and lines: over the whole time, and by its steps.
#[derive(Debug, Serialize)]
pub struct PlaceRecord {
    /// [`Answers::zone_totals`].
    pub zone_totals: Vec<ZoneRow>,
    /// [`Answers::line_totals`].
    pub line_totals: Vec<LineRow>,
    /// [`Answers::zones`].
    pub zones: Vec<ZoneRow>,
    /// [`Answers::lines`].
    pub lines: Vec<LineRow>,
}

/// The way of one person over the cameras.
#[derive(Debug, Serialize)]
pub struct PersonPath {
    /// The person.
    pub person: PersonKey,
    /// The cameras in their order.
    pub steps: Vec<PathStep>,
}

fn rfc3339<S: Serializer>(at: &Option<Zoned>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = at.as_ref().map(|at| at.timestamp().display_with_offset(at.offset()).to_string());
    text.serialize(serializer)
}

impl ReportRecord {
    /// Returns the figures of the answers. Without `by` the time step follows from the length of the time.
    pub fn new(answers: &Answers, question: &Question, by: Option<Period>, last_seen: usize) -> Self {
        let (first, last) = answers.extent().unzip();
        let by = by.unwrap_or_else(|| usual_period(first.as_ref(), last.as_ref()));
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
    pub fn occupancy_of(&self, row: &TrafficRow) -> (f64, u64) {
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
