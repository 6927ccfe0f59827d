//! How long persons stayed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::question::TimeRange;
use super::visits::Visit;

/// How long the visits of one camera took.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DwellRow {
    /// The camera, or `None` for all selected cameras together.
    pub camera: Option<String>,
    /// The visits of persons that began in the range. Passages without a person do not count: one person may be several of them.
    pub visits: u64,
    /// The shortest time that at least half of the visits do not exceed.
    #[cfg_attr(feature = "serde", serde(rename = "median_s", serialize_with = "seconds"))]
    pub median: Duration,
    /// The shortest time that at least nine of ten visits do not exceed.
    #[cfg_attr(feature = "serde", serde(rename = "p90_s", serialize_with = "seconds"))]
    pub p90: Duration,
    /// The longest time.
    #[cfg_attr(feature = "serde", serde(rename = "longest_s", serialize_with = "seconds"))]
    pub longest: Duration,
}

#[cfg(feature = "serde")]
fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Returns the time by the nearest rank, that is the shortest one that this many tenths of the times do not exceed. `times` are
/// microseconds, rising. Returns `None` for an empty list.
pub(super) fn nearest_rank(times: &[u64], tenths: usize) -> Option<Duration> {
    let rank = (times.len() * tenths).div_ceil(10);
    rank.checked_sub(1).map(|place| Duration::from_micros(times[place]))
}

/// Returns the rows for these visits, by camera. `name` returns a camera's name.
pub(super) fn rows(visits: &[Visit], range: TimeRange, name: impl Fn(u32) -> String) -> Vec<DwellRow> {
    let mut times: BTreeMap<Option<u32>, Vec<u64>> = BTreeMap::new();
    for visit in visits.iter().filter(|v| v.person.is_some() && range.contains(v.first)) {
        times.entry(visit.camera).or_default().push(visit.last.abs_diff(visit.first));
    }
    let rows = times.into_iter().map(|(camera, mut times)| {
        times.sort_unstable();
        let rank = |tenths| nearest_rank(&times, tenths).unwrap_or_default();
        DwellRow {
            camera: camera.map(&name),
            visits: times.len() as u64,
            median: rank(5),
            p90: rank(9),
            longest: rank(10),
        }
    });
    rows.collect()
}
