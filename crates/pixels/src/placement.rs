//! The position of the scaled image in the input of a detector.

/// The position of the scaled image in the input of a detector. The image is at the top left, and the rest is black.
///
/// ```
/// use passerby_pixels::Letterbox;
///
/// let placement = Letterbox::new(1280, 720, 480, 32);
/// assert_eq!((placement.content_width, placement.content_height), (480, 270));
/// assert_eq!(placement.item(), [3, 288, 480]);
/// assert_eq!(placement.image_from_input(1280, 720), (1280.0 / 480.0, 720.0 / 270.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Letterbox {
    /// The columns of the input.
    pub input_width: usize,
    /// The rows of the input.
    pub input_height: usize,
    /// The columns of the scaled image, 1 to `input_width`.
    pub content_width: usize,
    /// The rows of the scaled image, 1 to `input_height`.
    pub content_height: usize,
}

impl Letterbox {
    /// Returns the placement of an image of `width` x `height` pixels whose longer side becomes `long_side`. The sides
    /// of the input are the next multiples of `multiple`. Halves round to even, as in Python's `round`, so that sizes
    /// are equal to those of the networks' references. An argument of 0 counts as 1.
    #[must_use]
    pub fn new(width: u32, height: u32, long_side: u32, multiple: u32) -> Self {
        let width = f64::from(width.max(1));
        let height = f64::from(height.max(1));
        let scale = f64::from(long_side.max(1)) / width.max(height);
        let content = |side: f64| ((side * scale).round_ties_even() as usize).max(1);
        let input = |content: usize| content.next_multiple_of(multiple.max(1) as usize);
        let content_width = content(width);
        let content_height = content(height);
        Self {
            input_width: input(content_width),
            input_height: input(content_height),
            content_width,
            content_height,
        }
    }

    /// Returns the shape of the input: `[3, height, width]`.
    #[must_use]
    pub fn item(&self) -> [usize; 3] {
        [3, self.input_height, self.input_width]
    }

    /// Returns the factors for x and y that turn coordinates in the input into coordinates in the image. `width` and
    /// `height` must be those of the image for which the placement was made.
    #[must_use]
    pub fn image_from_input(&self, width: u32, height: u32) -> (f32, f32) {
        let factor = |side: u32, content: usize| (f64::from(side) / content.max(1) as f64) as f32;
        (factor(width, self.content_width), factor(height, self.content_height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_match_the_references() {
        let size = |w, h, side| {
            let p = Letterbox::new(w, h, side, 32);
            (p.content_width, p.content_height, p.input_width, p.input_height)
        };
        assert_eq!(size(1280, 720, 320), (320, 180, 320, 192));
        assert_eq!(size(1920, 1080, 640), (640, 360, 640, 384));
        assert_eq!(size(480, 640, 480), (360, 480, 384, 480));
        assert_eq!(size(3840, 2, 480), (480, 1, 480, 32));
        assert_eq!(size(1, 1, 320), (320, 320, 320, 320));
        assert_eq!(size(0, 0, 0), (1, 1, 32, 32));
        // 100 * (50 / 200) = 25, 202 * (50 / 200) = 50.5 and 2.5: halves round to even.
        assert_eq!(size(200, 10, 50), (50, 2, 64, 32));
        assert_eq!(size(200, 14, 50), (50, 4, 64, 32));
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let place = Letterbox::new(u32::MAX, 1, u32::MAX, 0);
        assert_eq!((place.content_width, place.content_height), (u32::MAX as usize, 1));
    }
}
