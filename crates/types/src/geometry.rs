//! Points, boxes, landmarks and similarity transforms.

/// A point in pixels of the upright picture. An integer is the centre of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// The distance from the left edge.
    pub x: f32,
    /// The distance from the top edge.
    pub y: f32,
}

impl Point {
    /// Creates a point.
    #[must_use]
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// Returns the Euclidean distance to `other`.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// An axis-aligned box in pixels of the upright picture: left, top, right, bottom.
///
/// A box may reach outside the picture, for example if it is a prediction. A box with `x2 <= x1` or `y2 <= y1`, or with a
/// number that is not finite, is empty: its area is 0 and it overlaps no other box.
///
/// ```
/// use passerby_types::BBox;
///
/// let a = BBox::new(0.0, 0.0, 10.0, 10.0);
/// let b = BBox::from_xywh(5.0, 0.0, 10.0, 10.0);
/// assert_eq!(a.iou(&b), 50.0 / 150.0);
/// assert!(BBox::new(5.0, 0.0, 5.0, 9.0).is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BBox {
    /// The left edge.
    pub x1: f32,
    /// The top edge.
    pub y1: f32,
    /// The right edge.
    pub x2: f32,
    /// The bottom edge.
    pub y2: f32,
}

impl BBox {
    /// Creates a box from its corners.
    #[must_use]
    pub const fn new(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// Creates a box from its top-left corner, width and height, as in MOT files.
    #[must_use]
    pub fn from_xywh(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self::new(x, y, x + width, y + height)
    }

    /// Returns the width, which is negative if the corners are swapped.
    #[must_use]
    pub fn width(&self) -> f32 {
        self.x2 - self.x1
    }

    /// Returns the height, which is negative if the corners are swapped.
    #[must_use]
    pub fn height(&self) -> f32 {
        self.y2 - self.y1
    }

    /// Returns the centre.
    #[must_use]
    pub fn center(&self) -> Point {
        Point::new((self.x1 + self.x2) / 2.0, (self.y1 + self.y2) / 2.0)
    }

    /// Returns the area in square pixels, or 0 if the box is empty.
    #[must_use]
    pub fn area(&self) -> f32 {
        if self.is_empty() { 0.0 } else { self.width() * self.height() }
    }

    /// Returns true if the box has no area or a number that is not finite.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let finite = [self.x1, self.y1, self.x2, self.y2].iter().all(|v| v.is_finite());
        !(finite && self.x2 > self.x1 && self.y2 > self.y1)
    }

    /// Returns the intersection over union with `other`, 0 to 1, or 0 if either is empty.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f32 {
        if self.is_empty() || other.is_empty() {
            return 0.0;
        }
        let w = self.x2.min(other.x2) - self.x1.max(other.x1);
        let h = self.y2.min(other.y2) - self.y1.max(other.y1);
        if w <= 0.0 || h <= 0.0 {
            return 0.0;
        }
        let shared = w * h;
        shared / (self.area() + other.area() - shared)
    }

    /// Returns the part of the box inside a picture of this size. It is empty if they have no pixel in common.
    #[must_use]
    pub fn clamped(&self, width: u32, height: u32) -> Self {
        let w = width as f32;
        let h = height as f32;
        Self::new(self.x1.clamp(0.0, w), self.y1.clamp(0.0, h), self.x2.clamp(0.0, w), self.y2.clamp(0.0, h))
    }

    /// Returns the box moved by (dx, dy) pixels.
    #[must_use]
    pub fn shifted(&self, dx: f32, dy: f32) -> Self {
        Self::new(self.x1 + dx, self.y1 + dy, self.x2 + dx, self.y2 + dy)
    }
}

/// Five landmarks of a face, in pixels of the upright picture.
///
/// Their order is: the eye at the left of the picture, the eye at the right, the tip of the nose, the corner of the mouth at the
/// left, and the corner of the mouth at the right.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Landmarks(pub [Point; 5]);

