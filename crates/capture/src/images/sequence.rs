//! The pictures of one file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use passerby_types::{Codec, CodedDemand, FramePool, Picture, SourceError};

/// The pictures of one file, in its order.
pub(super) trait PictureSequence: Send {
    /// Returns the next picture, or `None` at the end. After an error of the class `Skip`, the next picture may follow.
    fn next(&mut self, pool: &FramePool, input: &str) -> Result<Option<Picture>, SourceError>;

    /// Returns the codec of the coded pictures for viewers. By default, a sequence has no coded pictures.
    fn codec(&self) -> Option<Codec> {
        None
    }

    /// Lets the sequence attach coded data to its pictures.
    fn offer_coded(&mut self, demand: &CodedDemand) {
        let _ = demand;
    }
}

/// Runs a decoder and converts a panic in it to an error. Decoders of foreign formats are the least proven code here.
pub(super) fn catch_panic<T>(
    input: &str,
    decode: impl FnOnce() -> Result<T, SourceError>,
) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(SourceError::malformed(input, "its decoder panicked")))
}
