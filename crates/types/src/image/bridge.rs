//! Conversions from and to the pictures of the `image` crate.

use image::{DynamicImage, RgbImage};

use super::color::ColorSpace;
use super::layout::PixelLayout;
use super::{Image, ImageError};

/// Converts a decoded picture. An 8-bit grey picture stays grey and keeps its bytes, an 8-bit RGB picture keeps its bytes,
/// and every other one becomes 8-bit RGB without its transparency.
///
/// Returns [`ImageError::Size`] if a side is 0 or larger than [`Image::MAX_SIDE`]. Needs the feature `image`.
///
/// The `image` crate does not turn a picture that carries an EXIF orientation: apply the orientation first, because an
/// [`Image`] must be upright.
///
/// ```
/// use image::{DynamicImage, RgbImage};
/// use passerby_types::Image;
///
/// let red = RgbImage::from_pixel(4, 2, image::Rgb([255, 0, 0]));
/// let picture = Image::try_from(DynamicImage::ImageRgb8(red))?;
/// assert_eq!(picture.rgb_at(3, 1), [255, 0, 0]);
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
impl TryFrom<DynamicImage> for Image {
    type Error = ImageError;

    fn try_from(picture: DynamicImage) -> Result<Self, ImageError> {
        match picture {
            DynamicImage::ImageLuma8(grey) => {
                let (width, height) = grey.dimensions();
                Self::from_vec(PixelLayout::Gray8, width, height, ColorSpace::JPEG, grey.into_raw())
            }
            other => other.into_rgb8().try_into(),
        }
    }
}

/// Takes the bytes of an RGB picture without a copy.
///
/// Returns [`ImageError::Size`] if a side is 0 or larger than [`Image::MAX_SIDE`]. Needs the feature `image`.
impl TryFrom<RgbImage> for Image {
    type Error = ImageError;

    fn try_from(picture: RgbImage) -> Result<Self, ImageError> {
        let (width, height) = picture.dimensions();
        Self::from_vec(PixelLayout::Rgb8, width, height, ColorSpace::JPEG, picture.into_raw())
    }
}

impl Image {
    /// Returns the picture as a picture of the `image` crate, for example to save it. Needs the feature `image`.
    ///
    /// ```
    /// use passerby_types::{ColorSpace, Image, PixelLayout};
    ///
    /// let grey = Image::from_vec(PixelLayout::Gray8, 2, 1, ColorSpace::JPEG, vec![0, 255])?;
    /// let picture = grey.to_rgb_image();
    /// assert_eq!(picture.get_pixel(1, 0).0, [255, 255, 255]);
    /// # Ok::<(), passerby_types::ImageError>(())
    /// ```
    #[must_use]
    pub fn to_rgb_image(&self) -> RgbImage {
        RgbImage::from_raw(self.width(), self.height(), self.to_rgb())
            .expect("to_rgb returns three bytes for each pixel")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grey_picture_keeps_its_bytes() {
        let grey = image::GrayImage::from_raw(3, 1, vec![1, 2, 3]).unwrap();
        let picture = Image::try_from(DynamicImage::ImageLuma8(grey)).unwrap();
        assert_eq!((picture.layout(), picture.plane(0).row(0)), (PixelLayout::Gray8, &[1, 2, 3][..]));
    }

    #[test]
    fn a_picture_loses_its_transparency() {
        let clear = image::RgbaImage::from_raw(1, 1, vec![1, 2, 3, 0]).unwrap();
        let picture = Image::try_from(DynamicImage::ImageRgba8(clear)).unwrap();
        assert_eq!((picture.layout(), picture.rgb_at(0, 0)), (PixelLayout::Rgb8, [1, 2, 3]));
    }

    #[test]
    fn an_rgb_picture_comes_back() {
        let before = RgbImage::from_raw(2, 2, (0..12).collect()).unwrap();
        let after = Image::try_from(before.clone()).unwrap().to_rgb_image();
        assert_eq!(after, before);
    }

    #[test]
    fn an_empty_picture_is_refused() {
        let empty = Image::try_from(RgbImage::new(0, 5));
        assert_eq!(empty.unwrap_err(), ImageError::Size { width: 0, height: 5 });
    }
}
