//! Rectangles of whole pixels.

use passerby_types::BBox;

/// Coordinates beyond this are cut, so that no sum of them overflows.
const FAR: f32 = 1e6;

/// A rectangle of whole pixels: the columns from `x0` to before `x1`, the rows from `y0` to before `y1`. It may reach
/// outside the picture. It is empty if `x1 <= x0` or `y1 <= y0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x0: i32,
    pub(crate) y0: i32,
    pub(crate) x1: i32,
    pub(crate) y1: i32,
}

impl Rect {
    pub(crate) const fn new(x0: i32, y0: i32, x1: i32, y1: i32) -> Self {
        Self { x0, y0, x1, y1 }
    }

    /// Returns the pixels whose centres the box covers, or `None` if the box is empty.
    pub(crate) fn of_box(bbox: &BBox) -> Option<Self> {
        if bbox.is_empty() {
            return None;
        }
        let [x0, y0, x1, y1] =
            [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(|v| v.clamp(-FAR, FAR).round() as i32);
        Some(Self::new(x0, y0, x1 + 1, y1 + 1))
    }

    /// Returns the pixel at a point, or `None` if a coordinate is not finite.
    pub(crate) fn around(x: f32, y: f32) -> Option<Self> {
        Self::of_box(&BBox::new(x, y, x + 1.0, y + 1.0))
    }

    pub(crate) fn width(&self) -> i32 {
        self.x1 - self.x0
    }

    pub(crate) fn height(&self) -> i32 {
        self.y1 - self.y0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.x1 <= self.x0 || self.y1 <= self.y0
    }

    /// Returns the number of pixels, or 0 if the rectangle is empty.
    pub(crate) fn area(&self) -> i64 {
        if self.is_empty() { 0 } else { i64::from(self.width()) * i64::from(self.height()) }
    }

    /// Returns the rectangle with each side moved outwards by `margin` pixels.
    pub(crate) fn grown(&self, margin: i32) -> Self {
        Self::new(self.x0 - margin, self.y0 - margin, self.x1 + margin, self.y1 + margin)
    }

    /// Returns the rectangle at another place, with its top left corner at (x, y).
    pub(crate) fn moved_to(&self, x: i32, y: i32) -> Self {
        Self::new(x, y, x + self.width(), y + self.height())
    }

    /// Returns the common part of two rectangles, which may be empty.
    pub(crate) fn intersect(&self, other: &Self) -> Self {
        Self::new(self.x0.max(other.x0), self.y0.max(other.y0), self.x1.min(other.x1), self.y1.min(other.y1))
    }

    /// Returns the rectangle grown until all its edges are even.
    ///
    /// A chroma sample of a subsampled layout covers two by two pixels. An even rectangle covers whole samples, so it
    /// changes no pixel beside it.
    pub(crate) fn snapped(&self) -> Self {
        Self::new(even_below(self.x0), even_below(self.y0), even_above(self.x1), even_above(self.y1))
    }
}

/// Returns the largest even number that is not above `v`.
pub(crate) fn even_below(v: i32) -> i32 {
    v & !1
}

/// Returns the smallest even number that is not below `v`.
pub(crate) fn even_above(v: i32) -> i32 {
    (v + 1) & !1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_covers_the_pixels_from_edge_to_edge() {
        assert_eq!(Rect::of_box(&BBox::new(1.2, 2.0, 4.6, 5.0)), Some(Rect::new(1, 2, 6, 6)));
        assert_eq!(Rect::of_box(&BBox::new(f32::NAN, 0.0, 1.0, 1.0)), None);
        assert_eq!(Rect::of_box(&BBox::new(3.0, 0.0, 1.0, 1.0)), None);
    }

    #[test]
    fn snapping_moves_edges_outwards() {
        assert_eq!(Rect::new(-3, 3, 5, 6).snapped(), Rect::new(-4, 2, 6, 6));
    }
}
