//! The pure Rust decoder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use passerby_types::{FramePool, Picture};
use rusty_h264_decoder::{DecodeError as RustyError, Decoder};

use super::reorder::Reorder;
use super::{AccessUnit, DecodeError, Parameters, VideoDecoder, copy_out};

/// What the decoder cannot do at all, as it names it itself. Its other complaints are about broken data.
const LACKS: [&str; 5] = ["field picture", "MBAFF", "slice groups", "SP/SI", "transform-bypass"];

/// Decodes with `rusty_h264-decoder`, pure Rust: Baseline, Main and High, 8 bits, 4:2:0, progressive.
///
/// It knows no fields and MBAFF, no slice groups (FMO), no lossless macroblocks and no explicit weights of B slices.
pub struct RustyDecoder {
    decoder: Decoder,
    parameters: Parameters,
    reorder: Reorder<Picture>,
    pool: FramePool,
    max_pixels: u64,
    /// The coded size of the last picture.
    coded: Option<(u64, u64)>,
    /// False until a picture that needs no other was decoded.
    started: bool,
    /// The last unit failed, and the decoder may hold a part of its picture.
    broken: bool,
}

impl RustyDecoder {
    /// A decoder that takes its buffers from `pool` and refuses streams whose pictures have more than `max_pixels`
    /// pixels.
    #[must_use]
    pub fn new(pool: FramePool, max_pixels: u64) -> Self {
        Self {
            decoder: Decoder::new(),
            parameters: Parameters::default(),
            reorder: Reorder::new(),
            pool,
            max_pixels,
            coded: None,
            started: false,
            broken: false,
        }
    }

    /// A new decoder in the old one's place, which begins with the next picture that needs no other.
    fn restart(&mut self) {
        self.decoder = Decoder::new();
        self.parameters.renew();
        self.started = false;
        self.broken = false;
    }

    /// Gives each picture as soon as its order allows, for live streams: one that does not reorder has no delay, though
    /// its parameter sets may allow it to (most cameras leave `max_num_reorder_frames` out, and the standard then says to
    /// wait for as many pictures as the level allows, 5 at 720p).
    ///
    /// A picture is given when no other fits between it and the last one by their order counts, which rise by 2 from
    /// picture to picture, as in nearly all streams; other steps are learned. Where a stream surprises, the picture whose
    /// turn has passed is [`DecodeError::Damaged`]: none is given out of order.
    #[must_use]
    pub fn low_delay(mut self) -> Self {
        self.reorder = Reorder::early();
        self
    }

    /// Runs the decoder; what it panics at is damage.
    fn run(&mut self, data: &[u8]) -> Result<Option<rusty_frame::Frame>, DecodeError> {
        let decoder = &mut self.decoder;
        match catch_unwind(AssertUnwindSafe(|| decoder.decode(data))) {
            Ok(Ok(frame)) => {
                Ok(frame.map(|f| rusty_frame::Frame { width: f.width, planes: [f.y, f.u, f.v] }))
            }
            Ok(Err(RustyError::Unsupported(what))) if LACKS.iter().any(|l| what.contains(l)) => {
                Err(DecodeError::Unsupported(format!(
                    "H.264 with {what} in the pure Rust decoder; the feature `openh264` brings another one"
                )))
            }
            Ok(Err(e)) => Err(DecodeError::Damaged(e.to_string())),
            Err(_) => {
                self.restart();
                Err(DecodeError::Damaged("the decoder panicked".into()))
            }
        }
    }
}

