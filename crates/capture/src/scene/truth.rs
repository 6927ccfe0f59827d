//! What a scene knows of the faces it shows.

use passerby_types::{BBox, Face, Landmarks, Point};

use super::cutout::Cutout;
use super::render::Place;
use super::walk::Stand;
use super::{Person, Portrait};

/// One face of one picture of a scene, exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthFace {
    /// Which walker: the place in the script, or the number in the crowd, from 0.
    pub walker: usize,
    /// Which visit of this walker, from 0: a tracker's track is one walker's one visit.
    pub visit: u64,
    /// Which portrait is drawn.
    pub portrait: Portrait,
    /// The face's box in pixels of the picture. May reach outside it.
    pub bbox: BBox,
    /// The face's landmarks in pixels of the picture. May lie outside it.
    pub landmarks: Landmarks,
    /// How much of the box is inside the picture and hidden by nobody nearer and not by the counter: 0 to 1.
    pub visible: f32,
}

impl TruthFace {
    /// Whose face it is.
    #[must_use]
    pub const fn person(&self) -> Person {
        self.portrait.person()
    }

    /// The face as a perfect detector would report it: box, landmarks, and a score of 1.
    #[must_use]
    pub const fn face(&self) -> Face {
        Face::new(self.bbox, 1.0).with_landmarks(self.landmarks)
    }
}

/// One walker in the picture, with the cut-out to draw.
pub(super) struct Actor<'a> {
    pub(super) walker: usize,
    pub(super) portrait: Portrait,
    pub(super) stand: Stand,
    pub(super) cutout: &'a Cutout,
}

impl Place {
    fn apply(self, p: Point) -> Point {
        Point::new(
            (self.scale * f64::from(p.x) + self.x) as f32,
            (self.scale * f64::from(p.y) + self.y) as f32,
        )
    }
}

/// The faces of `actors`, which stand from far to near, in a picture of which people are drawn in
/// `width` x `floor` pixels. By rising walker. A face whose box lies wholly outside the picture is left out.
pub(super) fn faces(actors: &[Actor<'_>], (width, height, floor): (u32, u32, u32)) -> Vec<TruthFace> {
    let mut faces: Vec<TruthFace> = actors
        .iter()
        .enumerate()
        .filter_map(|(i, actor)| {
            let (place, original) = (actor.stand.place, actor.portrait.bbox());
            let top_left = place.apply(Point::new(original.x1, original.y1));
            let bottom_right = place.apply(Point::new(original.x2, original.y2));
            let bbox = BBox::new(top_left.x, top_left.y, bottom_right.x, bottom_right.y);
            let (w, h) = (width as f32, height as f32);
            let inside = bbox.x2 > 0.0 && bbox.y2 > 0.0 && bbox.x1 < w - 1.0 && bbox.y1 < h - 1.0;
            inside.then(|| TruthFace {
                walker: actor.walker,
                visit: actor.stand.visit,
                portrait: actor.portrait,
                bbox,
                landmarks: Landmarks(actor.portrait.landmarks().0.map(|p| place.apply(p))),
                visible: visible(&bbox, &actors[i + 1..], w, floor as f32),
            })
        })
        .collect();
    faces.sort_by_key(|face| face.walker);
    faces
}

/// The share of `bbox` that is inside and not behind `nearer` ones, from a grid of 32 x 32 points.
fn visible(bbox: &BBox, nearer: &[Actor<'_>], width: f32, floor: f32) -> f32 {
    const GRID: u16 = 32;
    let mut seen = 0.0;
    for row in 0..GRID {
        let y = bbox.y1 + bbox.height() * (f32::from(row) + 0.5) / f32::from(GRID);
        if y < -0.5 || y >= floor - 0.5 {
            continue;
        }
        for column in 0..GRID {
            let x = bbox.x1 + bbox.width() * (f32::from(column) + 0.5) / f32::from(GRID);
            if x < -0.5 || x >= width - 0.5 {
                continue;
            }
            seen += nearer
                .iter()
                .map(|actor| {
                    let place = actor.stand.place;
                    let (x, y) = (f64::from(x) - place.x, f64::from(y) - place.y);
                    1.0 - actor.cutout.alpha_at(x / place.scale, y / place.scale)
                })
                .product::<f32>();
        }
    }
    (seen / (f32::from(GRID) * f32::from(GRID))).clamp(0.0, 1.0)
}
