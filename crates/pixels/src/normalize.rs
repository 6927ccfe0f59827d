//! Pixel values to network inputs.

/// The order of the three channels of a network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red, for networks that were trained on images as OpenCV reads them.
    Bgr,
}

/// How pixel values (0 to 255) become network inputs: `(value - mean) * scale` for each channel.
///
/// Each network has its own values. They should stand beside the code that uses the network.
///
/// ```
/// use passerby_pixels::{ChannelOrder, Normalize};
///
/// // 0 to 255 becomes -1 to 1, with blue first.
/// let normalize = Normalize { mean: [127.5; 3], scale: [1.0 / 127.5; 3], order: ChannelOrder::Bgr };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// Subtracted from each channel of the input, in `order`. In pixel values.
    pub mean: [f32; 3],
    /// Multiplied after that, for each channel of the input, in `order`.
    pub scale: [f32; 3],
    /// The colour of each channel of the input.
    pub order: ChannelOrder,
}

impl Normalize {
    /// Leaves red, green and blue unchanged, 0 to 255.
    pub const NONE: Self = Self { mean: [0.0; 3], scale: [1.0; 3], order: ChannelOrder::Rgb };

    /// Returns the index of input channel `c` in red, green, blue.
    pub(crate) fn rgb_index(&self, c: usize) -> usize {
        match self.order {
            ChannelOrder::Rgb => c,
            ChannelOrder::Bgr => 2 - c,
        }
    }
}

impl Default for Normalize {
    /// Returns [`Normalize::NONE`].
    fn default() -> Self {
        Self::NONE
    }
}
