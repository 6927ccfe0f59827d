//! Polygons in parts of the picture, and their distances in pixels.

use passerby_types::Point;

use crate::plan::ZoneError;

/// A polygon with at least three corners, whose edges do not cross each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Polygon {
    corners: Vec<Point>,
}

impl Polygon {
    /// Checks the corners. `place` names the polygon in errors.
    ///
    /// # Errors
    /// The polygon has too few corners, a coordinate outside the picture, no area, or edges that cross.
    pub(crate) fn new(place: &str, corners: &[[f32; 2]]) -> Result<Self, ZoneError> {
        if corners.len() < 3 {
            return Err(ZoneError::FewCorners { place: place.to_owned(), corners: corners.len() });
        }
        let corners: Vec<Point> =
            corners.iter().map(|corner| point(place, *corner)).collect::<Result<_, _>>()?;
        let polygon = Self { corners };
        let shape = |fault| ZoneError::Shape { place: place.to_owned(), fault };
        if polygon.crosses_itself() {
            return Err(shape("has edges that cross each other"));
        }
        if polygon.doubled_area().abs() < 1e-9 {
            return Err(shape("has no area"));
        }
        Ok(polygon)
    }

    fn edges(&self) -> impl Iterator<Item = (Point, Point)> + Clone + '_ {
        let next = self.corners.iter().cycle().skip(1);
        self.corners.iter().copied().zip(next.copied())
    }

    fn doubled_area(&self) -> f32 {
        self.edges().map(|(a, b)| a.x * b.y - b.x * a.y).sum()
    }

    fn crosses_itself(&self) -> bool {
        let crosses = |(a, b): (Point, Point), (c, d): (Point, Point)| {
            let apart = |p, q| side(a, b, p) * side(a, b, q) < 0.0;
            apart(c, d) && side(c, d, a) * side(c, d, b) < 0.0
        };
        self.edges().enumerate().any(|(i, edge)| self.edges().skip(i + 1).any(|other| crosses(edge, other)))
    }

    /// Returns true if the point is inside. All is in pixels of a picture of this size.
    pub(crate) fn contains(&self, point: Point, size: [f32; 2]) -> bool {
        let mut is_inside = false;
        for (a, b) in self.edges() {
            let (a, b) = (scaled(a, size), scaled(b, size));
            if (a.y > point.y) != (b.y > point.y)
                && point.x < a.x + (point.y - a.y) / (b.y - a.y) * (b.x - a.x)
            {
                is_inside = !is_inside;
            }
        }
        is_inside
    }

    /// Returns the distance of the point from the nearest edge, in pixels of a picture of this size.
    pub(crate) fn edge_distance(&self, point: Point, size: [f32; 2]) -> f32 {
        let distances = self.edges().map(|(a, b)| segment_distance(scaled(a, size), scaled(b, size), point));
        distances.fold(f32::INFINITY, f32::min)
    }
}

/// Checks a place of a plan.
///
/// # Errors
/// A coordinate is not a number from 0 to 1.
pub(crate) fn point(place: &str, [x, y]: [f32; 2]) -> Result<Point, ZoneError> {
    match [x, y].into_iter().find(|v| !(0.0..=1.0).contains(v)) {
        Some(value) => Err(ZoneError::Outside { place: place.to_owned(), value }),
        None => Ok(Point::new(x, y)),
    }
}

/// Returns a place of a plan in pixels.
pub(crate) fn scaled(place: Point, [width, height]: [f32; 2]) -> Point {
    Point::new(place.x * width, place.y * height)
}

/// Returns twice the area of the triangle: positive if `point` is to the right of the way from `a` to `b` in a picture, whose y
/// grows downwards.
pub(crate) fn side(a: Point, b: Point, point: Point) -> f32 {
    (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x)
}

fn segment_distance(a: Point, b: Point, point: Point) -> f32 {
    let [dx, dy] = [b.x - a.x, b.y - a.y];
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((point.x - a.x) * dx + (point.y - a.y) * dy) / length } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    Point::new(a.x + along * dx, a.y + along * dy).distance(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [f32; 2] = [100.0, 200.0];

    /// The letter L: all but the upper right quarter.
    fn letter() -> Polygon {
        let corners = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]];
        Polygon::new("L", &corners).unwrap()
    }

    #[test]
    fn a_hollow_corner_is_outside() {
        let is_inside = |x, y| letter().contains(Point::new(x, y), SIZE);
        assert!(is_inside(25.0, 50.0) && is_inside(25.0, 150.0) && is_inside(75.0, 150.0));
        assert!(!is_inside(75.0, 50.0) && !is_inside(-1.0, 50.0) && !is_inside(50.0, 201.0));
    }

    #[test]
    fn the_distance_is_that_of_the_nearest_edge_or_corner() {
        assert_eq!(letter().edge_distance(Point::new(60.0, 50.0), SIZE), 10.0);
        assert_eq!(letter().edge_distance(Point::new(20.0, 50.0), SIZE), 20.0);
        assert_eq!(letter().edge_distance(Point::new(103.0, 204.0), SIZE), 5.0);
    }

    #[test]
    fn right_is_that_of_a_viewer_of_the_picture() {
        let (top, bottom) = (Point::new(50.0, 0.0), Point::new(50.0, 100.0));
        // Looking up along the line, the right of the picture is on the right.
        assert!(side(bottom, top, Point::new(60.0, 50.0)) > 0.0);
        assert!(side(top, bottom, Point::new(60.0, 50.0)) < 0.0);
    }
}
