//! Lines, and the side of a person.

use passerby_types::{LineSide, Point};

use crate::plan::{LinePlan, ZoneError};
use crate::polygon::{point, scaled, side};

/// Where a person was sure to be last: beyond the margin, or at the first box of the track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineStay {
    side: LineSide,
    place: Point,
}

/// A line of a plan that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    from: Point,
    to: Point,
}

impl Line {
    /// Checks a line.
    ///
    /// # Errors
    /// A coordinate is outside the picture, or the line has no length.
    pub(crate) fn new(place: &str, plan: &LinePlan) -> Result<Self, ZoneError> {
        let line = Self { from: point(place, plan.from)?, to: point(place, plan.to)? };
        if line.from.distance(line.to) < 1e-4 {
            return Err(ZoneError::Shape { place: place.to_owned(), fault: "has no length" });
        }
        Ok(line)
    }

    /// Returns the stay of a track at its first box.
    pub(crate) fn first_stay(&self, place: Point, size: [f32; 2]) -> LineStay {
        let side = if self.distance(place, size) >= 0.0 { LineSide::Right } else { LineSide::Left };
        LineStay { side, place }
    }

    /// Moves a stay to a place. Returns the side that the person came from, if the person crossed the line.
    pub(crate) fn advance(
        &self,
        stay: &mut LineStay,
        place: Point,
        margin: f32,
        size: [f32; 2],
    ) -> Option<LineSide> {
        let distance = self.distance(place, size);
        let side = if distance >= 0.0 { LineSide::Right } else { LineSide::Left };
        if distance.abs() <= margin {
            return None;
        }
        let before = std::mem::replace(stay, LineStay { side, place });
        (before.side != side && self.is_between_ends(before.place, place, size)).then_some(before.side)
    }

    /// Returns the distance from the endless line in pixels: positive to the right.
    fn distance(&self, place: Point, size: [f32; 2]) -> f32 {
        let (from, to) = (scaled(self.from, size), scaled(self.to, size));
        side(from, to, place) / from.distance(to)
    }

    /// Returns true if the way from `a` to `b` passes between the ends of the line.
    fn is_between_ends(&self, a: Point, b: Point, size: [f32; 2]) -> bool {
        let ends = [self.from, self.to].map(|end| side(a, b, scaled(end, size)));
        ends[0] * ends[1] <= 0.0
    }
}
