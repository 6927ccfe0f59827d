//! CenterFace's four maps, read: J. Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point",
//! 2020 (arXiv 1911.03599), section 3. Each cell of a grid of a quarter of the input's size says how likely a face
//! is centred in it, where exactly, how large it is and where its landmarks are.

use passerby_types::{BBox, Face, Landmarks, Point};

/// Input pixels to a cell, each way (the paper's R).
pub(crate) const STRIDE: usize = 4;

/// How many channels each map has, in the order of [`Maps::new`].
pub(crate) const CHANNELS: [usize; 4] = [1, 2, 2, 10];

/// The maps of one picture: planes of `rows` times `cols` cells, one plane after another.
pub(crate) struct Maps<'a> {
    cols: usize,
    /// Cells of a plane.
    cells: usize,
    /// How likely a face is centred here, 0 to 1.
    heat: &'a [f32],
    /// Logarithm of height and width in cells.
    scale: &'a [f32],
    /// From the cell's centre to the face's, in cells: down, right.
    offset: &'a [f32],
    /// Five landmarks from the box's top-left corner, in heights and widths of the box: down, right.
    points: &'a [f32],
}

impl<'a> Maps<'a> {
    /// The maps `[heat, scale, offset, points]` for an input of this size in pixels. `None` where the size is not of
    /// whole cells or a map has not the length that goes with it.
    pub(crate) fn new(input_width: usize, input_height: usize, maps: [&'a [f32]; 4]) -> Option<Self> {
        let (cols, rows) = (input_width / STRIDE, input_height / STRIDE);
        let cells = cols * rows;
        let whole = cols * STRIDE == input_width && rows * STRIDE == input_height;
        let fits = maps.iter().zip(CHANNELS).all(|(map, n)| map.len() == n * cells);
        let [heat, scale, offset, points] = maps;
        (whole && fits).then_some(Self { cols, cells, heat, scale, offset, points })
    }

    /// Writes the faces of every cell whose likelihood is above `threshold` to `out`, row by row, in pixels of the input;
    /// many cells may mean one face. Cells with a number that is not finite or a box without area are left out.
    pub(crate) fn faces(&self, threshold: f32, out: &mut Vec<Face>) {
        let cells = (0..self.cells).filter(|&cell| self.heat[cell] > threshold);
        out.clear();
        out.extend(cells.filter_map(|cell| self.face(cell)));
    }

    fn face(&self, cell: usize) -> Option<Face> {
        let stride = STRIDE as f32;
        let at = |map: &[f32], plane: usize| map[plane * self.cells + cell];
        let (input_width, input_height) =
            (self.cols as f32 * stride, (self.cells / self.cols) as f32 * stride);
        let (cx, cy) = ((cell % self.cols) as f32, (cell / self.cols) as f32);

        let (height, width) = (at(self.scale, 0).exp() * stride, at(self.scale, 1).exp() * stride);
        let corner = |c: f32, offset: f32, side: f32, limit: f32| {
            ((c + offset + 0.5) * stride - side / 2.0).clamp(0.0, limit)
        };
        let x1 = corner(cx, at(self.offset, 1), width, input_width);
        let y1 = corner(cy, at(self.offset, 0), height, input_height);
        let bbox = BBox::new(x1, y1, (x1 + width).min(input_width), (y1 + height).min(input_height));
        let landmarks = Landmarks(std::array::from_fn(|j| {
            let (down, right) = (at(self.points, 2 * j), at(self.points, 2 * j + 1));
            Point::new(x1 + width * right, y1 + height * down)
        }));

        let heat = self.heat[cell];
        let finite = [heat, width, height].iter().all(|v| v.is_finite())
            && landmarks.0.iter().all(|p| p.x.is_finite() && p.y.is_finite());
        (finite && !bbox.is_empty()).then(|| Face::new(bbox, heat.clamp(0.0, 1.0)).with_landmarks(landmarks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Maps of an input of 16x8 pixels, 4x2 cells, in which nothing is.
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
        let cell = 4 + 2; // Row 1, column 2: its centre is (10, 6).
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
    fn the_threshold_itself_is_not_a_face() {
        let mut maps = Blank::new();
        maps.heat[0] = 0.5;
        maps.heat[7] = 0.75;
        assert_eq!(maps.faces(0.5).len(), 1);
        assert_eq!(maps.faces(0.49).len(), 2);
        assert!(Blank::new().faces(0.0).is_empty());
    }

    #[test]
    fn a_box_over_the_edge_is_moved_in_and_cut() {
        let mut maps = Blank::new();
        maps.heat[0] = 0.9;
        maps.scale[0] = 1.5_f32.ln(); // 6 pixels high, so from -1: moved to 0
        maps.scale[CELLS] = 9.0_f32.ln(); // 36 pixels wide, more than the input
        let [face] = maps.faces(0.5)[..] else { panic!("one face") };
        assert_eq!((face.bbox.x1, face.bbox.x2), (0.0, 16.0));
        assert_eq!(face.bbox.y1, 0.0);
        assert!((face.bbox.y2 - 6.0).abs() < 1e-5);
    }

    #[test]
    fn broken_cells_are_left_out_and_scores_are_at_most_one() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut maps = Blank::new();
            maps.heat.fill(0.9);
            maps.heat[0] = value;
            maps.scale[1] = value;
            maps.scale[CELLS + 2] = value;
            maps.points[9 * CELLS + 3] = value;
            let faces = maps.faces(0.5);
            assert_eq!(faces.len(), 4, "{value}: the second row is left");
        }
        let mut maps = Blank::new();
        maps.heat[5] = 1.5;
        maps.offset[CELLS + 5] = 100.0; // far to the right: nothing of it is left
        assert!(maps.faces(0.5).is_empty());
        maps.offset[CELLS + 5] = 0.0;
        assert_eq!(maps.faces(0.5)[0].score, 1.0);
    }

    #[test]
    fn maps_that_do_not_fit_are_none() {
        let maps = Blank::new();
        let of = |w, h| Maps::new(w, h, [&maps.heat, &maps.scale, &maps.offset, &maps.points]).is_some();
        assert!(of(16, 8) && of(8, 16) && !of(16, 12) && !of(17, 8) && !of(0, 0));
        assert!(Maps::new(0, 0, [&[]; 4]).is_some_and(|m| found(&m, 0.5).is_empty()));
    }
}
