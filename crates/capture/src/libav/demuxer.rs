//! Opens a file with FFmpeg's libraries, and reads the packets of its video.

use std::ffi::OsString;
use std::path::Path;

use ffmpeg_the_third as ffmpeg;

use ffmpeg::codec::{Context, Id};
use ffmpeg::format::context::Input;
use ffmpeg::format::stream::Disposition;
use ffmpeg::{Dictionary, Packet, Rational, format, media};

use super::display_matrix::stream_rotation;
use super::guard::{guarded, silence};
use crate::file::containers::CONTAINERS;
use crate::rotation::Rotation;

/// After this number of read errors in a row, the file ends.
const MAX_READ_ERRORS: u32 = 64;

/// A file whose video is read.
pub(super) struct Demuxer {
    input: Input,
    /// The description of the video.
    pub(super) video: VideoStream,
    /// The packets read until now.
    packets: u64,
    /// The most bytes that all further packets may have together.
    budget: u64,
    /// The most bytes of a packet.
    max_packet: u64,
    /// True if the last packet is incomplete or could not be read.
    is_cut: bool,
}

/// The description of a file's video.
#[derive(Clone, Copy, Debug)]
pub(super) struct VideoStream {
    index: usize,
    pub(super) codec: Id,
    pub(super) size: (u32, u32),
    pub(super) time_base: Rational,
    /// The frames per second, if the file declares a plausible number.
    pub(super) rate: Option<f64>,
    /// The number of frames, if the file declares it.
    pub(super) frames: Option<u64>,
    pub(super) rotation: Option<Rotation>,
}

/// The next part of a file.
pub(super) enum Next {
    /// A packet, with its number from 0.
    Packet(u64, Packet),
    /// A packet that is too large, with its number from 0.
    TooLarge(u64, usize),
    /// The end. True if the file was cut off.
    End { truncated: bool },
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The container isn't on the list, or FFmpeg doesn't know it.
    Container,
    NoVideo,
    Failed(ffmpeg::Error),
}

impl Demuxer {
    /// Opens a file of `len` bytes.
    pub(super) fn open(path: &Path, len: u64, max_packet: u64) -> Result<Self, OpenError> {
        silence();
        let mut name = OsString::from("file:");
        name.push(path);
        let options = Dictionary::from_iter([
            ("protocol_whitelist", "file"),
            ("format_whitelist", CONTAINERS),
            // To find out the properties of a video, FFmpeg would decode pictures of any size. The container and the parsers
            // have the size of the pictures.
            ("codec_whitelist", "none"),
        ]);
        let opened = guarded(|| {
            let input = format::input_with_dictionary(&name, options)?;
            let video = VideoStream::find(&input)?;
            Ok((input, video))
        });
        let (input, video) = match opened {
            Ok((input, Some(video))) => (input, video),
            Ok((_, None)) => return Err(OpenError::NoVideo),
            // A container that is not on the list is an invalid argument.
            Err(ffmpeg::Error::Other { errno: 22 } | ffmpeg::Error::DemuxerNotFound) => {
                return Err(OpenError::Container);
            }
            Err(e) => return Err(OpenError::Failed(e)),
        };
        let budget = len.saturating_mul(2).saturating_add(max_packet);
        Ok(Self { input, video, packets: 0, budget, max_packet, is_cut: false })
    }

    /// Returns a decoder's context with the properties of the video.
    pub(super) fn context(&self) -> Result<Context, ffmpeg::Error> {
        let stream = self.input.stream(self.video.index).ok_or(ffmpeg::Error::StreamNotFound)?;
        Context::from_parameters(stream.parameters())
    }

    /// Reads the next packet of the video.
    ///
    /// # Errors
    /// The file ends after any error.
    pub(super) fn next(&mut self) -> Result<Next, ffmpeg::Error> {
        let mut errors = 0;
        loop {
            // Reading writes over a packet without freeing its old content.
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.video.index => {
                    self.spend(packet.size())?;
                }
                Ok(()) => {
                    let number = self.packets;
                    self.packets += 1;
                    self.is_cut = packet.is_corrupt();
                    self.spend(packet.size())?;
                    if packet.size() as u64 > self.max_packet {
                        return Ok(Next::TooLarge(number, packet.size()));
                    }
                    return Ok(Next::Packet(number, packet));
                }
                Err(ffmpeg::Error::InvalidData) if errors < MAX_READ_ERRORS => {
                    errors += 1;
                    self.is_cut = true;
                }
                Err(ffmpeg::Error::Eof | ffmpeg::Error::InvalidData) => {
                    let is_short = self.video.frames.is_some_and(|frames| self.packets < frames);
                    return Ok(Next::End {
                        truncated: self.is_cut && (is_short || self.video.frames.is_none()),
                    });
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Counts the bytes of a packet. In a hostile file packets may overlap, so that a small file would take for ever to read.
    fn spend(&mut self, bytes: usize) -> Result<(), ffmpeg::Error> {
        self.budget = self.budget.checked_sub(bytes as u64).ok_or(ffmpeg::Error::InvalidData)?;
        Ok(())
    }
}

impl VideoStream {
    fn find(input: &Input) -> Result<Option<Self>, ffmpeg::Error> {
        let Some(stream) = input.streams().best(media::Type::Video) else { return Ok(None) };
        if stream.disposition().contains(Disposition::ATTACHED_PIC) {
            return Ok(None);
        }
        let parameters = stream.parameters();
        let number = |rate: Rational| f64::from(rate.numerator()) / f64::from(rate.denominator());
        let rates = [stream.avg_frame_rate(), stream.rate()];
        Ok(Some(Self {
            index: stream.index(),
            codec: parameters.id(),
            size: (parameters.width(), parameters.height()),
            time_base: stream.time_base(),
            rate: rates.map(number).into_iter().find(|rate| (0.001..=1000.0).contains(rate)),
            frames: u64::try_from(stream.frames()).ok().filter(|&frames| frames > 0),
            rotation: stream_rotation(&stream),
        }))
    }
}
