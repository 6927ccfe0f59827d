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
//! A network takes an input of a fixed size, and pictures have any shape. A picture that is stretched to that size has
//! distorted faces. A letterbox keeps the shape: the picture is scaled until it fits, and black bars fill the rest, as a wide film on a
//! television. The network's boxes are then in pixels of the input, and [`Letterbox::image_from_input`] has the factors
//! back to the picture:
//!
//! ```
//! use passerby_pixels::{Letterbox, LetterboxScratch, Normalize, letterbox};
//! use passerby_types::{ColorSpace, Image, PixelLayout};
//!
//! // A white picture of 1280x720, as a decoder returns it.
//! let (width, height) = (1280, 720);
//! let mut bytes = vec![128; PixelLayout::I420.tight_len(width, height)];
//! bytes[..1280 * 720].fill(235);
//! let image = Image::from_vec(PixelLayout::I420, width, height, ColorSpace::default(), bytes)?;
//!
//! // The longer side becomes 320 pixels, and the sides of the input are multiples of 32.
//! let placement = Letterbox::new(width, height, 320, 32);
//! assert_eq!((placement.content_width, placement.content_height), (320, 180));
//! let [channels, rows, columns] = placement.item();
//! assert_eq!([channels, rows, columns], [3, 192, 320]);
//!
//! let mut input = vec![0.0; channels * rows * columns];
//! letterbox(&image, &placement, &Normalize::NONE, &mut LetterboxScratch::default(), &mut input);
//! assert!(input[0] > 250.0, "the picture is at the top left");
//! assert_eq!(input[191 * columns], 0.0, "the bar is below it");
//!
//! // A box that the network found at (80, 45) in its input is at (320, 180) in the picture.
//! let (x, y) = placement.image_from_input(width, height);
//! assert_eq!((80.0 * x, 45.0 * y), (320.0, 180.0));
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
