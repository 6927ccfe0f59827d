//! Joins passages into visits.

use super::passage::Passage;

/// The time that one person, or one passage without a person, spent before one camera, or before all of them for `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) camera: Option<u32>,
    pub(super) person: Option<u32>,
    pub(super) first: i64,
    pub(super) last: i64,
}

/// Returns the visits to all cameras together. Those of one person follow each other in the order of time.
pub(super) fn overall(passages: &[Passage], gap: i64) -> Vec<Visit> {
    joined(passages.iter().map(|p| visit(p, None)).collect(), gap)
}

/// Returns the visits to each camera. Those of one person to one camera follow each other in the order of time.
pub(super) fn by_camera(passages: &[Passage], gap: i64) -> Vec<Visit> {
    joined(passages.iter().map(|p| visit(p, Some(p.camera))).collect(), gap)
}

fn visit(passage: &Passage, camera: Option<u32>) -> Visit {
    Visit { camera, person: passage.person, first: passage.first, last: passage.last }
}

fn joined(mut visits: Vec<Visit>, gap: i64) -> Vec<Visit> {
    visits.sort_unstable_by_key(|v| (v.camera, v.person, v.first, v.last));
    visits.dedup_by(|next, visit| {
        let is_same = next.camera == visit.camera && next.person == visit.person && next.person.is_some();
        let joins = is_same && next.first.saturating_sub(visit.last) <= gap;
        if joins {
            visit.last = visit.last.max(next.last);
        }
        joins
    });
    visits
}
