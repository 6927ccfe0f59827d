//! Decodes YuNet's twelve outputs: W. Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence
//! Research 20, 2023, and `FaceDetectorYN` of OpenCV.
//!
//! There are three grids, with cells of 8, 16 and 32 pixels of the input. Each cell answers for one face: two likelihoods,
//! its centre and size, and its landmarks.

use passerby_types::{BBox, Face, Landmarks, Point};

use crate::boxes::is_finite;

/// The sides of a cell in pixels of the input.
const STRIDES: [usize; 3] = [8, 16, 32];

/// The number of numbers of a cell: likelihood of a face, of an object, box, landmarks.
const CHANNELS: [usize; 4] = [1, 1, 4, 10];

/// The name of each output and its number of channels. The grids follow one another, each with the outputs of [`CHANNELS`].
pub(super) const OUTPUTS: [(&str, usize); 12] = [
    ("cls_8", CHANNELS[0]),
    ("obj_8", CHANNELS[1]),
    ("bbox_8", CHANNELS[2]),
    ("kps_8", CHANNELS[3]),
    ("cls_16", CHANNELS[0]),
    ("obj_16", CHANNELS[1]),
    ("bbox_16", CHANNELS[2]),
    ("kps_16", CHANNELS[3]),
    ("cls_32", CHANNELS[0]),
    ("obj_32", CHANNELS[1]),
    ("bbox_32", CHANNELS[2]),
    ("kps_32", CHANNELS[3]),
];

/// The outputs for one picture.
pub(super) struct Grids<'a>([Grid<'a>; 3]);

/// The cells of one stride, row by row. The numbers of a cell stand together.
struct Grid<'a> {
    stride: usize,
    cols: usize,
    /// The likelihood of a face, 0 to 1.
    face: &'a [f32],
    /// The likelihood that the cell shows a whole object, 0 to 1.
    object: &'a [f32],
    /// The centre's place, right and down, in cells from the cell's corner; the logarithms of width and height in cells.
    boxes: &'a [f32],
    /// The five landmarks, right and down, in cells from the cell's corner.
    points: &'a [f32],
}

impl<'a> Grids<'a> {
    /// Takes the outputs for an input with this size in pixels, in the order of [`OUTPUTS`].
    ///
    /// Returns `None` if the size is not a multiple of the largest stride, or if an output does not have the length for it.
    pub(super) fn new(input_width: usize, input_height: usize, outputs: [&'a [f32]; 12]) -> Option<Self> {
        let largest = STRIDES[2];
        let is_whole = input_width.is_multiple_of(largest) && input_height.is_multiple_of(largest);
        let grids = std::array::from_fn(|i| {
            let [face, object, boxes, points] = std::array::from_fn(|n| outputs[i * CHANNELS.len() + n]);
            let stride = STRIDES[i];
            Grid { stride, cols: input_width / stride, face, object, boxes, points }
        });
        let fits = |grid: &Grid<'_>| {
            let cells = grid.cols * (input_height / grid.stride);
            [grid.face, grid.object, grid.boxes, grid.points]
                .iter()
                .zip(CHANNELS)
                .all(|(output, n)| output.len() == n * cells)
        };
        (is_whole && grids.iter().all(fits)).then_some(Self(grids))
    }

    /// Replaces the contents of `out` by the faces of every cell whose score is above `threshold`, in pixels of the input.
    /// Several cells may stand for one face.
    ///
    /// A cell is left out if one of its numbers is not finite, or if its box has no area.
    pub(super) fn faces(&self, threshold: f32, out: &mut Vec<Face>) {
        out.clear();
        for grid in &self.0 {
            let scores = grid.face.iter().zip(grid.object).map(|(&face, &object)| score(face, object));
            let found = scores.enumerate().filter(|(_, score)| *score > threshold);
            out.extend(found.filter_map(|(cell, score)| grid.face_of(cell, score)));
        }
    }
}

