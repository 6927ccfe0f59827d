//! The brightness of a part of a picture in a small grid.

use passerby_types::{BBox, Image, PixelLayout};

/// The mean brightness of each cell of a grid over a part of a picture, row by row, 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LumaGrid<const COLUMNS: usize, const ROWS: usize> {
    pub(crate) cells: [[f32; COLUMNS]; ROWS],
}

impl<const COLUMNS: usize, const ROWS: usize> LumaGrid<COLUMNS, ROWS> {
    /// Measures the part of the picture inside `area`, in pixels; a part outside of the picture is left out of its cells.
    ///
    /// Each cell is the mean over two of its rows of pixels, so a picture costs `2 * ROWS` rows, however large it is. In an RGB
    /// picture, green stands for the brightness.
    ///
    /// A cell without a pixel inside the picture takes the nearest pixel.
    pub(crate) fn of(image: &Image, area: &BBox) -> Self {
        let plane = image.plane(0);
        let (first, step) = match image.layout() {
            PixelLayout::I420 | PixelLayout::Nv12 | PixelLayout::Gray8 => (0, 1),
            PixelLayout::Yuyv => (0, 2),
            PixelLayout::Rgb8 => (1, 3),
        };
        let width = image.width() as usize;
        let height = image.height() as usize;
        let column = |part: usize| pixel(area.x1, area.x2, part as f32 / COLUMNS as f32, width);
        let mut cells = [[0.0; COLUMNS]; ROWS];
        for (row, cells) in cells.iter_mut().enumerate() {
            let lines = [0.25, 0.75].map(|part| {
                plane.row(pixel(area.y1, area.y2, (row as f32 + part) / ROWS as f32, height).min(height - 1))
            });
            for (part, cell) in cells.iter_mut().enumerate() {
                let from = column(part).min(width - 1);
                let to = column(part + 1).max(from + 1);
                let sum: u32 =
                    lines.iter().map(|line| sum(&line[from * step + first..], to - from, step)).sum();
                *cell = sum as f32 / (2 * (to - from)) as f32;
            }
        }
        Self { cells }
    }

    /// Measures the whole picture, as [`LumaGrid::of`].
    pub(crate) fn of_picture(image: &Image) -> Self {
        Self::of(image, &BBox::new(0.0, 0.0, image.width() as f32, image.height() as f32))
    }

    /// Returns the correlation of two grids, -1 to 1, which no change of brightness or contrast of a whole picture alters.
    /// Returns `None` if one of them is the same everywhere.
    pub(crate) fn correlation(&self, other: &Self) -> Option<f32> {
        let count = (COLUMNS * ROWS) as f32;
        let mean = |grid: &Self| grid.cells.as_flattened().iter().sum::<f32>() / count;
        let a_mean = mean(self);
        let b_mean = mean(other);
        let mut product = 0.0;
        let mut a_square = 0.0;
        let mut b_square = 0.0;
        for (a, b) in self.cells.as_flattened().iter().zip(other.cells.as_flattened()) {
            product += (a - a_mean) * (b - b_mean);
            a_square += (a - a_mean) * (a - a_mean);
            b_square += (b - b_mean) * (b - b_mean);
        }
        let scale = (a_square * b_square).sqrt();
        (scale > count * MIN_VARIANCE).then(|| product / scale)
    }
}

/// The least variance of a grid that shows anything, in squared steps of brightness.
const MIN_VARIANCE: f32 = 1.0;

/// Returns the pixel at `part` of the way from `low` to `high`, 0 to `end`.
fn pixel(low: f32, high: f32, part: f32, end: usize) -> usize {
    // A coordinate that is not finite or negative becomes 0.
    ((low + (high - low) * part).round() as usize).min(end)
}

/// Returns the sum of `count` pixels that are `step` bytes apart.
fn sum(bytes: &[u8], count: usize, step: usize) -> u32 {
    if step == 1 {
        return bytes[..count].iter().copied().map(u32::from).sum();
    }
    bytes.iter().step_by(step).take(count).copied().map(u32::from).sum()
}

#[cfg(test)]
mod tests {
    use passerby_types::ColorSpace;

    use super::*;

    const LAYOUTS: [PixelLayout; 5] =
        [PixelLayout::I420, PixelLayout::Nv12, PixelLayout::Yuyv, PixelLayout::Rgb8, PixelLayout::Gray8];

    /// Returns a grey picture that is bright by these levels from left to right, each in a quarter of the width.
    fn stripes(layout: PixelLayout, levels: [u8; 4]) -> Image {
        let bytes = vec![128; layout.tight_len(40, 30)];
        let mut image = Image::from_vec(layout, 40, 30, ColorSpace::JPEG, bytes).unwrap();
        for y in 0..30 {
            let row = image.row_mut(0, y);
            for x in 0..40 {
                let level = levels[x / 10];
                match layout {
                    PixelLayout::Rgb8 => row[3 * x..][..3].fill(level),
                    PixelLayout::Yuyv => row[2 * x] = level,
                    _ => row[x] = level,
                }
            }
        }
        image
    }

    #[test]
    fn every_layout_gives_the_same_grid() {
        for layout in LAYOUTS {
            let grid = LumaGrid::<4, 2>::of_picture(&stripes(layout, [10, 200, 30, 90]));
            assert_eq!(grid.cells, [[10.0, 200.0, 30.0, 90.0]; 2], "{layout:?}");
        }
    }

    #[test]
    fn a_part_of_a_picture_has_its_own_grid() {
        let image = stripes(PixelLayout::Gray8, [10, 200, 30, 90]);
        let grid = LumaGrid::<2, 2>::of(&image, &BBox::new(10.0, 5.0, 30.0, 25.0));
        assert_eq!(grid.cells, [[200.0, 30.0]; 2]);
    }

    #[test]
    fn an_area_outside_the_picture_takes_the_nearest_pixels() {
        let image = stripes(PixelLayout::Gray8, [10, 200, 30, 90]);
        for (area, level) in [
            (BBox::new(-90.0, -50.0, -20.0, -10.0), 10.0),
            (BBox::new(200.0, 100.0, 300.0, 200.0), 90.0),
            (BBox::new(f32::NAN, 0.0, f32::NAN, f32::INFINITY), 10.0),
        ] {
            assert_eq!(LumaGrid::<3, 3>::of(&image, &area).cells, [[level; 3]; 3]);
        }
    }

    #[test]
    fn brightness_and_contrast_do_not_change_a_correlation() {
        let grid = |levels| LumaGrid::<4, 3>::of_picture(&stripes(PixelLayout::Gray8, levels));
        let scene = grid([10, 100, 30, 60]);
        assert!(scene.correlation(&grid([60, 240, 100, 160])).unwrap() > 0.999);
        assert!(scene.correlation(&grid([200, 20, 160, 100])).unwrap() < -0.999);
        assert_eq!(scene.correlation(&grid([90; 4])), None);
    }
}
