//! The decoder of FFmpeg's libraries, for H.264 and H.265.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use ffmpeg_the_third as ffmpeg;

use ffmpeg::codec::Id;
use ffmpeg::{Packet, frame};
use passerby_types::{FramePool, Picture};

use super::{AccessUnit, DecodeError, Parameters, VideoDecoder, h265};
use crate::libav::{DecoderOptions, PacketDecoder, PictureMaker, TimedImage, guarded};

/// The most pictures that a decoder may hold back (H.264 A.3.1, H.265 A.4.2: 16), the one that is being decoded, and one in the
/// filter that makes pictures progressive.
const MAX_HELD: usize = 18;

/// The most bytes of parameter sets that wait for their picture.
const MAX_SETS_LEN: usize = 1 << 20;

/// Decodes H.264 or H.265 with FFmpeg's libraries, on the calling thread.
///
/// It knows all profiles that FFmpeg knows, also 10 bits and other chroma, which it converts to `I420` with 8 bits, and interlaced
/// H.264, which it makes progressive. A damaged picture may come out with traces of the damage instead of an error.
pub struct LibavDecoder {
    decoder: PacketDecoder,
    stream: Stream,
    options: DecoderOptions,
    maker: PictureMaker,
    frame: frame::Video,
    converted: Vec<TimedImage>,
    /// The time stamps of the units inside the decoder, by the unit's number.
    held: BTreeMap<i64, Option<Duration>>,
    next: i64,
    /// The units that turned out to give no picture, and that [`VideoDecoder::take_lost`] has not returned yet.
    lost: u64,
    /// False until a picture that doesn't need others was decoded.
    started: bool,
    /// True if the stream may have fields. Two units can then be one picture.
    fields: bool,
}

/// The codec, and what must be known of the stream before the decoder sees a unit.
enum Stream {
    /// The parameter sets, and the coded size of the last picture.
    H264(Parameters, Option<(u64, u64)>),
    /// The parameter sets that wait for their picture.
    H265(Vec<u8>),
}

