//! From pixels in any layout to the numbers that a network takes.
//!
//! Every kernel reads the picture's own planes; [`channels`] is all that knows of layouts, [`finish`] all that knows
//! of colours and normalisation.

mod axis;
mod channels;
mod convert;
mod finish;
mod letterbox;
mod normalize;
mod place;
mod rows;
mod warp;

pub use convert::to_rgb;
pub use letterbox::{Scratch, letterbox};
pub use normalize::{ChannelOrder, Normalize};
pub use place::Letterbox;
pub use warp::{Border, warp};
