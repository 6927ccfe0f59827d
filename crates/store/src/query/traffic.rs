//! Counts visits and persons in each period.

use std::collections::{BTreeMap, HashMap};

use jiff::Zoned;

use super::calendar::Span;
use super::earlier::Earlier;
use super::passage::Passage;
use super::question::TimeRange;
use super::visits::Visit;

/// The visits and persons of one period.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficRow {
    /// The first moment of the period.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub start: Zoned,
    /// The moment after the period.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub end: Zoned,
    /// The camera, or `None` for all selected cameras together.
    pub camera: Option<String>,
    /// The visits that began in the period: `new + returning + unidentified`.
    pub visits: u64,
    /// The different persons who were seen in the period, also those whose visit began before it.
    pub persons: u64,
    /// The visits of persons whom these cameras never saw before.
    pub new: u64,
    /// The visits of persons whom these cameras saw before.
    pub returning: u64,
    /// The passages without a person. One person may be several of them.
    pub unidentified: u64,
}

/// The counts of one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) persons: u64,
    pub(super) new: u64,
    pub(super) returning: u64,
    pub(super) unidentified: u64,
}

/// The counts of each period and camera, or of all cameras for `None`.
pub(super) type CountsByPeriod = BTreeMap<(Span, Option<u32>), Counts>;

/// Adds the visits that began in the range. The visits of one person must follow each other in the order of time.
pub(super) fn count_visits(
    visits: &[Visit],
    range: TimeRange,
    earlier: &Earlier,
    mut span: impl FnMut(i64) -> Span,
    counts: &mut CountsByPeriod,
) {
    let mut before: Option<&Visit> = None;
    for visit in visits {
        let is_first = before.is_none_or(|b| (b.camera, b.person) != (visit.camera, visit.person));
        before = Some(visit);
        if !range.contains(visit.first) {
            continue;
        }
        let counts = counts.entry((span(visit.first), visit.camera)).or_default();
        match visit.person {
            None => counts.unidentified += 1,
            Some(person) if is_first && !earlier.contains(visit.camera, person) => counts.new += 1,
            Some(_) => counts.returning += 1,
        }
    }
}

/// Adds the different persons who were seen in each period of the range.
pub(super) fn count_persons(
    passages: &[Passage],
    range: TimeRange,
    mut span: impl FnMut(i64) -> Span,
    counts: &mut CountsByPeriod,
) {
    let mut seen: Vec<&Passage> = passages.iter().filter(|p| p.last >= range.from).collect();
    // In the order of time, the periods and their counts are found without long searches.
    seen.sort_unstable_by_key(|p| p.first);
    // The start of the last period in which each person of a camera is counted. The passages come in the order of their
    // beginnings, so every period before it that has the person is counted, too.
    let mut counted: HashMap<(Option<u32>, u32), Option<i64>> = HashMap::new();
    for passage in seen {
        let Some(person) = passage.person else { continue };
        for camera in [None, Some(passage.camera)] {
            let latest = counted.entry((camera, person)).or_default();
            let mut at = passage.first.max(range.from);
            loop {
                let period = span(at);
                if latest.is_none_or(|start| start < period.start) {
                    counts.entry((period, camera)).or_default().persons += 1;
                    *latest = Some(period.start);
                }
                if period.end > passage.last {
                    break;
                }
                at = period.end;
            }
        }
    }
}