/// Returns the score of a cell, the geometric mean of its likelihoods.
fn score(face: f32, object: f32) -> f32 {
    (face.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt()
}

impl Grid<'_> {
    /// Returns the face of one cell, or `None` if its numbers make no face.
    fn face_of(&self, cell: usize, score: f32) -> Option<Face> {
        let stride = self.stride as f32;
        let col = (cell % self.cols) as f32;
        let row = (cell / self.cols) as f32;
        let [x, y, log_width, log_height] = std::array::from_fn(|n| self.boxes[cell * CHANNELS[2] + n]);
        let width = log_width.exp() * stride;
        let height = log_height.exp() * stride;
        let left = (col + x) * stride - width / 2.0;
        let top = (row + y) * stride - height / 2.0;
        let bbox = BBox::new(left, top, left + width, top + height);
        let points = &self.points[cell * CHANNELS[3]..][..CHANNELS[3]];
        let landmarks = Landmarks(std::array::from_fn(|j| {
            Point::new((points[2 * j] + col) * stride, (points[2 * j + 1] + row) * stride)
        }));
        let face = Face::new(bbox, score).with_landmarks(landmarks);
        (is_finite(&face) && !bbox.is_empty()).then_some(face)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outputs of an input with 64x32 pixels, without a face: grids of 8x4, 4x2 and 2x1 cells.
    struct Blank([Vec<f32>; 12]);

    const WIDTH: usize = 64;
    const HEIGHT: usize = 32;
    const FACE_16: usize = 4;

    impl Blank {
        fn new() -> Self {
            Self(std::array::from_fn(|i| {
                let stride = STRIDES[i / 4];
                vec![0.0; WIDTH / stride * (HEIGHT / stride) * OUTPUTS[i].1]
            }))
        }

        fn outputs(&self) -> [&[f32]; 12] {
            std::array::from_fn(|i| self.0[i].as_slice())
        }

        fn faces(&self, threshold: f32) -> Vec<Face> {
            let mut faces = vec![Face::new(BBox::new(0.0, 0.0, 1.0, 1.0), 0.1)];
            Grids::new(WIDTH, HEIGHT, self.outputs()).unwrap().faces(threshold, &mut faces);
            faces
        }
    }

    #[test]
    fn a_cell_becomes_a_box_with_landmarks() {
        let mut blank = Blank::new();
        let cell = 4 + 2; // Row 1, column 2 of the middle grid: its corner is at (32, 16).
        blank.0[FACE_16][cell] = 0.81;
        blank.0[FACE_16 + 1][cell] = 1.0;
        blank.0[FACE_16 + 2][4 * cell..][..4].copy_from_slice(&[0.5, 0.25, 1.5_f32.ln(), 2.0_f32.ln()]);
        blank.0[FACE_16 + 3][10 * cell..][..2].copy_from_slice(&[-0.25, 0.5]);
        let [face] = blank.faces(0.5)[..] else { panic!("one face") };
        let close = |a: f32, b: f32| (a - b).abs() < 1e-4;
        // The centre is at (40, 20), the size 24x32.
        assert!(close(face.bbox.x1, 28.0) && close(face.bbox.x2, 52.0), "{:?}", face.bbox);
        assert!(close(face.bbox.y1, 4.0) && close(face.bbox.y2, 36.0), "{:?}", face.bbox);
        assert!(close(face.score, 0.9));
        let Landmarks([left, right, ..]) = face.landmarks.unwrap();
        assert!(close(left.x, 28.0) && close(left.y, 24.0));
        assert!(close(right.x, 32.0) && close(right.y, 16.0));
    }

    #[test]
    fn every_grid_has_faces() {
        let mut blank = Blank::new();
        for grid in 0..3 {
            blank.0[4 * grid][0] = 1.0;
            blank.0[4 * grid + 1][0] = 1.0;
        }
        let widths: Vec<f32> = blank.faces(0.5).iter().map(|face| face.bbox.width()).collect();
        assert_eq!(widths, [8.0, 16.0, 32.0]);
    }

    #[test]
    fn a_cell_at_the_threshold_is_not_a_face() {
        let mut blank = Blank::new();
        blank.0[0][3] = 0.25;
        blank.0[1][3] = 1.0;
        assert_eq!(blank.faces(0.5).len(), 0);
        assert_eq!(blank.faces(0.49).len(), 1);
    }

    #[test]
    fn a_score_is_at_most_one() {
        let mut blank = Blank::new();
        blank.0[0][3] = 1.5;
        blank.0[1][3] = 3.0;
        assert_eq!(blank.faces(0.5)[0].score, 1.0);
    }

    #[test]
    fn cells_with_broken_numbers_are_left_out() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut blank = Blank::new();
            blank.0[4].fill(0.9);
            blank.0[5].fill(0.9);
            blank.0[6][0] = value;
            blank.0[6][4 + 3] = value;
            blank.0[7][10 * 2 + 9] = value;
            assert_eq!(blank.faces(0.5).len(), 5, "{value}: three of eight cells are broken");
        }
        let mut blank = Blank::new();
        blank.0[4].fill(f32::NAN);
        assert!(blank.faces(0.0).is_empty());
    }

    #[test]
    fn outputs_of_another_size_are_refused() {
        let blank = Blank::new();
        let fits = |w, h| Grids::new(w, h, blank.outputs()).is_some();
        assert!(fits(64, 32) && fits(32, 64) && !fits(64, 64) && !fits(65, 32) && !fits(0, 0));
    }

    #[test]
    fn an_empty_input_has_no_faces() {
        let mut faces = Vec::new();
        Grids::new(0, 0, [&[]; 12]).unwrap().faces(0.0, &mut faces);
        assert!(faces.is_empty());
    }
}
