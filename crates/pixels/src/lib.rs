//! Images in any pixel layout to the input of a network.
//!
//! - [`letterbox`] scales a whole image into the input of a detector. A [`Letterbox`] is the position of the image in
//!   it.
//! - [`warp`] samples an aligned face into the input of an embedder or a classifier.
//!
//! Both read every layout as it is, without an RGB copy, and apply the network's [`Normalize`]. The SIMD kernels are in
//! [`passerby_cnn::resample`]. To show or save a whole image as RGB, use
//! [`Image::to_rgb`](passerby_types::Image::to_rgb).
//!
//! ```
//! use passerby_pixels::{Letterbox, LetterboxScratch, Normalize, letterbox};
//! use passerby_types::{ColorSpace, Image, PixelLayout};
//!
//! let bytes = vec![128; PixelLayout::I420.tight_len(64, 48)];
//! let image = Image::from_vec(PixelLayout::I420, 64, 48, ColorSpace::default(), bytes)?;
//!
//! // The longer side becomes 32 pixels, and the sides of the input are multiples of 32.
//! let placement = Letterbox::new(image.width(), image.height(), 32, 32);
//! let mut input = vec![0.0; placement.item().iter().product()];
//! letterbox(&image, &placement, &Normalize::NONE, &mut LetterboxScratch::default(), &mut input);
//! assert_eq!(placement.item(), [3, 32, 32]);
//! # Ok::<(), passerby_types::ImageError>(())
//! ```

mod axis;
mod channels;
mod letterbox;
mod normalize;
mod placement;
mod warp;

pub use letterbox::{LetterboxScratch, letterbox};
pub use normalize::{ChannelOrder, Normalize};
pub use placement::Letterbox;
pub use warp::{Border, warp};
