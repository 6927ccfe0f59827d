//! A picture scaled to a small square.

use passerby_types::Image;

/// Returns the picture as RGB, scaled to `side` by `side` pixels, row by row.
///
/// Each pixel is the mean of several points, which are interpolated linearly, so that a picture that shrinks keeps no
/// jagged edges. This is for a few small pictures; the networks' inputs have kernels of their own.
pub(crate) fn thumbnail(image: &Image, side: usize) -> Vec<u8> {
    let rgb = image.to_rgb();
    let width = image.width() as usize;
    let columns = points(width, side);
    let rows = points(image.height() as usize, side);
    let mut out = Vec::with_capacity(3 * side * side);
    for rows in rows.chunks_exact(rows.len() / side) {
        for columns in columns.chunks_exact(columns.len() / side) {
            let mut sum = [0.0; 3];
            for &(top, bottom, v) in rows {
                for &(left, right, u) in columns {
                    let corner = |x: usize, y: usize, c: usize| f32::from(rgb[3 * (y * width + x) + c]);
                    for (c, sum) in sum.iter_mut().enumerate() {
                        let above = corner(left, top, c) * (1.0 - u) + corner(right, top, c) * u;
                        let below = corner(left, bottom, c) * (1.0 - u) + corner(right, bottom, c) * u;
                        *sum += above * (1.0 - v) + below * v;
                    }
                }
            }
            let count = (rows.len() * columns.len()) as f32;
            out.extend(sum.map(|sum| (sum / count).round() as u8));
        }
    }
    out
}

/// Returns the points of all pixels of one axis, the same number for each: the source pixels before and after the point,
/// and the weight of the second.
fn points(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let each = from.div_ceil(to).max(1);
    let count = each * to;
    let point = |i: usize| {
        let place = (i as f32 + 0.5) * from as f32 / count as f32 - 0.5;
        let place = place.clamp(0.0, (from - 1) as f32);
        let first = place.floor() as usize;
        (first, (first + 1).min(from - 1), place - first as f32)
    };
    (0..count).map(point).collect()
}

#[cfg(test)]
mod tests {
    use passerby_types::{ColorSpace, PixelLayout};

    use super::*;

    fn grey(width: u32, height: u32, bytes: Vec<u8>) -> Image {
        Image::from_vec(PixelLayout::Gray8, width, height, ColorSpace::JPEG, bytes).unwrap()
    }

    #[test]
    fn a_picture_of_the_same_size_is_unchanged() {
        let image = grey(3, 3, (0..9).map(|i| i * 20).collect());
        assert_eq!(thumbnail(&image, 3), image.to_rgb());
    }

    #[test]
    fn shrinking_averages() {
        let stripes = (0..64).map(|i| if i % 2 == 0 { 0 } else { 200 }).collect();
        assert_eq!(thumbnail(&grey(8, 8, stripes), 4), [100; 48]);
    }

    #[test]
    fn enlarging_interpolates() {
        assert_eq!(
            thumbnail(&grey(2, 1, vec![0, 100]), 4)[..12],
            [0, 0, 0, 25, 25, 25, 75, 75, 75, 100, 100, 100]
        );
    }
}
