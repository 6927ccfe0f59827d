//! Converts a driver's bytes to a picture.

use passerby_types::{Buffer, FramePool, Image, PixelLayout};

use super::device::{NegotiatedFormat, WebcamPixels};
use crate::jpeg;
use crate::limits::DecodeLimits;

/// Returns the picture in a driver's bytes. The bytes themselves become the picture, except for JPEG, which is decoded.
///
/// The error describes the fault.
pub(super) fn to_image(
    bytes: Buffer,
    stream: &NegotiatedFormat,
    limits: &DecodeLimits,
    pool: &FramePool,
) -> Result<Image, String> {
    let layout = match stream.format.pixels {
        WebcamPixels::Mjpeg => return jpeg::decode(&bytes, limits, pool),
        WebcamPixels::Nv12 => PixelLayout::Nv12,
        WebcamPixels::I420 | WebcamPixels::Yv12 => PixelLayout::I420,
        WebcamPixels::Yuyv | WebcamPixels::Uyvy => PixelLayout::Yuyv,
        WebcamPixels::Rgb | WebcamPixels::Bgr => PixelLayout::Rgb8,
        WebcamPixels::Grey => PixelLayout::Gray8,
    };
    let width = stream.format.width;
    let height = stream.format.height;
    let rows = height as usize;
    let stride = match stream.stride {
        0 => guess_stride(layout, width, rows, bytes.len()),
        stride => stride,
    };
    // Planes follow each other, and those of chroma have half the stride (V4L2, multi-planar formats in one buffer).
    let half = stride.div_ceil(2);
    let first = stride.saturating_mul(rows);
    let second = first.saturating_add(half.saturating_mul(rows.div_ceil(2)));
    let (offsets, strides) = match stream.format.pixels {
        WebcamPixels::Nv12 => ([0, first, 0], [stride, stride, 0]),
        WebcamPixels::I420 => ([0, first, second], [stride, half, half]),
        WebcamPixels::Yv12 => ([0, second, first], [stride, half, half]),
        _ => ([0; 3], [stride; 3]),
    };
    let mut image = Image::from_planes(layout, width, height, stream.color, offsets, strides, bytes)
        .map_err(|e| e.to_string())?;
    match stream.format.pixels {
        WebcamPixels::Uyvy => {
            each_row(&mut image, |row| row.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1)));
        }
        WebcamPixels::Bgr => {
            each_row(&mut image, |row| row.chunks_exact_mut(3).for_each(|bgr| bgr.swap(0, 2)));
        }
        _ => {}
    }
    Ok(image)
}

/// Returns the stride if the driver doesn't report it: rows without padding, or with equal padding if there are more bytes.
/// Padding can only be recognised in a single plane.
fn guess_stride(layout: PixelLayout, width: u32, rows: usize, len: usize) -> usize {
    let (row, _) = layout.plane_size(0, width, 1);
    match layout {
        // Both planes have the same stride, and chroma comes in pairs.
        PixelLayout::Nv12 => row.next_multiple_of(2),
        PixelLayout::I420 => row,
        _ if rows > 0 && len.is_multiple_of(rows) => (len / rows).max(row),
        _ => row,
    }
}

fn each_row(image: &mut Image, change: impl Fn(&mut [u8])) {
    for y in 0..image.height() as usize {
        change(image.row_mut(0, y));
    }
}

#[cfg(test)]
mod tests {
    use passerby_types::{ColorSpace, Matrix, Range};
    use proptest::prelude::*;

    use super::*;
    use crate::webcam::WebcamFormat;

    const ALL: [WebcamPixels; 8] = [
        WebcamPixels::Nv12,
        WebcamPixels::I420,
        WebcamPixels::Yv12,
        WebcamPixels::Yuyv,
        WebcamPixels::Uyvy,
        WebcamPixels::Rgb,
        WebcamPixels::Bgr,
        WebcamPixels::Grey,
    ];

    fn stream(
        pixels: WebcamPixels,
        width: u32,
        height: u32,
        stride: usize,
        color: ColorSpace,
    ) -> NegotiatedFormat {
        NegotiatedFormat { format: WebcamFormat { pixels, width, height, rate: None }, stride, color }
    }

    fn read(bytes: Vec<u8>, stream: &NegotiatedFormat) -> Result<Image, String> {
        to_image(bytes.into(), stream, &DecodeLimits::default(), &FramePool::default())
    }

    /// Returns the colour of a pixel by the format's definition, from the bytes alone.
    fn defined_color(bytes: &[u8], s: &NegotiatedFormat, x: usize, y: usize) -> [u8; 3] {
        let stride = s.stride;
        let height = s.format.height as usize;
        let luma = y * stride + x;
        let chroma = stride * height + y / 2 * stride;
        let half = stride.div_ceil(2);
        let quarter = half * height.div_ceil(2);
        let small = |plane: usize| bytes[stride * height + plane * quarter + y / 2 * half + x / 2];
        let at = |offset: usize| bytes[y * stride + offset];
        match s.format.pixels {
            WebcamPixels::Nv12 => {
                s.color.rgb(bytes[luma], bytes[chroma + x / 2 * 2], bytes[chroma + x / 2 * 2 + 1])
            }
            WebcamPixels::I420 => s.color.rgb(bytes[luma], small(0), small(1)),
            WebcamPixels::Yv12 => s.color.rgb(bytes[luma], small(1), small(0)),
            WebcamPixels::Yuyv => s.color.rgb(at(2 * x), at(x / 2 * 4 + 1), at(x / 2 * 4 + 3)),
            WebcamPixels::Uyvy => s.color.rgb(at(2 * x + 1), at(x / 2 * 4), at(x / 2 * 4 + 2)),
            WebcamPixels::Rgb => [at(3 * x), at(3 * x + 1), at(3 * x + 2)],
            WebcamPixels::Bgr => [at(3 * x + 2), at(3 * x + 1), at(3 * x)],
            WebcamPixels::Grey => s.color.rgb(bytes[luma], 128, 128),
            WebcamPixels::Mjpeg => unreachable!("not in ALL"),
        }
    }

