//! H.264 through whichever decoder can.

use passerby_types::{FramePool, Picture, SourceError};

use crate::h264::nal;
use crate::h264::{AccessUnit, DecodeError, RustyDecoder, VideoDecoder};
use crate::limits::DecodeLimits;

/// Which H.264 decoder a source uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decoder {
    /// The pure Rust decoder, unless the feature `openh264` is on and OpenH264 is the better one: for streams of the
    /// Baseline profile, which it decodes in half the time and to the same pictures, and where the first key frame uses
    /// something that the other does not know. After a damaged picture OpenH264 gives none until the next key frame.
    #[default]
    Auto,
    /// The pure Rust decoder.
    Rusty,
    /// OpenH264; needs the feature `openh264`.
    OpenH264,
}

/// The decoder of a stream: the one asked for, or the one that turns out to know it.
pub(crate) struct Decoding {
    decoder: Box<dyn VideoDecoder>,
    choice: Decoder,
    /// The one to try where the first does not know the stream.
    second: Decoder,
    live: bool,
    limits: DecodeLimits,
    pool: FramePool,
    /// Nothing was decoded yet, so that another decoder may begin.
    untouched: bool,
}

impl Decoding {
    /// `live`: pictures are to come as soon as they can (see [`RustyDecoder::low_delay`]).
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`] for a decoder that is not there.
    pub(crate) fn new(
        choice: Decoder,
        live: bool,
        limits: DecodeLimits,
        pool: FramePool,
    ) -> Result<Self, DecodeError> {
        let decoder = make(choice, live, &limits, &pool)?;
        Ok(Self { decoder, choice, second: Decoder::OpenH264, live, limits, pool, untouched: true })
    }

    /// As [`VideoDecoder::decode`].
    pub(crate) fn decode(&mut self, unit: AccessUnit<'_>, out: &mut Vec<Picture>) -> Result<(), DecodeError> {
        let open = self.untouched && self.choice == Decoder::Auto;
        if open
            && self.second == Decoder::OpenH264
            && is_baseline(unit.data)
            && let Ok(better) = self.other(Decoder::OpenH264)
        {
            (self.decoder, self.second) = (better, Decoder::Rusty);
        }
        let mut result = self.decoder.decode(unit, out);
        if open
            && matches!(result, Err(DecodeError::Unsupported(_)))
            && let Ok(other) = self.other(self.second)
        {
            self.decoder = other;
            result = self.decoder.decode(unit, out);
        }
        self.untouched &= matches!(result, Err(DecodeError::Damaged(_)));
        result
    }

    fn other(&self, decoder: Decoder) -> Result<Box<dyn VideoDecoder>, DecodeError> {
        make(decoder, self.live, &self.limits, &self.pool)
    }

    /// As [`VideoDecoder::flush`].
    pub(crate) fn flush(&mut self, out: &mut Vec<Picture>) {
        self.decoder.flush(out);
    }

    /// As [`VideoDecoder::reset`].
    pub(crate) fn reset(&mut self) {
        self.decoder.reset();
    }
}

/// Whether the first parameter set says that the stream is of the Baseline profile (H.264 A.2.1).
fn is_baseline(data: &[u8]) -> bool {
    const BASELINE: u8 = 66;
    nal::split(data).find(|unit| nal::kind(unit) == nal::SPS).is_some_and(|sps| sps.get(1) == Some(&BASELINE))
}

/// Makes the decoder asked for.
fn make(
    decoder: Decoder,
    live: bool,
    limits: &DecodeLimits,
    pool: &FramePool,
) -> Result<Box<dyn VideoDecoder>, DecodeError> {
    let (pool, pixels) = (pool.clone(), limits.video_pixels);
    match decoder {
        Decoder::Auto | Decoder::Rusty => {
            let rusty = RustyDecoder::new(pool, pixels);
            Ok(Box::new(if live { rusty.low_delay() } else { rusty }))
        }
        #[cfg(feature = "openh264")]
        Decoder::OpenH264 => Ok(Box::new(crate::h264::OpenH264Decoder::new(pool, pixels)?)),
        #[cfg(not(feature = "openh264"))]
        Decoder::OpenH264 => Err(DecodeError::Unsupported(
            "decoder OpenH264: passerby was built without the feature `openh264`".into(),
        )),
    }
}

/// What a decoder's error that ends the stream is to the caller.
pub(crate) fn fatal(input: &str, error: DecodeError) -> SourceError {
    let input = input.to_owned();
    match error {
        DecodeError::Unsupported(what) => SourceError::Unsupported { input, what },
        DecodeError::TooLarge { what, limit } => SourceError::TooLarge { input, what, limit },
        DecodeError::Damaged(what) => SourceError::Malformed { input, what },
    }
}
