//! The planes of a picture as H.264 takes them: I420 with even sides, in one colour space.

use passerby_types::{ColorSpace, Image, PixelLayout, Plane};
use rusty_h264_common::YuvPlanes;

/// The planes of the latest picture that could not be used as it is. Its memory is used again.
#[derive(Debug, Default)]
pub(crate) struct EvenPlanes {
    /// Y', Cb and Cr without padding.
    planes: [Vec<u8>; 3],
}

/// Returns the sides of a picture with one more column or row if they are odd: a chroma sample of H.264 covers two by two pixels.
pub(crate) fn even_size((width, height): (u32, u32)) -> (u32, u32) {
    (width.next_multiple_of(2), height.next_multiple_of(2))
}

impl EvenPlanes {
    /// Returns the planes of a picture in this colour space. An odd side gets its last column or row twice.
    pub(crate) fn of<'a>(&'a mut self, image: &'a Image, color: ColorSpace) -> Option<YuvPlanes<'a>> {
        let (width, height) = even_size((image.width(), image.height()));
        let (columns, rows) = (width as usize, height as usize);
        let is_even = (width, height) == (image.width(), image.height());
        if is_even && image.layout() == PixelLayout::I420 && image.color() == color {
            let [y, u, v] = [0, 1, 2].map(|plane| image.plane(plane));
            if u.stride == v.stride {
                return YuvPlanes::new(columns, rows, y.data, u.data, v.data, y.stride, u.stride);
            }
        }
        let sizes = [columns * rows, columns * rows / 4, columns * rows / 4];
        for (plane, len) in self.planes.iter_mut().zip(sizes) {
            plane.resize(len, 128);
        }
        // Of a grey picture only the range counts.
        let is_grey = image.layout() == PixelLayout::Gray8 && image.color().range == color.range;
        if is_grey || image.layout() != PixelLayout::Rgb8 && image.color() == color {
            self.copy(image, columns);
        } else {
            self.convert(image, color, (columns, rows));
        }
        let [y, u, v] = &self.planes;
        YuvPlanes::new(columns, rows, y, u, v, columns, columns / 2)
    }

    /// Copies the samples of a picture in the same colour space.
    fn copy(&mut self, image: &Image, columns: usize) {
        let [y, u, v] = &mut self.planes;
        let first = image.plane(0);
        match image.layout() {
            PixelLayout::Yuyv => {
                copy_rows(y, columns, &first, |row, out| pick(row, 0, 2, out));
                let half = columns / 2;
                // The chroma of two rows is their mean.
                for (pair, (u, v)) in u.chunks_exact_mut(half).zip(v.chunks_exact_mut(half)).enumerate() {
                    let upper = first.row(2 * pair);
                    let lower = first.row((2 * pair + 1).min(first.rows - 1));
                    for (offset, out) in [(1, u), (3, v)] {
                        let samples =
                            upper[offset..].iter().step_by(4).zip(lower[offset..].iter().step_by(4));
                        for (out, (a, b)) in out.iter_mut().zip(samples) {
                            *out = u16::midpoint(u16::from(*a), u16::from(*b)) as u8;
                        }
                    }
                }
            }
            PixelLayout::Nv12 => {
                let chroma = image.plane(1);
                copy_rows(y, columns, &first, |row, out| pick(row, 0, 1, out));
                copy_rows(u, columns / 2, &chroma, |row, out| pick(row, 0, 2, out));
                copy_rows(v, columns / 2, &chroma, |row, out| pick(row, 1, 2, out));
            }
            PixelLayout::I420 => {
                copy_rows(y, columns, &first, |row, out| pick(row, 0, 1, out));
                copy_rows(u, columns / 2, &image.plane(1), |row, out| pick(row, 0, 1, out));
                copy_rows(v, columns / 2, &image.plane(2), |row, out| pick(row, 0, 1, out));
            }
            PixelLayout::Gray8 | PixelLayout::Rgb8 => {
                copy_rows(y, columns, &first, |row, out| pick(row, 0, 1, out));
                u.fill(128);
                v.fill(128);
            }
        }
    }

    /// Converts a picture by way of RGB. A chroma sample is that of the mean colour of its four pixels.
    fn convert(&mut self, image: &Image, color: ColorSpace, (columns, rows): (usize, usize)) {
        let rgb = image.to_rgb();
        let (width, height) = (image.width() as usize, image.height() as usize);
        let pixel = |x: usize, y: usize| -> [u8; 3] {
            let at = 3 * (y.min(height - 1) * width + x.min(width - 1));
            [rgb[at], rgb[at + 1], rgb[at + 2]]
        };
        let [luma, u, v] = &mut self.planes;
        for y in (0..rows).step_by(2) {
            for x in (0..columns).step_by(2) {
                let places = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)];
                let pixels = places.map(|(x, y)| pixel(x, y));
                for ((x, y), pixel) in places.into_iter().zip(pixels) {
                    luma[y * columns + x] = color.ycbcr(pixel)[0];
                }
                let mean = [0, 1, 2].map(|c| {
                    let sum: u32 = pixels.iter().map(|pixel| u32::from(pixel[c])).sum();
                    ((sum + 2) / 4) as u8
                });
                let [_, cb, cr] = color.ycbcr(mean);
                let at = y / 2 * (columns / 2) + x / 2;
                u[at] = cb;
                v[at] = cr;
            }
        }
    }
}

