//! The pure Rust decoder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use passerby_types::{FramePool, Picture, PixelLayout};
use rusty_h264_decoder::{DecodeError as RustyError, Decoder};

use super::reorder::Reorder;
use super::{AccessUnit, DecodeError, Parameters, VideoDecoder};
use crate::planes::copy_planes;

/// Words of the decoder's errors about features that it doesn't have. Its other errors are about broken data.
const MISSING_FEATURES: [&str; 5] = ["field picture", "MBAFF", "slice groups", "SP/SI", "transform-bypass"];

/// Decodes with `rusty_h264-decoder`, pure Rust: Baseline, Main and High, 8 bits, 4:2:0, progressive.
///
/// It doesn't support fields and MBAFF, slice groups (FMO), lossless macroblocks and explicit weights of B slices.
pub struct RustyDecoder {
    decoder: Decoder,
    parameters: Parameters,
    reorder: Reorder<Picture>,
    pool: FramePool,
    max_pixels: u64,
    /// The coded size of the last picture.
    coded_size: Option<(u64, u64)>,
    /// False until a picture that doesn't need others was decoded.
    started: bool,
    /// True if the last unit failed. The decoder may then hold a part of its picture.
    broken: bool,
}

impl RustyDecoder {
    /// Creates a decoder whose pictures may have at most `max_pixels` pixels. `pool` lends their buffers.
    #[must_use]
    pub fn new(pool: FramePool, max_pixels: u64) -> Self {
        Self {
            decoder: Decoder::new(),
            parameters: Parameters::default(),
            reorder: Reorder::new(),
            pool,
            max_pixels,
            coded_size: None,
            started: false,
            broken: false,
        }
    }

    /// Replaces the decoder by a new one, which begins with the next picture that doesn't need others.
    fn restart(&mut self) {
        self.decoder = Decoder::new();
        self.parameters.mark_fresh();
        self.started = false;
        self.broken = false;
    }

    /// Makes the decoder return each picture as early as its order allows. Use this for live streams.
    ///
    /// A stream that doesn't reorder then has no delay, even if its parameter sets allow reordering. Most cameras leave
    /// `max_num_reorder_frames` out, and the standard then requires a decoder to wait for as many pictures as the level
    /// allows, for example 5 at 720p.
    ///
    /// The decoder returns a picture when no other fits between it and the last one by their order counts. In nearly all
    /// streams these rise by 2 from picture to picture. The decoder learns other steps. If a picture turns out to be
    /// late, it is [`DecodeError::Damaged`]. Pictures never come out of order.
    #[must_use]
    pub fn low_delay(mut self) -> Self {
        self.reorder = Reorder::early();
        self
    }

    /// Runs the decoder. If it panics, the data counts as damaged.
    fn run(&mut self, data: &[u8]) -> Result<Option<rusty_frame::DecodedPlanes>, DecodeError> {
        let decoder = &mut self.decoder;
        match catch_unwind(AssertUnwindSafe(|| decoder.decode(data))) {
            Ok(Ok(frame)) => {
                Ok(frame.map(|f| rusty_frame::DecodedPlanes { width: f.width, planes: [f.y, f.u, f.v] }))
            }
            Ok(Err(RustyError::Unsupported(what))) if MISSING_FEATURES.iter().any(|l| what.contains(l)) => {
                Err(DecodeError::Unsupported(format!(
                    "H.264 with {what} in the pure Rust decoder; the feature `openh264` adds another decoder"
                )))
            }
            // The decoder reads fewer streams than the standard allows, and says the same about those and about damage.
            Ok(Err(e)) => Err(DecodeError::Damaged(format!(
                "the pure Rust decoder cannot decode it ({e}): it is damaged, or this decoder lacks a part of H.264, which the \
                 features `libav` and `openh264` have"
            ))),
            Err(_) => {
                self.restart();
                Err(DecodeError::Damaged("the decoder panicked".into()))
            }
        }
    }
}

/// The parts of the decoder's frame, whose own type isn't exported.
mod rusty_frame {
    pub(super) struct DecodedPlanes {
        pub(super) width: usize,
        pub(super) planes: [Vec<u8>; 3],
    }
}

impl VideoDecoder for RustyDecoder {
    fn decode(&mut self, unit: AccessUnit<'_>, out: &mut Vec<Picture>) -> Result<(), DecodeError> {
        let damaged = |what: &str| Err(DecodeError::Damaged(what.into()));
        let Some(admitted) = self.parameters.admit(unit.data, self.max_pixels)? else {
            return Ok(());
        };
        let sps = admitted.sps;
        if sps.poc_type == 1 && admitted.bidirectional {
            return Err(DecodeError::Unsupported(
                "H.264 with B slices and picture order count type 1 in the pure Rust decoder; the feature \
                 `openh264` adds another decoder"
                    .into(),
            ));
        }
        if self.coded_size.replace(sps.coded).is_some_and(|last| last != sps.coded) {
            // A picture must not refer to pictures of another size. The decoder doesn't check that.
            self.reorder.drain(out);
            self.restart();
        }
        if !self.started && !admitted.intra {
            return damaged("no key frame before it");
        }
        if admitted.idr {
            // A new order begins. The pictures before it are of no use, even if this one turns out to be broken.
            self.reorder.drain(out);
            self.started = false;
        }
        let data = self.parameters.with_new_sets(unit.data);
        let mut result = self.run(&data);
        if self.broken && matches!(result, Err(DecodeError::Damaged(_))) && !self.parameters.is_fresh() {
            // The first call may only have dropped the rest of the broken picture.
            result = self.run(&data);
        }
        self.broken = !matches!(result, Ok(Some(_)));
        if self.broken && sps.gaps {
            // The decoder frees the substitutes for missing frames only after the next complete picture. A series of
            // broken pictures would let them accumulate.
            self.restart();
        }
        let Some(frame) = result? else {
            return damaged("incomplete picture");
        };
        self.started = true;
        let chroma = frame.width / 2;
        let [y, u, v] = &frame.planes;
        let planes = [(y.as_slice(), frame.width), (u.as_slice(), chroma), (v.as_slice(), chroma)];
        let color = sps.color().unwrap_or_default();
        let Some(image) = copy_planes(PixelLayout::I420, &planes, sps.origin, sps.size, color, &self.pool)
        else {
            return damaged("a picture whose size differs from its parameter set");
        };
        let picture = Picture::new(image, unit.pts);
        if self.reorder.push(self.decoder.last_poc(), picture, sps.reorder, out) {
            Ok(())
        } else {
            damaged("it came too late for display order")
        }
    }

    fn flush(&mut self, out: &mut Vec<Picture>) {
        self.reorder.drain(out);
    }

    fn reset(&mut self) {
        self.reorder.clear();
        self.restart();
    }
}
