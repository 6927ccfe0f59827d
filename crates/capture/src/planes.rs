//! Copies decoded planes into pictures.

use passerby_types::{ColorSpace, FramePool, Image, PixelLayout};

/// One plane of a decoded picture: its bytes, and the number of bytes from one row to the next.
pub(crate) type DecodedPlane<'a> = (&'a [u8], usize);

/// Copies `size` pixels from `origin` on out of decoded planes. Returns `None` if the planes are too small.
///
/// `layout` is `I420` or `Nv12`. The column and the row of `origin` are even.
pub(crate) fn copy_planes(
    layout: PixelLayout,
    planes: &[DecodedPlane<'_>],
    origin: (usize, usize),
    size: (u32, u32),
    color: ColorSpace,
    pool: &FramePool,
) -> Option<Image> {
    let planes = planes.get(..layout.planes())?;
    let start = |index| match (index, layout) {
        (0, _) => origin,
        (_, PixelLayout::Nv12) => (origin.0, origin.1 / 2),
        _ => (origin.0 / 2, origin.1 / 2),
    };
    for (index, (data, stride)) in planes.iter().enumerate() {
        let (row, rows) = layout.plane_size(index, size.0, size.1);
        let (x, y) = start(index);
        let last = (y + rows.checked_sub(1)?).checked_mul(*stride)?;
        if x + row > *stride || last + x + row > data.len() {
            return None;
        }
    }
    let mut image = Image::new_in(pool, layout, size.0, size.1, color).ok()?;
    for (index, (data, stride)) in planes.iter().enumerate() {
        let (row, rows) = layout.plane_size(index, size.0, size.1);
        let (x, y) = start(index);
        for r in 0..rows {
            image.row_mut(index, r).copy_from_slice(&data[(y + r) * stride + x..][..row]);
        }
    }
    Some(image)
}
