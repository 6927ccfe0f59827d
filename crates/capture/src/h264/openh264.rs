//! The decoder OpenH264, built from source.

use std::sync::Arc;
use std::time::Duration;

use ::openh264::OpenH264API;
use ::openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use ::openh264::formats::YUVSource;
use passerby_types::{ColorSpace, FramePool, Picture, PixelLayout};

use super::sps::Sps;
use super::{AccessUnit, DecodeError, Parameters, VideoDecoder};
use crate::planes::copy_planes;

/// The most pictures that a decoder may hold back (H.264 A.3.1: 16), plus the one that is being decoded.
const MAX_HELD: usize = 17;

/// Decodes with Cisco's OpenH264: Baseline, Main and High, 8 bits, 4:2:0, progressive.
///
/// After a damaged picture it returns none until the next key frame.
///
/// Streams without B slices are decoded exactly as the standard requires. In B slices, if the parts of a skipped or 16x16
/// macroblock move differently, OpenH264 leaves its inner edges unfiltered (cisco/openh264 issue 3269, open). Some pixels
/// of such pictures, and of pictures that refer to them, are then wrong. No setting of the library changes that.
pub struct OpenH264Decoder {
    decoder: Decoder,
    parameters: Parameters,
    /// The time stamps of the pictures inside the decoder, the earliest one last.
    held: Vec<Option<Duration>>,
    /// The parameter set of the pictures inside the decoder.
    sps: Option<Arc<Sps>>,
    pool: FramePool,
    max_pixels: u64,
    started: bool,
}

impl OpenH264Decoder {
    /// Creates a decoder whose pictures may have at most `max_pixels` pixels. `pool` lends their buffers.
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`] if the library cannot be set up.
    pub fn new(pool: FramePool, max_pixels: u64) -> Result<Self, DecodeError> {
        Ok(Self {
            decoder: create()?,
            parameters: Parameters::default(),
            held: Vec::new(),
            sps: None,
            pool,
            max_pixels,
            started: false,
        })
    }

    fn add_pts(&mut self, pts: Option<Duration>) {
        let at = self.held.partition_point(|&other| other > pts);
        self.held.insert(at, pts);
        if self.held.len() > MAX_HELD {
            // The earliest belongs to a picture that OpenH264 never returned.
            self.held.pop();
        }
    }

    fn remove_pts(&mut self, pts: Option<Duration>) {
        if let Some(at) = self.held.iter().position(|&other| other == pts) {
            self.held.remove(at);
        }
    }
}

/// Creates the library's decoder. With its default flush it doesn't reorder, and loses frames of streams with B frames.
fn create() -> Result<Decoder, DecodeError> {
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    Decoder::with_api_config(OpenH264API::from_source(), config)
        .map_err(|e| DecodeError::Unsupported(format!("OpenH264: {e}")))
}

fn picture(
    yuv: &DecodedYUV<'_>,
    held: &mut Vec<Option<Duration>>,
    color: Option<ColorSpace>,
    pool: &FramePool,
) -> Option<Picture> {
    let (width, height) = yuv.dimensions();
    let (y, u, v) = yuv.strides();
    let planes = [(yuv.y(), y), (yuv.u(), u), (yuv.v(), v)];
    let size = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    // Pictures come out in display order, so the next one has the earliest time stamp of those inside.
    let pts = held.pop().flatten();
    let image = copy_planes(PixelLayout::I420, &planes, (0, 0), size, color.unwrap_or_default(), pool)?;
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
            // A change of size would lose the pictures inside.
            self.flush(out);
            self.decoder = create()?;
            self.parameters.mark_fresh();
        }
        self.sps = Some(sps.clone());
        if admitted.idr {
            self.started = false;
        }
        let data = self.parameters.with_new_sets(unit.data);
        self.add_pts(unit.pts);
        match self.decoder.decode(&data) {
            Ok(Some(yuv)) => {
                self.started = true;
                out.extend(picture(&yuv, &mut self.held, sps.color(), &self.pool));
                Ok(())
            }
            Ok(None) => {
                self.started = true;
                Ok(())
            }
            Err(e) => {
                self.remove_pts(unit.pts);
                damaged(&format!("OpenH264 says: {}", e.to_string().trim_end()))
            }
        }
    }

    fn flush(&mut self, out: &mut Vec<Picture>) {
        let color = self.sps.as_ref().and_then(|sps| sps.color());
        if let Ok(rest) = self.decoder.flush_remaining() {
            for yuv in &rest {
                out.extend(picture(yuv, &mut self.held, color, &self.pool));
            }
        }
        self.held.clear();
    }

    fn reset(&mut self) {
        if let Ok(decoder) = create() {
            self.decoder = decoder;
        }
        self.held.clear();
        self.parameters.mark_fresh();
        self.started = false;
    }
}