    /// Returns the bytes of a row and of a picture by the format's definition.
    fn needed(s: &NegotiatedFormat) -> (usize, usize) {
        let w = s.format.width as usize;
        let h = s.format.height as usize;
        let even = w.next_multiple_of(2);
        let small = |row: usize| s.stride * h + s.stride.div_ceil(2) * (2 * h.div_ceil(2) - 1) + row;
        let plane = |row: usize| (row, s.stride * (h - 1) + row);
        match s.format.pixels {
            WebcamPixels::Nv12 => (even, s.stride * (h + h.div_ceil(2) - 1) + even),
            WebcamPixels::I420 | WebcamPixels::Yv12 => (w, small(w.div_ceil(2))),
            WebcamPixels::Yuyv | WebcamPixels::Uyvy => plane(2 * even),
            WebcamPixels::Rgb | WebcamPixels::Bgr => plane(3 * w),
            WebcamPixels::Grey | WebcamPixels::Mjpeg => plane(w),
        }
    }

    proptest! {
        #[test]
        fn every_pixel_has_the_colour_of_its_format(
            pixels in prop::sample::select(&ALL[..]), width in 1u32..20, height in 1u32..12, padding in 0usize..9,
            full in any::<bool>(), high in any::<bool>(), more in 0usize..20, seed in any::<u64>(),
        ) {
            let color = ColorSpace {
                matrix: if high { Matrix::Bt709 } else { Matrix::Bt601 },
                range: if full { Range::Full } else { Range::Limited },
            };
            let (row, _) = needed(&stream(pixels, width, height, 0, color));
            let s = stream(pixels, width, height, row + padding, color);
            let (_, len) = needed(&s);
            let bytes: Vec<u8> =
                (0..len + more).map(|i| ((i as u64 + 1).wrapping_mul(seed | 1) >> 23) as u8).collect();
            let image = read(bytes.clone(), &s).unwrap();
            prop_assert_eq!((image.width(), image.height()), (width, height));
            for y in 0..height {
                for x in 0..width {
                    prop_assert_eq!(image.rgb_at(x, y), defined_color(&bytes, &s, x as usize, y as usize));
                }
            }
            prop_assert!(read(bytes[..len - 1].to_vec(), &s).is_err(), "a byte too few");
            prop_assert!(read(bytes, &stream(pixels, width, height, row - 1, color)).is_err() || row == 1);
        }

        #[test]
        fn no_report_of_a_driver_panics(
            pixels in prop::sample::select(&ALL[..]),
            width in prop::sample::select(&[0, 1, 7, 640, 32_768, u32::MAX][..]),
            height in prop::sample::select(&[0, 1, 7, 480, 32_768, u32::MAX][..]),
            stride in prop::sample::select(&[0, 1, 1281, usize::MAX][..]), len in 0usize..2000,
        ) {
            let s = stream(pixels, width, height, stride, ColorSpace::default());
            if let Ok(image) = read(vec![7; len], &s) {
                prop_assert!(image.width() as usize * image.height() as usize <= len);
            }
        }
    }

    #[test]
    fn an_unreported_stride_is_found_from_the_length() {
        let of = |pixels, width, len| {
            read((0..len).map(|i| i as u8).collect(), &stream(pixels, width, 4, 0, ColorSpace::JPEG))
        };
        assert_eq!(of(WebcamPixels::Yuyv, 6, 48).unwrap().plane(0).stride, 12);
        assert_eq!(of(WebcamPixels::Yuyv, 6, 64).unwrap().plane(0).stride, 16, "four bytes of padding");
        assert_eq!(of(WebcamPixels::Grey, 6, 27).unwrap().plane(0).stride, 6);
        assert_eq!(of(WebcamPixels::Nv12, 6, 36).unwrap().plane(1).row(1), [30, 31, 32, 33, 34, 35]);
        assert_eq!(of(WebcamPixels::I420, 6, 36).unwrap().plane(2).row(1), [33, 34, 35]);
        assert!(of(WebcamPixels::Nv12, 5, 29).is_err());
        assert!(of(WebcamPixels::Yuyv, 6, 47).is_err());
    }

    #[test]
    fn jpeg_has_its_own_size() {
        let mut bytes = Vec::new();
        let grey = vec![90; 24 * 16];
        image::codecs::jpeg::JpegEncoder::new(&mut bytes)
            .encode(&grey, 24, 16, image::ExtendedColorType::L8)
            .unwrap();
        let s = stream(WebcamPixels::Mjpeg, 640, 480, 0, ColorSpace::default());
        let image = read(bytes.clone(), &s).unwrap();
        assert_eq!((image.layout(), image.width(), image.height()), (PixelLayout::Gray8, 24, 16));
        assert!(image.rgb_at(20, 10)[0].abs_diff(90) <= 1);
        assert!(read(bytes[..bytes.len() / 2].to_vec(), &s).is_err());
        assert!(read(vec![0; 1000], &s).is_err());
    }
}
