//! Decodes CenterFace's four output maps: J. Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as
//! Point", 2020 (arXiv 1911.03599), section 3.
//!
//! The maps are grids of a quarter of the input's size. Each cell holds the likelihood that a face is centred in it, and
//! that face's exact centre, its size and its landmarks.

use passerby_types::{BBox, Face, Landmarks, Point};

/// The side of a cell in pixels of the input (the paper's R).
const STRIDE: usize = 4;

/// The number of channels of each map, in the order of [`Maps::new`].
pub(super) const CHANNELS: [usize; 4] = [1, 2, 2, 10];

/// The maps of one picture. Each is a list of planes with `rows` times `cols` cells.
pub(super) struct Maps<'a> {
    cols: usize,
    /// The number of cells in a plane.
    cells: usize,
    /// The likelihood that a face is centred in the cell, 0 to 1.
    heat: &'a [f32],
    /// The logarithms of the face's height and width in cells.
    scale: &'a [f32],
    /// The offset from the cell's centre to the face's, in cells: down, right.
    offset: &'a [f32],
    /// The five landmarks, from the box's top-left corner, in heights and widths of the box: down, right.
    points: &'a [f32],
}

impl<'a> Maps<'a> {
    /// Takes the maps `[heat, scale, offset, points]` of an input with this size in pixels.
    ///
    /// Returns `None` if the size is not a multiple of a cell, or if a map does not have the length for it.
    pub(super) fn new(input_width: usize, input_height: usize, maps: [&'a [f32]; 4]) -> Option<Self> {
        let cols = input_width / STRIDE;
        let rows = input_height / STRIDE;
        let cells = cols * rows;
        let is_whole = cols * STRIDE == input_width && rows * STRIDE == input_height;
        let fits = maps.iter().zip(CHANNELS).all(|(map, n)| map.len() == n * cells);
        let [heat, scale, offset, points] = maps;
        (is_whole && fits).then_some(Self { cols, cells, heat, scale, offset, points })
    }

    /// Replaces the contents of `out` by the faces of every cell whose likelihood is above `threshold`, row by row, in
    /// pixels of the input. Several cells may stand for one face.
    ///
    /// A cell is left out if one of its numbers is not finite, or if its box has no area.
    pub(super) fn faces(&self, threshold: f32, out: &mut Vec<Face>) {
        let cells = (0..self.cells).filter(|&cell| self.heat[cell] > threshold);
        out.clear();
        out.extend(cells.filter_map(|cell| self.face(cell)));
    }

    /// Returns the face of one cell, or `None` if its numbers make no face.
    fn face(&self, cell: usize) -> Option<Face> {
        let stride = STRIDE as f32;
        let at = |map: &[f32], plane: usize| map[plane * self.cells + cell];
        let input_width = self.cols as f32 * stride;
        let input_height = (self.cells / self.cols) as f32 * stride;
        let col = (cell % self.cols) as f32;
        let row = (cell / self.cols) as f32;

        let height = at(self.scale, 0).exp() * stride;
        let width = at(self.scale, 1).exp() * stride;
        let corner = |c: f32, offset: f32, side: f32, limit: f32| {
            ((c + offset + 0.5) * stride - side / 2.0).clamp(0.0, limit)
        };
        let x1 = corner(col, at(self.offset, 1), width, input_width);
        let y1 = corner(row, at(self.offset, 0), height, input_height);
        let bbox = BBox::new(x1, y1, (x1 + width).min(input_width), (y1 + height).min(input_height));
        let landmarks = Landmarks(std::array::from_fn(|j| {
            let down = at(self.points, 2 * j);
            let right = at(self.points, 2 * j + 1);
            Point::new(x1 + width * right, y1 + height * down)
        }));

        let heat = self.heat[cell];
        let is_finite = [heat, width, height].iter().all(|v| v.is_finite())
            && landmarks.0.iter().all(|p| p.x.is_finite() && p.y.is_finite());
        (is_finite && !bbox.is_empty())
            .then(|| Face::new(bbox, heat.clamp(0.0, 1.0)).with_landmarks(landmarks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Maps of an input with 16x8 pixels, which are 4x2 cells, without a face.
    struct Blank {
        heat: Vec<f32>,
        scale: Vec<f32>,
        offset: Vec<f32>,
        points: Vec<f32>,
    }

    const CELLS: usize = 8;

    fn found(maps: &Maps<'_>, threshold: f32) -> Vec<Face> {
        let mut faces = vec![Face::new(BBox::new(0.0, 0.0, 1.0, 1.0), 0.1)];
        maps.faces(threshold, &mut faces);
        faces
    }

    impl Blank {
        fn new() -> Self {
            let [heat, scale, offset, points] = CHANNELS.map(|n| vec![0.0; n * CELLS]);
            Self { heat, scale, offset, points }
        }

        fn faces(&self, threshold: f32) -> Vec<Face> {
            found(
                &Maps::new(16, 8, [&self.heat, &self.scale, &self.offset, &self.points]).unwrap(),
                threshold,
            )
        }
    }

    #[test]
    fn a_cell_becomes_a_box_with_landmarks() {
        let mut maps = Blank::new();
        let cell = 4 + 2; // Row 1, column 2, with its centre at (10, 6).
        maps.heat[cell] = 0.8;
        maps.scale[cell] = 0.5_f32.ln(); // 2 pixels high
        maps.scale[CELLS + cell] = 1.5_f32.ln(); // 6 pixels wide
        maps.offset[cell] = -0.25; // 1 pixel up
        maps.offset[CELLS + cell] = 0.125; // half a pixel to the right
        maps.points[2 * CELLS + cell] = 0.5; // the right eye: half the height down,
        maps.points[3 * CELLS + cell] = 0.75; // three quarters of the width to the right
        let [face] = maps.faces(0.5)[..] else { panic!("one face") };
        let close = |a: f32, b: f32| (a - b).abs() < 1e-5;
        assert!(close(face.bbox.x1, 7.5) && close(face.bbox.x2, 13.5));
        assert!(close(face.bbox.y1, 4.0) && close(face.bbox.y2, 6.0));
        assert_eq!(face.score, 0.8);
        let Landmarks([left, right, ..]) = face.landmarks.unwrap();
        assert!(close(left.x, 7.5) && close(left.y, 4.0));
        assert!(close(right.x, 12.0) && close(right.y, 5.0));
    }

    #[test]
    fn a_cell_at_the_threshold_is_not_a_face() {
        let mut maps = Blank::new();
        maps.heat[0] = 0.5;
        maps.heat[7] = 0.75;
        assert_eq!(maps.faces(0.5).len(), 1);
        assert_eq!(maps.faces(0.49).len(), 2);
        assert!(Blank::new().faces(0.0).is_empty());
    }

    #[test]
    fn a_box_over_the_edge_is_kept_inside() {
        let mut maps = Blank::new();
        maps.heat[0] = 0.9;
        maps.scale[0] = 1.5_f32.ln(); // 6 pixels high: the top would be -1 and moves to 0
        maps.scale[CELLS] = 9.0_f32.ln(); // 36 pixels wide, more than the input
        let [face] = maps.faces(0.5)[..] else { panic!("one face") };
        assert_eq!((face.bbox.x1, face.bbox.x2), (0.0, 16.0));
        assert_eq!(face.bbox.y1, 0.0);
        assert!((face.bbox.y2 - 6.0).abs() < 1e-5);
    }

    #[test]
    fn cells_with_broken_numbers_are_left_out() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut maps = Blank::new();
            maps.heat.fill(0.9);
            maps.heat[0] = value;
            maps.scale[1] = value;
            maps.scale[CELLS + 2] = value;
            maps.points[9 * CELLS + 3] = value;
            let faces = maps.faces(0.5);
            assert_eq!(faces.len(), 4, "{value}: only the second row remains");
        }
    }

    #[test]
    fn a_face_outside_the_input_is_left_out() {
        let mut maps = Blank::new();
        maps.heat[5] = 0.9;
        maps.offset[CELLS + 5] = 100.0; // far to the right of the input
        assert!(maps.faces(0.5).is_empty());
    }

    #[test]
    fn a_score_is_at_most_one() {
        let mut maps = Blank::new();
        maps.heat[5] = 1.5;
        assert_eq!(maps.faces(0.5)[0].score, 1.0);
    }

    #[test]
    fn maps_of_another_size_are_refused() {
        let maps = Blank::new();
        let fits = |w, h| Maps::new(w, h, [&maps.heat, &maps.scale, &maps.offset, &maps.points]).is_some();
        assert!(fits(16, 8) && fits(8, 16) && !fits(16, 12) && !fits(17, 8) && !fits(0, 0));
    }

    #[test]
    fn an_empty_input_has_no_faces() {
        assert!(Maps::new(0, 0, [&[]; 4]).is_some_and(|m| found(&m, 0.5).is_empty()));
    }
}
