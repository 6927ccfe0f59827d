//! A decoder of FFmpeg's libraries: coded packets in, frames out.

use ffmpeg_the_third as ffmpeg;

use ffmpeg::codec::{Compliance, Context, Id, threading};
use ffmpeg::{Dictionary, Packet, decoder, frame};

use super::guard::is_again;
#[cfg(feature = "_h264")]
use super::guard::{guarded, silence};

/// The settings of a decoder, which it needs before it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecoderOptions {
    /// The threads of the decoder. With 0, FFmpeg decides.
    pub(crate) threads: usize,
    /// The most pixels of a picture, with the parts that are cut off.
    pub(crate) max_pixels: u64,
    /// True if the decoder waits for as many pictures as the standard demands before it returns one. Otherwise it returns a
    /// picture at once until the stream turns out to reorder pictures, and drops those that come too late.
    pub(crate) strict_order: bool,
    /// True if the decoder returns the pictures after any picture that doesn't need others. Otherwise it waits for one that the
    /// stream marks as a place to begin at.
    pub(crate) incomplete_start: bool,
}

/// A decoder of FFmpeg's libraries.
pub(crate) struct PacketDecoder {
    decoder: decoder::Video,
}

impl PacketDecoder {
    /// Creates a decoder for a codec without a container.
    ///
    /// # Errors
    /// `DecoderNotFound` if the libraries were built without this codec.
    #[cfg(feature = "_h264")]
    pub(crate) fn new(codec: Id, options: DecoderOptions) -> Result<Self, ffmpeg::Error> {
        silence();
        guarded(|| Self::open(Context::new(), codec, options))
    }

    /// Creates a decoder for the codec of `context`.
    pub(super) fn open(
        mut context: Context,
        codec: Id,
        options: DecoderOptions,
    ) -> Result<Self, ffmpeg::Error> {
        // With several threads, each of them decodes another frame.
        let kind = if options.threads == 1 { threading::Type::None } else { threading::Type::Frame };
        context.set_threading(threading::Config { kind, ..threading::Config::count(options.threads) });
        if options.strict_order {
            context.compliance(Compliance::Strict);
        }
        let mut settings = Dictionary::new();
        settings.set("max_pixels", options.max_pixels.min(i32::MAX as u64).to_string());
        if options.incomplete_start {
            settings.set("flags", "+output_corrupt");
        }
        let codec = decoder::find(codec).ok_or(ffmpeg::Error::DecoderNotFound)?;
        let decoder = context.decoder().open_as_with(codec, settings)?.video()?;
        Ok(Self { decoder })
    }

    /// Gives the decoder the next packet. All frames must have been received before.
    pub(crate) fn send(&mut self, packet: &Packet) -> Result<(), ffmpeg::Error> {
        self.decoder.send_packet(packet)
    }

    /// Ends the input. The decoder then returns the frames that it holds.
    pub(crate) fn finish(&mut self) {
        // A decoder that has ended already refuses this, and returns no frame then.
        let _ = self.decoder.send_eof();
    }

    /// Receives the next frame. Returns false if the decoder needs another packet, or has ended.
    pub(crate) fn receive(&mut self, frame: &mut frame::Video) -> Result<bool, ffmpeg::Error> {
        match self.decoder.receive_frame(frame) {
            Ok(()) => Ok(true),
            Err(ffmpeg::Error::Eof) => Ok(false),
            Err(e) if is_again(e) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Forgets all frames, and accepts packets again after the end. The parameter sets stay.
    #[cfg(feature = "_h264")]
    pub(crate) fn reset(&mut self) {
        self.decoder.flush();
    }
}
