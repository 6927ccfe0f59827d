//! From pixels in any layout to the numbers that a network takes.
//!
//! The loops over pixels are [`passerby_cnn::pixels`]; here it is said what they are to do. [`channels`] is all that
//! knows of layouts.

mod axis;
mod channels;
mod convert;
mod letterbox;
mod normalize;
mod place;
mod warp;

pub use convert::to_rgb;
pub use letterbox::{Scratch, letterbox};
pub use normalize::{ChannelOrder, Normalize};
pub use place::Letterbox;
pub use warp::{Border, warp};