impl Landmarks {
    /// Returns the distance between the eyes in pixels.
    #[must_use]
    pub fn eye_distance(&self) -> f32 {
        self.0[0].distance(self.0[1])
    }

    /// Returns how frontal the face is, from 0 for a profile to 1 for a face whose nose is midway between the eyes.
    ///
    /// It is the smaller distance from the nose to an eye divided by the larger one, both along the line through the eyes. It is
    /// 0 if the nose is not between the eyes, or if the eyes coincide.
    #[must_use]
    pub fn frontality(&self) -> f32 {
        let [left, right, nose, ..] = self.0;
        let ex = right.x - left.x;
        let ey = right.y - left.y;
        let length = ex * ex + ey * ey;
        if !(length > 0.0 && length.is_finite()) {
            return 0.0;
        }
        let along = ((nose.x - left.x) * ex + (nose.y - left.y) * ey) / length;
        let near = along.min(1.0 - along);
        let far = along.max(1.0 - along);
        if near.is_finite() { (near / far).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Returns the landmarks moved by (dx, dy) pixels.
    #[must_use]
    pub fn shifted(&self, dx: f32, dy: f32) -> Self {
        Self(self.0.map(|p| Point::new(p.x + dx, p.y + dy)))
    }
}

/// A similarity transform: a rotation, a uniform scale and a translation, without a reflection.
///
/// It takes (x, y) to `x' = a x - b y + tx`, `y' = b x + a y + ty`.
///
/// ```
/// use passerby_types::{Point, Similarity};
///
/// let from = [Point::new(0.0, 0.0), Point::new(1.0, 0.0)];
/// let to = [Point::new(5.0, 5.0), Point::new(5.0, 7.0)];
/// let turn = Similarity::fit(&from, &to).expect("the points differ");
/// assert_eq!(turn.scale(), 2.0);
/// assert_eq!(turn.apply(Point::new(0.0, 1.0)), Point::new(3.0, 5.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// The scale times the cosine of the rotation.
    pub a: f32,
    /// The scale times the sine of the rotation.
    pub b: f32,
    /// The translation in x, after rotation and scale.
    pub tx: f32,
    /// The translation in y, after rotation and scale.
    pub ty: f32,
}

impl Similarity {
    /// The transform that does not move a point.
    pub const IDENTITY: Self = Self { a: 1.0, b: 0.0, tx: 0.0, ty: 0.0 };

    /// Returns the least-squares similarity that takes `from[i]` to `to[i]`, or `None` if there are fewer than two points, the
    /// lengths differ, the `from` points all coincide, the fit has no scale, or a number is not finite.
    ///
    /// The method is that of S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    /// PAMI 13(4), 1991, section III, in the closed form for two dimensions without reflection. The sums are in f64, so the fit
    /// does not depend on the distance of the points from the origin.
    #[must_use]
    pub fn fit(from: &[Point], to: &[Point]) -> Option<Self> {
        let n = from.len();
        if n < 2 || n != to.len() {
            return None;
        }
        let mean = |points: &[Point]| {
            let sum = points.iter().fold((0.0, 0.0), |s, p| (s.0 + f64::from(p.x), s.1 + f64::from(p.y)));
            (sum.0 / n as f64, sum.1 / n as f64)
        };
        let (fx, fy) = mean(from);
        let (gx, gy) = mean(to);
        let mut dot = 0.0;
        let mut cross = 0.0;
        let mut variance = 0.0;
        for (p, q) in from.iter().zip(to) {
            let px = f64::from(p.x) - fx;
            let py = f64::from(p.y) - fy;
            let qx = f64::from(q.x) - gx;
            let qy = f64::from(q.y) - gy;
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            variance += px * px + py * py;
        }
        let a = dot / variance;
        let b = cross / variance;
        let fit = Self {
            a: a as f32,
            b: b as f32,
            tx: (gx - a * fx + b * fy) as f32,
            ty: (gy - b * fx - a * fy) as f32,
        };
        let finite = [fit.a, fit.b, fit.tx, fit.ty].iter().all(|v| v.is_finite());
        (finite && fit.scale() > 1e-6).then_some(fit)
    }

