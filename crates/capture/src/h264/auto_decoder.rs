//! Decodes H.264 with the decoder that knows the stream.

use passerby_types::{FramePool, Picture, SourceError};

use super::{AccessUnit, DecodeError, RustyDecoder, VideoDecoder, nal};
use crate::decoder_choice::Decoder;
use crate::limits::DecodeLimits;

/// The decoder of one stream: the one that the user chose, or the one that turns out to know the stream.
pub(crate) struct AutoDecoder {
    decoder: Box<dyn VideoDecoder>,
    choice: Decoder,
    /// The decoder to try if the first one doesn't know the stream.
    fallback: Decoder,
    live: bool,
    limits: DecodeLimits,
    pool: FramePool,
    /// True until something was decoded. Until then another decoder can take over.
    untouched: bool,
}

impl AutoDecoder {
    /// Creates the decoder. If `live` is true, it returns pictures as early as it can (see
    /// [`RustyDecoder::low_delay`]).
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`] if this build doesn't have the decoder.
    pub(crate) fn new(
        choice: Decoder,
        live: bool,
        limits: DecodeLimits,
        pool: FramePool,
    ) -> Result<Self, DecodeError> {
        // FFmpeg's libraries may have been built without H.264.
        let libav = match choice {
            Decoder::Auto => create(Decoder::Libav, live, &limits, &pool).ok(),
            _ => None,
        };
        let (decoder, fallback) = match libav {
            Some(libav) => (libav, Decoder::Rusty),
            None => (create(choice, live, &limits, &pool)?, Decoder::OpenH264),
        };
        Ok(Self { decoder, choice, fallback, live, limits, pool, untouched: true })
    }

    fn create(&self, decoder: Decoder) -> Result<Box<dyn VideoDecoder>, DecodeError> {
        create(decoder, self.live, &self.limits, &self.pool)
    }
}

impl VideoDecoder for AutoDecoder {
    /// Before the first picture this may switch to the other decoder.
    fn decode(&mut self, unit: AccessUnit<'_>, out: &mut Vec<Picture>) -> Result<(), DecodeError> {
        let may_switch = self.untouched && self.choice == Decoder::Auto;
        if may_switch
            && self.fallback == Decoder::OpenH264
            && is_baseline(unit.data)
            && let Ok(openh264) = self.create(Decoder::OpenH264)
        {
            self.decoder = openh264;
            self.fallback = Decoder::Rusty;
        }
        let mut result = self.decoder.decode(unit, out);
        if may_switch
            && matches!(result, Err(DecodeError::Unsupported(_)))
            && let Ok(other) = self.create(self.fallback)
        {
            self.decoder = other;
            result = self.decoder.decode(unit, out);
        }
        self.untouched &= matches!(result, Err(DecodeError::Damaged(_)));
        result
    }

    fn flush(&mut self, out: &mut Vec<Picture>) {
        self.decoder.flush(out);
    }

    fn take_lost(&mut self) -> u64 {
        self.decoder.take_lost()
    }

    fn reset(&mut self) {
        self.decoder.reset();
    }
}

/// Returns true if the first parameter set declares the Baseline profile (H.264 A.2.1).
fn is_baseline(data: &[u8]) -> bool {
    const BASELINE: u8 = 66;
    nal::split(data).find(|unit| nal::kind(unit) == nal::SPS).is_some_and(|sps| sps.get(1) == Some(&BASELINE))
}

fn create(
    decoder: Decoder,
    live: bool,
    limits: &DecodeLimits,
    pool: &FramePool,
) -> Result<Box<dyn VideoDecoder>, DecodeError> {
    let pool = pool.clone();
    let max_pixels = limits.video_pixels;
    match decoder {
        Decoder::Auto | Decoder::Rusty => {
            let rusty = RustyDecoder::new(pool, max_pixels);
            Ok(Box::new(if live { rusty.low_delay() } else { rusty }))
        }
        #[cfg(feature = "openh264")]
        Decoder::OpenH264 => Ok(Box::new(super::OpenH264Decoder::new(pool, max_pixels)?)),
        #[cfg(feature = "libav")]
        Decoder::Libav => {
            let libav = super::LibavDecoder::h264(pool, max_pixels)?;
            Ok(Box::new(if live { libav.low_delay()? } else { libav }))
        }
        #[cfg(not(feature = "libav"))]
        Decoder::Libav => Err(DecodeError::Unsupported(
            "decoder of FFmpeg's libraries: passerby was built without the feature `libav`".into(),
        )),
        #[cfg(not(feature = "openh264"))]
        Decoder::OpenH264 => Err(DecodeError::Unsupported(
            "decoder OpenH264: passerby was built without the feature `openh264`".into(),
        )),
    }
}

/// Converts a decoder's error that ends the stream to the source's error.
pub(crate) fn source_error(input: &str, error: DecodeError) -> SourceError {
    let input = input.to_owned();
    match error {
        DecodeError::Unsupported(what) if cfg!(feature = "openh264") => SourceError::unsupported(input, what),
        DecodeError::Unsupported(what) => SourceError::unsupported(input, what).needs_feature("openh264"),
        DecodeError::TooLarge { what, limit } => SourceError::TooLarge { input, what, limit },
        DecodeError::Damaged(what) => SourceError::malformed(input, what),
    }
}
