//! The ground truth of a scene's faces.

use passerby_types::{BBox, Face, Landmarks, Point};

use super::cutout::Cutout;
use super::portrait::{Portrait, ScenePerson};
use super::render::Place;
use super::walk::Stand;

/// The ground truth of one face in one picture of a scene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthFace {
    /// The index of the walker in the script or crowd, from 0.
    pub walker: usize,
    /// The number of this walker's visit, from 0. A tracker should give each visit a track of its own.
    pub visit: u64,
    /// The portrait that is drawn.
    pub portrait: Portrait,
    /// The face's box in pixels of the picture. It may reach outside the picture.
    pub bbox: BBox,
    /// The face's landmarks in pixels of the picture. They may be outside the picture.
    pub landmarks: Landmarks,
    /// The share of the box that is inside the picture and not hidden by a nearer person or the counter: 0 to 1.
    pub visible: f32,
}

impl TruthFace {
    /// Returns the person whose face it is.
    #[must_use]
    pub const fn person(&self) -> ScenePerson {
        self.portrait.person()
    }

    /// Returns the face as a perfect detector would find it: with box, landmarks, and a score of 1.
    #[must_use]
    pub const fn face(&self) -> Face {
        Face::new(self.bbox, 1.0).with_landmarks(self.landmarks)
    }
}

/// A walker in the picture, with the cut-out to draw.
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

/// Returns the faces of `actors`, sorted by walker. `actors` must be sorted from far to near. People are drawn in
/// `width` x `floor` pixels of the picture. A face whose box is entirely outside the picture is left out.
pub(super) fn faces(actors: &[Actor<'_>], (width, height, floor): (u32, u32, u32)) -> Vec<TruthFace> {
    let mut faces: Vec<TruthFace> = actors
        .iter()
        .enumerate()
        .filter_map(|(i, actor)| {
            let place = actor.stand.place;
            let original = actor.portrait.bbox();
            let top_left = place.apply(Point::new(original.x1, original.y1));
            let bottom_right = place.apply(Point::new(original.x2, original.y2));
            let bbox = BBox::new(top_left.x, top_left.y, bottom_right.x, bottom_right.y);
            let w = width as f32;
            let h = height as f32;
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

/// Returns the share of `bbox` that is inside the picture and not behind `nearer` walkers, from a grid of 32 x 32 points.
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
                    let x = f64::from(x) - place.x;
                    let y = f64::from(y) - place.y;
                    1.0 - actor.cutout.alpha_at(x / place.scale, y / place.scale)
                })
                .product::<f32>();
        }
    }
    (seen / (f32::from(GRID) * f32::from(GRID))).clamp(0.0, 1.0)
}