/// Writes rows of `columns` samples with `write`. If the plane has a row less, its last one comes twice.
fn copy_rows(out: &mut [u8], columns: usize, plane: &Plane<'_>, write: impl Fn(&[u8], &mut [u8])) {
    for (y, out) in out.chunks_exact_mut(columns).enumerate() {
        write(plane.row(y.min(plane.rows - 1)), out);
    }
}

/// Copies each `step`-th sample of a row, from `offset` on. If the row has a sample less, its last one comes twice.
fn pick(row: &[u8], offset: usize, step: usize, out: &mut [u8]) {
    if step == 1 {
        let len = row.len().min(out.len());
        out[..len].copy_from_slice(&row[..len]);
        if let Some(last) = out.get_mut(len) {
            *last = row[len - 1];
        }
        return;
    }
    let mut last = 0;
    let mut samples = row[offset..].iter().step_by(step);
    for out in out {
        last = samples.next().copied().unwrap_or(last);
        *out = last;
    }
}

#[cfg(test)]
mod tests {
    use passerby_testkit::{LAYOUTS, color_spaces};

    use super::*;

    /// Returns a picture of one colour, as far as the layout has colours.
    fn plain(layout: PixelLayout, (width, height): (u32, u32), color: ColorSpace, rgb: [u8; 3]) -> Image {
        let [y, u, v] = color.ycbcr(rgb);
        let mut image =
            Image::from_vec(layout, width, height, color, vec![0; layout.tight_len(width, height)]).unwrap();
        for plane in 0..layout.planes() {
            let pattern: &[u8] = match (layout, plane) {
                (PixelLayout::Rgb8, _) => &rgb,
                (PixelLayout::Yuyv, _) => &[y, u, y, v],
                (PixelLayout::Nv12, 1) => &[u, v],
                (PixelLayout::I420, 1) => &[u],
                (PixelLayout::I420, 2) => &[v],
                _ => &[y],
            };
            for row in 0..image.plane(plane).rows {
                image
                    .row_mut(plane, row)
                    .iter_mut()
                    .zip(pattern.iter().cycle())
                    .for_each(|(out, v)| *out = *v);
            }
        }
        image
    }

    #[test]
    fn every_layout_and_size_keeps_its_colour() {
        for layout in LAYOUTS {
            for size in [(1, 1), (2, 2), (3, 5), (16, 8), (33, 17)] {
                for (from, to) in color_spaces().flat_map(|from| color_spaces().map(move |to| (from, to))) {
                    let rgb = if layout == PixelLayout::Gray8 { [90; 3] } else { [200, 90, 40] };
                    let image = plain(layout, size, from, rgb);
                    let mut planes = EvenPlanes::default();
                    let got = planes.of(&image, to).expect("a valid size");
                    assert_eq!((got.width % 2, got.height % 2), (0, 0));
                    assert!(got.width as u32 - size.0 < 2 && got.height as u32 - size.1 < 2);
                    for y in 0..got.height {
                        for x in 0..got.width {
                            let chroma = y / 2 * got.stride_c + x / 2;
                            let seen = to.rgb(got.y[y * got.stride_y + x], got.u[chroma], got.v[chroma]);
                            let off = seen.iter().zip(rgb).map(|(a, b)| a.abs_diff(b)).max();
                            assert!(
                                off <= Some(4),
                                "{layout:?} {size:?} {from:?} {to:?}: {seen:?} for {rgb:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_even_picture_is_not_copied() {
        let image = plain(PixelLayout::I420, (16, 8), ColorSpace::default(), [10, 20, 30]);
        let mut planes = EvenPlanes::default();
        planes.of(&image, ColorSpace::default()).expect("a valid size");
        assert!(planes.planes[0].is_empty());
    }

    #[test]
    fn the_last_column_and_row_come_twice() {
        let bytes = vec![1, 2, 3, 4, 5, 6, 7, 8, 9];
        let image = Image::from_vec(PixelLayout::Gray8, 3, 3, ColorSpace::JPEG, bytes).unwrap();
        let mut planes = EvenPlanes::default();
        let got = planes.of(&image, ColorSpace::JPEG).expect("a valid size");
        assert_eq!(got.y, [1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 7, 8, 9, 9]);
        assert_eq!((got.u, got.v), (&[128; 4][..], &[128; 4][..]));
    }
}
