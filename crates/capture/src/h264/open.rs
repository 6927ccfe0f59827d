//! OpenH264, built from source.

use std::sync::Arc;
use std::time::Duration;

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use passerby_types::{ColorSpace, FramePool, Picture};

use super::sps::Sps;
use super::{AccessUnit, DecodeError, Parameters, VideoDecoder, copy_out};

/// More pictures than a decoder may hold back (H.264 A.3.1: 16), and the one in hand.
const MOST: usize = 17;

/// Decodes with Cisco's OpenH264: Baseline, Main and High, 8 bits, 4:2:0, progressive.
///
/// After a damaged picture it gives none until the next key frame.
///
/// Streams without B slices come out as the standard says, bit for bit. In B slices it leaves the inner edges of skipped
/// and 16x16 macroblocks unfiltered where their parts move differently (cisco/openh264 issue 3269, open), so that a
/// few pixels are off, also in pictures that refer to these. No setting of the library changes that.
pub struct OpenH264Decoder {
    decoder: Decoder,
    parameters: Parameters,
    /// The time stamps of the pictures inside the decoder, earliest last.
    inside: Vec<Option<Duration>>,
    /// The set of the pictures inside.
    sps: Option<Arc<Sps>>,
    pool: FramePool,
    max_pixels: u64,
    started: bool,
}

impl OpenH264Decoder {
    /// A decoder that takes its buffers from `pool` and refuses streams whose pictures have more than `max_pixels`
    /// pixels.
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`] where the library cannot be set up.
    pub fn new(pool: FramePool, max_pixels: u64) -> Result<Self, DecodeError> {
        Ok(Self {
            decoder: make()?,
            parameters: Parameters::default(),
            inside: Vec::new(),
            sps: None,
            pool,
            max_pixels,
            started: false,
        })
    }

    fn enter(&mut self, pts: Option<Duration>) {
        let at = self.inside.partition_point(|&other| other > pts);
        self.inside.insert(at, pts);
        if self.inside.len() > MOST {
            // The earliest belongs to a picture that it never gave.
            self.inside.pop();
        }
    }

    fn leave(&mut self, pts: Option<Duration>) {
        if let Some(at) = self.inside.iter().position(|&other| other == pts) {
            self.inside.remove(at);
        }
    }
}

/// With its default flush it gives up reordering, and frames of streams with B-frames are lost.
fn make() -> Result<Decoder, DecodeError> {
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    Decoder::with_api_config(OpenH264API::from_source(), config)
        .map_err(|e| DecodeError::Unsupported(format!("OpenH264: {e}")))
}

fn picture(
    yuv: &DecodedYUV<'_>,
    inside: &mut Vec<Option<Duration>>,
    color: Option<ColorSpace>,
    pool: &FramePool,
) -> Option<Picture> {
    let (width, height) = yuv.dimensions();
    let (y, u, v) = yuv.strides();
    let planes = [(yuv.y(), y), (yuv.u(), u), (yuv.v(), v)];
    let size = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    // It gives pictures in display order: the next one out has the earliest time stamp that went in.
    let pts = inside.pop().flatten();
    let image = copy_out(planes, (0, 0), size, color.unwrap_or_default(), pool)?;
    Some(Picture::new(image, pts))
}

impl VideoDecoder for OpenH264Decoder {
    fn decode(&mut self, unit: AccessUnit<'_>, out: &mut Vec<Picture>) -> Result<(), DecodeError> {
        let damaged = |what: &str| Err(DecodeError::Damaged(what.into()));
        let Some(admitted) = self.parameters.admit(unit.data, self.max_pixels)? else {
            return Ok(());
        };
        let sps = admitted.sps;
        if sps.fields {
            return Err(DecodeError::Unsupported(
                "interlaced H.264 in OpenH264; deinterlace it to progressive frames".into(),
            ));
        }
        if !self.started && !admitted.intra {
            return damaged("no key frame before it");
        }
        if self.sps.as_ref().is_some_and(|last| *last != sps) {
            // What waits inside would be lost where the size changes.
            self.flush(out);
            self.decoder = make()?;
            self.parameters.renew();
        }
        self.sps = Some(sps.clone());
        if admitted.idr {
            self.started = false;
        }
        let data = self.parameters.dress(unit.data);
        self.enter(unit.pts);
        match self.decoder.decode(&data) {
            Ok(Some(yuv)) => {
                self.started = true;
                out.extend(picture(&yuv, &mut self.inside, sps.color(), &self.pool));
                Ok(())
            }
            Ok(None) => {
                self.started = true;
                Ok(())
            }
            Err(e) => {
                self.leave(unit.pts);
                damaged(&format!("OpenH264 says: {}", e.to_string().trim_end()))
            }
        }
    }

    fn flush(&mut self, out: &mut Vec<Picture>) {
        let color = self.sps.as_ref().and_then(|sps| sps.color());
        if let Ok(rest) = self.decoder.flush_remaining() {
            for yuv in &rest {
                out.extend(picture(yuv, &mut self.inside, color, &self.pool));
            }
        }
        self.inside.clear();
    }

    fn reset(&mut self) {
        if let Ok(decoder) = make() {
            self.decoder = decoder;
        }
        self.inside.clear();
        self.parameters.renew();
        self.started = false;
    }
}