impl LibavDecoder {
    /// Creates a decoder of H.264 whose pictures may have at most `max_pixels` pixels. `pool` lends their buffers.
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`] if FFmpeg's libraries were built without H.264.
    pub fn h264(pool: FramePool, max_pixels: u64) -> Result<Self, DecodeError> {
        Self::new(Stream::H264(Parameters::default(), None), pool, max_pixels)
    }

    /// Creates a decoder of H.265 whose pictures may have at most `max_pixels` pixels. `pool` lends their buffers.
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`] if FFmpeg's libraries were built without H.265.
    pub fn h265(pool: FramePool, max_pixels: u64) -> Result<Self, DecodeError> {
        Self::new(Stream::H265(Vec::new()), pool, max_pixels)
    }

    fn new(stream: Stream, pool: FramePool, max_pixels: u64) -> Result<Self, DecodeError> {
        let options = DecoderOptions { threads: 1, max_pixels, strict_order: true, incomplete_start: true };
        Ok(Self {
            decoder: create(&stream, options)?,
            stream,
            options,
            maker: PictureMaker::new(pool, max_pixels),
            frame: frame::Video::empty(),
            converted: Vec::new(),
            held: BTreeMap::new(),
            next: 0,
            lost: 0,
            started: false,
            fields: false,
        })
    }

    /// Makes the decoder return each picture as early as its order allows. Use this for live streams.
    ///
    /// An H.264 stream that doesn't reorder then has no delay, even if its parameter sets allow reordering. When a stream begins to
    /// reorder, pictures that come too late are lost and counted. H.265 declares its order, and never has a needless delay.
    ///
    /// # Errors
    /// As [`LibavDecoder::h264`].
    pub fn low_delay(mut self) -> Result<Self, DecodeError> {
        self.options.strict_order = false;
        self.decoder = create(&self.stream, self.options)?;
        Ok(self)
    }

    /// Checks a unit, and returns the data for the decoder. `None` if it has parameter sets only.
    fn admit<'a>(&mut self, unit: &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, DecodeError> {
        let lacks_start = || Err(DecodeError::Damaged("no key frame before it".into()));
        match &mut self.stream {
            Stream::H264(parameters, coded_size) => {
                let Some(admitted) = parameters.admit_any_format(unit, self.options.max_pixels)? else {
                    return Ok(None);
                };
                if coded_size.replace(admitted.sps.coded).is_some_and(|last| last != admitted.sps.coded) {
                    // A picture must not refer to pictures of another size.
                    self.started = false;
                }
                if !self.started && !admitted.intra {
                    return lacks_start();
                }
                self.started &= !admitted.idr;
                self.fields = admitted.sps.fields;
                self.maker.set_deinterlace(self.fields);
                Ok(Some(parameters.with_new_sets(unit)))
            }
            Stream::H265(sets) => {
                let content = h265::inspect(unit)?;
                if !content.picture {
                    if sets.len() + unit.len() > MAX_SETS_LEN {
                        sets.clear();
                        return Err(DecodeError::Damaged("too many parameter sets".into()));
                    }
                    sets.extend_from_slice(unit);
                    return Ok(None);
                }
                if !self.started && !content.random_access {
                    return lacks_start();
                }
                self.started &= !content.random_access;
                if sets.is_empty() {
                    return Ok(Some(unit.into()));
                }
                let mut data = std::mem::take(sets);
                data.extend_from_slice(unit);
                Ok(Some(data.into()))
            }
        }
    }

    /// Takes all frames out of the decoder.
    fn receive(&mut self, out: &mut Vec<Picture>) -> Result<(), ffmpeg::Error> {
        let Self { decoder, maker, frame, converted, .. } = self;
        let mut result = Ok(());
        // More errors than pictures can be inside mean that the decoder never ends.
        for _ in 0..2 * MAX_HELD {
            let received = guarded(|| {
                if !decoder.receive(frame)? {
                    return Ok(false);
                }
                maker.convert(frame, frame.pts(), converted).map(|()| true)
            });
            match received {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => result = Err(e),
            }
        }
        self.take_converted(out);
        result
    }

    /// Gives the converted pictures the time stamps of their units.
    fn take_converted(&mut self, out: &mut Vec<Picture>) {
        for (image, number) in self.converted.drain(..) {
            // A picture of a unit that was reported as damaged is not returned, too.
            if let Some(pts) = number.and_then(|number| self.held.remove(&number)) {
                self.started = true;
                out.push(Picture::new(image, pts));
            }
        }
    }

    /// Counts all units inside the decoder, except the last `keep`, as lost.
    fn lose_held(&mut self, keep: usize) {
        while self.held.len() > keep {
            self.held.pop_first();
            self.lost += u64::from(!self.fields);
        }
    }
}

fn create(stream: &Stream, options: DecoderOptions) -> Result<PacketDecoder, DecodeError> {
    let (codec, name) = match stream {
        Stream::H264(..) => (Id::H264, "H.264"),
        Stream::H265(_) => (Id::HEVC, "H.265"),
    };
    PacketDecoder::new(codec, options)
        .map_err(|e| DecodeError::Unsupported(format!("{name} in FFmpeg's libraries: {e}")))
}

impl VideoDecoder for LibavDecoder {
    fn decode(&mut self, unit: AccessUnit<'_>, out: &mut Vec<Picture>) -> Result<(), DecodeError> {
        let Some(data) = self.admit(unit.data)? else { return Ok(()) };
        let number = self.next;
        self.next += 1;
        let decoder = &mut self.decoder;
        let sent = guarded(|| {
            let mut packet = Packet::copy(&data);
            packet.set_pts(Some(number));
            packet.set_dts(Some(number));
            decoder.send(&packet)
        });
        self.held.insert(number, unit.pts);
        let received = self.receive(out);
        if let Err(e) = sent.and(received) {
            self.held.remove(&number);
            return Err(DecodeError::Damaged(e.to_string()));
        }
        self.started = true;
        self.lose_held(MAX_HELD);
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Picture>) {
        self.decoder.finish();
        // The units of pictures that fail here cannot be reported any more.
        let _ = self.receive(out);
        let Self { maker, converted, .. } = self;
        let _ = guarded(|| maker.drain(converted));
        self.take_converted(out);
        self.lose_held(0);
        self.decoder.reset();
        self.started = false;
    }

    fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn reset(&mut self) {
        self.decoder.reset();
        self.maker.reset();
        self.lose_held(0);
        self.started = false;
        if let Stream::H264(parameters, _) = &mut self.stream {
            parameters.mark_fresh();
        }
    }
}