/// The decoder's frame by its parts: its type is not exported.
mod rusty_frame {
    pub(super) struct Frame {
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
                 `openh264` brings another one"
                    .into(),
            ));
        }
        if self.coded.replace(sps.coded).is_some_and(|last| last != sps.coded) {
            // Pictures of another size are none to refer to, which the decoder does not check.
            self.reorder.drain(out);
            self.restart();
        }
        if !self.started && !admitted.intra {
            return damaged("no key frame before it");
        }
        if admitted.idr {
            // Order begins anew, and nothing before it is of use any more, even if it turns out to be broken.
            self.reorder.drain(out);
            self.started = false;
        }
        let data = self.parameters.dress(unit.data);
        let mut result = self.run(&data);
        if self.broken && matches!(result, Err(DecodeError::Damaged(_))) && !self.parameters.is_fresh() {
            // The first call may have done no more than to throw away the rest of the broken picture.
            result = self.run(&data);
        }
        self.broken = !matches!(result, Ok(Some(_)));
        if self.broken && sps.gaps {
            // It lets go of the stand-ins that it made for gaps after the next whole picture only. Broken pictures one
            // after another would heap them up.
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
        let Some(image) = copy_out(planes, sps.origin, sps.size, color, &self.pool) else {
            return damaged("a picture of another size than its parameter set says");
        };
        let picture = Picture::new(image, unit.pts);
        if self.reorder.push(self.decoder.last_poc(), picture, sps.reorder, out) {
            Ok(())
        } else {
            damaged("it came when its turn had passed")
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::BufReader;

    use super::*;
    use crate::file::Places;
    use crate::h264::nal;
    use crate::limits::DecodeLimits;
    use crate::units::{Next, Units};

    /// The first access units of a clip, their sets silent on reordering where `silent` is the place of the flag in them.
    fn units(path: &str, count: usize, silent: Option<usize>) -> Vec<Vec<u8>> {
        let file = File::open(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let len = file.metadata().unwrap().len();
        let mut units =
            Units::mp4(Places::new(BufReader::new(file), len), &DecodeLimits::default(), path).unwrap();
        let mut out = Vec::new();
        let mut unit = Vec::new();
        while let Ok(Next::Unit { .. }) = units.next(&mut unit)
            && out.len() < count
        {
            let mut quiet = Vec::new();
            for part in nal::split(&unit) {
                let mut part = part.to_vec();
                if let (nal::SPS, Some(flag)) = (nal::kind(&part), silent) {
                    // The flag goes to 0, and what follows it to the bit that ends the set.
                    part.truncate(flag / 8 + 1);
                    part[flag / 8] &= !(0xff >> (flag % 8));
                    part[flag / 8] |= 0x40 >> (flag % 8);
                }
                nal::push(&mut quiet, &part);
            }
            out.push(quiet);
        }
        out
    }

    /// How many pictures were inside after each unit, at most, and those that came out.
    fn delay(mut decoder: RustyDecoder, units: &[Vec<u8>]) -> (usize, Vec<Vec<u8>>) {
        let (mut out, mut most) = (Vec::new(), 0);
        for (i, data) in units.iter().enumerate() {
            decoder.decode(AccessUnit { data, pts: None }, &mut out).unwrap();
            most = most.max(i + 1 - out.len());
        }
        decoder.flush(&mut out);
        (most, out.iter().map(|picture| picture.image.plane(0).row(9).to_vec()).collect())
    }

    #[test]
    fn a_live_stream_that_reorders_nothing_is_not_delayed_though_its_sets_are_silent() {
        let decoder = || RustyDecoder::new(FramePool::default(), 1 << 30);
        let silent = units("../../assets/passersby.mp4", 10, Some(118));
        let (standard, pictures) = delay(decoder(), &silent);
        assert_eq!((standard, pictures.len()), (5, 10));
        assert_eq!(delay(decoder().low_delay(), &silent), (0, pictures));
        // With B frames the sets say how many pictures wait; none waits longer, and the order is the same.
        let tiny = units("tests/data/tiny.mp4", 10, None);
        let (standard, pictures) = delay(decoder(), &tiny);
        let (early, same) = delay(decoder().low_delay(), &tiny);
        assert!(early <= standard && same == pictures, "{early} for {standard}");
    }
}
