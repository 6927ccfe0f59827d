//! The counts of a camera's zones and lines up to a frame.

use std::collections::BTreeMap;
use std::sync::Arc;

use passerby::annotate::{PlaceMark, PlaceOutline};
use passerby::types::{LineSide, ZoneChange, ZoneEvent};
use passerby::zones::ZonePlan;

/// Adds up the events of a camera's frames, so that each frame shows the counts of its own time.
pub(super) struct PlaceCounts {
    plan: ZonePlan,
    /// How many are in each zone.
    inside: BTreeMap<Arc<str>, u64>,
    /// How many crossed each line to the right, and to the left.
    crossed: BTreeMap<Arc<str>, (u64, u64)>,
}

impl PlaceCounts {
    pub(super) fn new(plan: ZonePlan) -> Self {
        Self { plan, inside: BTreeMap::new(), crossed: BTreeMap::new() }
    }

    /// Adds the events of one frame.
    pub(super) fn add(&mut self, events: &[ZoneEvent]) {
        for event in events {
            match &event.change {
                ZoneChange::Entered { zone } => *self.inside.entry(Arc::clone(zone)).or_default() += 1,
                ZoneChange::Left { zone, .. } => {
                    let inside = self.inside.entry(Arc::clone(zone)).or_default();
                    *inside = inside.saturating_sub(1);
                }
                ZoneChange::Crossed { line, from } => {
                    let (right, left) = self.crossed.entry(Arc::clone(line)).or_default();
                    match from {
                        LineSide::Left => *right += 1,
                        LineSide::Right => *left += 1,
                    }
                }
            }
        }
    }

    /// Returns the zones and lines with their names and counts.
    pub(super) fn marks(&self) -> Vec<PlaceMark> {
        let zones = self.plan.zones.iter().map(|zone| {
            let inside = self.inside.get(zone.name.as_str()).copied().unwrap_or(0);
            let text = format!("{}: {inside} inside", zone.name);
            PlaceMark { outline: PlaceOutline::Zone(zone.polygon.clone()), text }
        });
        let lines = self.plan.lines.iter().map(|line| {
            let (right, left) = self.crossed.get(line.name.as_str()).copied().unwrap_or((0, 0));
            let text = format!("{}: {right} to the right, {left} to the left", line.name);
            PlaceMark { outline: PlaceOutline::Line(line.from, line.to), text }
        });
        zones.chain(lines).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use passerby::types::TrackId;
    use passerby::zones::{AreaPlan, LinePlan};

    use super::*;

    #[test]
    fn each_frame_shows_the_counts_up_to_it() {
        let counter = AreaPlan { name: "counter".into(), polygon: vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]] };
        let gate = LinePlan { name: "gate".into(), from: [0.5, 0.0], to: [0.5, 1.0] };
        let mut counts =
            PlaceCounts::new(ZonePlan { zones: vec![counter], lines: vec![gate], ..ZonePlan::default() });
        let event = |change| ZoneEvent { track: TrackId(1), at: Duration::ZERO, change };
        let texts =
            |counts: &PlaceCounts| counts.marks().into_iter().map(|mark| mark.text).collect::<Vec<_>>();
        assert_eq!(texts(&counts), ["counter: 0 inside", "gate: 0 to the right, 0 to the left"]);
        let crossed = |from| ZoneChange::Crossed { line: "gate".into(), from };
        let entered = || ZoneChange::Entered { zone: "counter".into() };
        counts.add(&[entered(), entered(), crossed(LineSide::Left)].map(event));
        assert_eq!(texts(&counts), ["counter: 2 inside", "gate: 1 to the right, 0 to the left"]);
        let left = ZoneChange::Left { zone: "counter".into(), dwell: Duration::ZERO };
        counts.add(&[left, crossed(LineSide::Right)].map(event));
        assert_eq!(texts(&counts), ["counter: 1 inside", "gate: 1 to the right, 1 to the left"]);
    }
}
