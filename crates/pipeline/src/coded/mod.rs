//! The cameras' coded pictures for viewers, as they came from the camera or the file.
//!
//! The camera's reader puts each coded picture into the camera's `hub.rs`, in display order. `decode_order.rs` puts them into decoding
//! order, `group.rs` keeps the newest ones for viewers that come late, and `viewer.rs` is the bounded queue of one viewer.
//! `streams.rs` is the public side.

pub(crate) mod decode_order;
mod frame;
mod group;
pub(crate) mod hub;
pub(crate) mod streams;
mod viewer;

pub use frame::CodedFrame;
pub use streams::{CodedStream, CodedStreams};
pub use viewer::CodedStreamStats;
