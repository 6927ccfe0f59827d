//! How many were present at the same time.

use std::collections::BTreeMap;

use jiff::Zoned;

use super::calendar::Span;
use super::question::TimeRange;
use super::visits::Visit;

/// How many visits went on at the same time in one period.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq)]
pub struct OccupancyRow {
    /// The first moment of the period.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub start: Zoned,
    /// The moment after the period.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub end: Zoned,
    /// The camera, or `None` for all selected cameras together.
    pub camera: Option<String>,
    /// The mean over the whole period.
    pub mean: f64,
    /// The largest number at one moment.
    pub peak: u64,
}

/// The presence in one period.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Presence {
    /// The sum of the times of all visits, in microseconds.
    pub(super) total: i64,
    pub(super) peak: u64,
}

/// Returns the presence in each period and camera, or before all cameras for `None`.
pub(super) fn presence(
    visits: &[Visit],
    range: TimeRange,
    mut span: impl FnMut(i64) -> Span,
) -> BTreeMap<(Span, Option<u32>), Presence> {
    // An arrival comes before a departure at the same moment, so that a visit of one frame is seen.
    let mut changes: Vec<(Option<u32>, i64, bool)> = Vec::with_capacity(2 * visits.len());
    for visit in visits.iter().filter(|v| v.last >= range.from) {
        changes.push((visit.camera, visit.first.max(range.from), false));
        changes.push((visit.camera, visit.last, true));
    }
    changes.sort_unstable();
    let mut found: BTreeMap<(Span, Option<u32>), Presence> = BTreeMap::new();
    let mut present = 0;
    let mut since = 0;
    for (camera, at, leaves) in changes {
        // The number from the change before until this one.
        let mut from = since;
        while present > 0 && from < at {
            let period = span(from);
            let until = period.end.min(at);
            let presence = found.entry((period, camera)).or_default();
            presence.total = presence.total.saturating_add((until - from).saturating_mul(present as i64));
            presence.peak = presence.peak.max(present);
            from = until;
        }
        since = at;
        if leaves {
            present -= 1;
        } else {
            present += 1;
            let presence = found.entry((span(at), camera)).or_default();
            presence.peak = presence.peak.max(present);
        }
    }
    found
}
