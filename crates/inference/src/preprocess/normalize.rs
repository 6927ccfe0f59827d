//! From pixel values to network inputs.

/// The order of the three channels of a network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red: networks trained on pictures as OpenCV reads them.
    Bgr,
}

/// How pixel values (0 to 255) become network inputs: `(value - mean) * scale` for each channel.
///
/// Every network states its own; the numbers belong beside the code that uses the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// Subtracted, in pixel values; one number for each channel of the input, in `order`.
    pub mean: [f32; 3],
    /// Multiplied after that; one number for each channel of the input, in `order`.
    pub scale: [f32; 3],
    /// Which colour each channel of the input is.
    pub order: ChannelOrder,
}

impl Normalize {
    /// Red, green, blue as they are, 0 to 255.
    pub const NONE: Self = Self { mean: [0.0; 3], scale: [1.0; 3], order: ChannelOrder::Rgb };

    /// For channel `c` of the input: which of red, green and blue it is.
    pub(crate) fn source(&self, c: usize) -> usize {
        match self.order {
            ChannelOrder::Rgb => c,
            ChannelOrder::Bgr => 2 - c,
        }
    }
}

impl Default for Normalize {
    /// [`Normalize::NONE`].
    fn default() -> Self {
        Self::NONE
    }
}
