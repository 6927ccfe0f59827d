//! The way of each track through the last pictures.

use std::collections::{BTreeMap, VecDeque};

use passerby_types::{ObservedFace, TrackId};

use crate::canvas::Canvas;
use crate::palette::Rgb;
use crate::rect::{Rect, even_above};

/// The most pictures that a trail goes back.
const MAX_LENGTH: usize = 1000;

/// The centres of the boxes of each track, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Trails(BTreeMap<TrackId, VecDeque<(i32, i32)>>);

impl Trails {
    /// Forgets the tracks that are not among the faces of this picture.
    pub(crate) fn retain(&mut self, faces: &[ObservedFace]) {
        self.0.retain(|track, _| faces.iter().any(|face| face.track == *track));
    }

    /// Adds the box of a track in this picture, and draws a dot at each of the last `length` places.
    pub(crate) fn draw(
        &mut self,
        canvas: &mut Canvas<'_>,
        (track, face): (TrackId, &Rect),
        length: usize,
        line: i32,
        color: Rgb,
    ) {
        let length = length.min(MAX_LENGTH);
        let places = self.0.entry(track).or_default();
        while places.len() >= length.max(1) {
            places.pop_front();
        }
        places.push_back(((face.x0 + face.x1) / 2, (face.y0 + face.y1) / 2));
        for &(x, y) in places.iter() {
            let dot = Rect::new(x, y, x + 1, y + 1).snapped();
            canvas.fill(&dot.grown(even_above(line / 2)), color);
        }
    }
}
