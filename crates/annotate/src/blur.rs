//! Makes faces unrecognisable.

use passerby_types::{BBox, Image};

use crate::canvas::channels;
use crate::rect::Rect;

/// The part of the box's longer side by which each side of the region lies outside the box: hair, ears and chin.
const MARGIN: f32 = 0.25;
/// The most blocks along a side of the region. About four of them cover the face itself.
const MAX_BLOCKS: i32 = 6;
/// The shortest side of a block in pixels, for small faces.
const MIN_BLOCK: i32 = 8;
/// Block means are rounded to a multiple of this, so that many pictures of one face do not add up to a finer one.
const LEVEL: f32 = 8.0;

/// Makes the face in a box of pixels unrecognisable, in the picture's own layout: the box, grown by a quarter of its longer
/// side, becomes at most six by six blocks of one colour each, with soft transitions between them.
///
/// The result depends on the rounded means of the blocks alone, so no filter can bring the face back. Faces without
/// a box stay as they are. Does nothing if the box is empty or outside the picture.
///
/// ```
/// use passerby_annotate::blur_face;
/// use passerby_types::{BBox, ColorSpace, Image, PixelLayout};
///
/// let stripes = (0..64 * 64).map(|i| if i % 2 == 0 { 0 } else { 255 }).collect();
/// let mut image = Image::from_vec(PixelLayout::Gray8, 64, 64, ColorSpace::JPEG, stripes)?;
/// blur_face(&mut image, &BBox::new(16.0, 16.0, 47.0, 47.0));
/// assert_eq!(image.rgb_at(32, 32), image.rgb_at(33, 32));
/// assert_eq!(image.rgb_at(1, 0), [255; 3]);
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
pub fn blur_face(image: &mut Image, bbox: &BBox) {
    let Some(face) = Rect::of_box(bbox) else { return };
    let margin = (face.width().max(face.height()) as f32 * MARGIN).ceil() as i32;
    let bounds = Rect::new(0, 0, image.width() as i32, image.height() as i32);
    let region = face.grown(margin).snapped().intersect(&bounds);
    if region.is_empty() {
        return;
    }
    let longer = region.width().max(region.height());
    let block = (longer + MAX_BLOCKS - 1) / MAX_BLOCKS;
    let block = block.max(MIN_BLOCK);
    let columns = (region.width() + block - 1) / block;
    let rows = (region.height() + block - 1) / block;
    for channel in channels(image.layout()) {
        let cells = channel.samples(&region);
        // A subsampled channel of a narrow region may have fewer samples than there are blocks.
        let columns = columns.min(cells.width()) as usize;
        let rows = rows.min(cells.height()) as usize;
        let width = cells.width() as usize;
        let height = cells.height() as usize;
        let mut means = [[0.0; MAX_BLOCKS as usize]; MAX_BLOCKS as usize];
        for (j, means) in means.iter_mut().enumerate().take(rows) {
            let ys = j * height / rows..(j + 1) * height / rows;
            for (i, mean) in means.iter_mut().enumerate().take(columns) {
                let xs = i * width / columns..(i + 1) * width / columns;
                let count = xs.len() * ys.len();
                let sum: u64 = ys
                    .clone()
                    .map(|y| {
                        let row = &image.plane(channel.plane).row(cells.y0 as usize + y)[channel.offset..];
                        let first = (cells.x0 as usize + xs.start) * channel.step;
                        let samples = row[first..].iter().step_by(channel.step).take(xs.len());
                        samples.map(|sample| u64::from(*sample)).sum::<u64>()
                    })
                    .sum();
                *mean = (sum as f32 / count as f32 / LEVEL).round() * LEVEL;
            }
        }
        for y in 0..height {
            let (top, bottom, v) = between(y, height, rows);
            let row = &mut image.row_mut(channel.plane, cells.y0 as usize + y)[channel.offset..];
            let mixed: [f32; MAX_BLOCKS as usize] =
                std::array::from_fn(|i| means[top][i] * (1.0 - v) + means[bottom][i] * v);
            let samples = row[cells.x0 as usize * channel.step..].iter_mut().step_by(channel.step);
            for (x, sample) in samples.take(width).enumerate() {
                let (left, right, u) = between(x, width, columns);
                // Rounded: the mean is not negative.
                *sample = (mixed[left] * (1.0 - u) + mixed[right] * u + 0.5) as u8;
            }
        }
    }
}

/// Returns the two blocks whose centres are before and after sample `at` of `len`, and the weight of the second.
fn between(at: usize, len: usize, blocks: usize) -> (usize, usize, f32) {
    let place = (at as f32 + 0.5) * blocks as f32 / len as f32 - 0.5;
    let place = place.clamp(0.0, (blocks - 1) as f32);
    let first = place as usize;
    (first, (first + 1).min(blocks - 1), place - first as f32)
}

#[cfg(test)]
mod tests {
    use passerby_testkit::LAYOUTS;
    use passerby_types::{ColorSpace, PixelLayout};
    use proptest::prelude::*;

    use super::*;

    fn noise(layout: PixelLayout, width: u32, height: u32, seed: usize) -> Image {
        let bytes = (0..layout.tight_len(width, height)).map(|i| ((i + seed) * 7919 % 251) as u8).collect();
        Image::from_vec(layout, width, height, ColorSpace::default(), bytes).unwrap()
    }

    #[test]
    fn two_faces_with_the_same_block_means_look_the_same() {
        for layout in LAYOUTS {
            // The region of this box is 96 by 96 pixels with blocks of 16 by 16.
            let bbox = BBox::new(48.0, 48.0, 111.0, 111.0);
            let mut one = noise(layout, 160, 160, 0);
            let mut other = one.clone();
            for channel in channels(layout) {
                let (bx, by) = channel.block;
                let (w, h) = (16 / bx as usize, 16 / by as usize);
                // Turns each block by 180 degrees: another face with the same means.
                for y in 32 / by as usize..128 / by as usize {
                    for x in 32 / bx as usize..128 / bx as usize {
                        let twin_x = x / w * w + (w - 1 - x % w);
                        let twin_y = y / h * h + (h - 1 - y % h);
                        let value =
                            one.plane(channel.plane).row(twin_y)[channel.offset + twin_x * channel.step];
                        other.row_mut(channel.plane, y)[channel.offset + x * channel.step] = value;
                    }
                }
            }
            assert_ne!(one.to_rgb(), other.to_rgb());
            blur_face(&mut one, &bbox);
            blur_face(&mut other, &bbox);
            assert_eq!(one.to_rgb(), other.to_rgb(), "{layout:?}");
        }
    }

    #[test]
    fn pixels_outside_the_grown_box_stay() {
        for layout in LAYOUTS {
            let before = noise(layout, 81, 61, 5);
            let mut after = before.clone();
            blur_face(&mut after, &BBox::new(20.0, 20.0, 39.0, 39.0));
            for y in 0..61 {
                for x in 0..81 {
                    if !(14..46).contains(&x) || !(14..46).contains(&y) {
                        assert_eq!(before.rgb_at(x, y), after.rgb_at(x, y), "{layout:?} {x} {y}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_box_panics_and_neighbours_are_alike(
            layout in prop::sample::select(&LAYOUTS[..]), w in 1u32..70, h in 1u32..70,
            corners in prop::array::uniform4(prop_oneof![
                -200f32..200.0, Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(f32::NAN), Just(1e30), Just(-1e30),
            ]),
        ) {
            let [x1, y1, x2, y2] = corners;
            let mut image = noise(layout, w, h, 0);
            blur_face(&mut image, &BBox::new(x1, y1, x2, y2));
        }
    }
}
