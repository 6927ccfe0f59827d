//! Where persons went, and where they were seen last.

use std::collections::BTreeMap;

use jiff::Zoned;

use super::persons::PersonKey;
use super::question::TimeRange;
use super::visits::Visit;

/// One stop of a person's way: a visit to one camera.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The camera.
    pub camera: String,
    /// The first moment of the visit.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub from: Zoned,
    /// The last moment of the visit.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub to: Zoned,
}

/// How often persons went from one camera to another: the second was the next that saw them, in the same visit or a later one.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The camera that persons left.
    pub from: String,
    /// The camera that saw them next.
    pub to: String,
    /// How often it happened.
    pub times: u64,
}

/// When and where a person was seen last.
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSeenRow {
    /// The person.
    pub person: PersonKey,
    /// The person's name, or `None` if the person has none.
    pub name: Option<String>,
    /// The last moment in the range.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub last_seen: Zoned,
    /// The camera that saw the person last.
    pub camera: String,
    /// The first moment in the range.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::calendar::rfc3339"))]
    pub first_seen: Zoned,
    /// The number of visits in the range, also one that began before it.
    pub visits: u64,
}

/// Returns each person's visits by camera in the order of time. `visits` are those to each camera.
pub(super) fn ways(visits: &[Visit], range: TimeRange) -> Vec<(u32, Visit)> {
    let mut ways: Vec<(u32, Visit)> =
        visits.iter().filter(|v| v.last >= range.from).filter_map(|v| Some((v.person?, *v))).collect();
    ways.sort_unstable_by_key(|(person, visit)| (*person, visit.first, visit.last, visit.camera));
    ways
}

/// Returns how often each camera followed each other camera on a person's way.
pub(super) fn transitions(ways: &[(u32, Visit)]) -> BTreeMap<(u32, u32), u64> {
    let mut times = BTreeMap::new();
    for pair in ways.windows(2) {
        let [(person, left), (next_person, entered)] = pair else { continue };
        if let (true, Some(from), Some(to)) = (person == next_person, left.camera, entered.camera)
            && from != to
        {
            *times.entry((from, to)).or_default() += 1;
        }
    }
    times
}