    /// Returns the uniform scale.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.a.hypot(self.b)
    }

    /// Returns the point that the transform takes `p` to.
    #[must_use]
    pub fn apply(&self, p: Point) -> Point {
        Point::new(self.a * p.x - self.b * p.y + self.tx, self.b * p.x + self.a * p.y + self.ty)
    }

    /// Returns the transform that undoes this one, or `None` if the scale is 0 or not finite.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        let a = f64::from(self.a);
        let b = f64::from(self.b);
        let square = a * a + b * b;
        if !(square > 0.0 && square.is_finite()) {
            return None;
        }
        let ia = a / square;
        let ib = -b / square;
        let tx = f64::from(self.tx);
        let ty = f64::from(self.ty);
        Some(Self {
            a: ia as f32,
            b: ib as f32,
            tx: (-ia * tx + ib * ty) as f32,
            ty: (-ib * tx - ia * ty) as f32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn empty_boxes_overlap_nothing() {
        let full = BBox::new(0.0, 0.0, 10.0, 10.0);
        for empty in [BBox::default(), BBox::new(5.0, 5.0, 2.0, 9.0), BBox::new(0.0, 0.0, f32::NAN, 5.0)] {
            assert_eq!(full.iou(&empty), 0.0);
            assert_eq!(empty.iou(&empty), 0.0);
            assert_eq!(empty.area(), 0.0);
        }
        assert_eq!(full.iou(&full), 1.0);
        assert_eq!(full.iou(&BBox::new(5.0, 0.0, 15.0, 10.0)), 50.0 / 150.0);
    }

    #[test]
    fn points_without_a_fit_have_no_similarity() {
        let to = [Point::new(1.0, 2.0), Point::new(3.0, 4.0)];
        assert_eq!(Similarity::fit(&[Point::new(7.0, 7.0); 2], &to), None);
        assert_eq!(Similarity::fit(&[Point::new(f32::NAN, 0.0), Point::new(1.0, 1.0)], &to), None);
        assert_eq!(Similarity::fit(&to[..1], &to[..1]), None);
        assert_eq!(Similarity::fit(&to, &[Point::new(5.0, 5.0); 2]), None);
    }

    #[test]
    fn a_profile_is_less_frontal() {
        let face = |nose_x: f32| {
            Landmarks(
                [(0.0, 0.0), (40.0, 0.0), (nose_x, 20.0), (5.0, 40.0), (35.0, 40.0)]
                    .map(|(x, y)| Point::new(x, y)),
            )
        };
        assert!((face(20.0).frontality() - 1.0).abs() < 1e-6);
        assert!((face(10.0).frontality() - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(face(45.0).frontality(), 0.0);
        assert_eq!(Landmarks::default().frontality(), 0.0);
    }

    proptest! {
        #[test]
        fn a_fit_recovers_the_similarity_that_made_the_points(
            angle in -3.1f32..3.1, scale in 0.05f32..20.0, tx in -2000f32..2000.0, ty in -2000f32..2000.0,
            points in prop::collection::vec((-500f32..500.0, -500f32..500.0), 5),
        ) {
            let truth = Similarity { a: scale * angle.cos(), b: scale * angle.sin(), tx, ty };
            let from: Vec<Point> = points.iter().map(|&(x, y)| Point::new(x, y)).collect();
            let spread = from.iter().map(|p| p.distance(from[0])).fold(0.0, f32::max);
            prop_assume!(spread > 10.0);
            let to: Vec<Point> = from.iter().map(|&p| truth.apply(p)).collect();
            let fit = Similarity::fit(&from, &to).unwrap();
            let back = fit.inverse().unwrap();
            for (&p, &q) in from.iter().zip(&to) {
                prop_assert!(fit.apply(p).distance(q) < 0.02 * scale.max(1.0), "{:?} {:?}", fit, truth);
                prop_assert!(back.apply(q).distance(p) < 0.05 / scale.min(1.0));
            }
        }
    }
}
