//! Fragmented MP4 (ISO/IEC 14496-12 and 14496-15) of a camera's H.264, for Media Source Extensions. Nothing is encoded.

mod boxes;
mod fragment;
mod init;
mod parameter_sets;
mod ticks;

use std::sync::Arc;

use passerby_pipeline::CodedFrame;
use passerby_types::Codec;

use fragment::{Sample, fragment};
use init::init_segment;
use parameter_sets::ParameterSets;
use ticks::ticks;

/// The duration of the first frame in ticks. A browser takes a frame that comes later than twice the longest duration as a jump, and
/// then drops everything up to a key frame, so a long first duration lets a camera pause for half a second.
const FIRST_DURATION: u32 = 22_500;
/// The longest duration of a frame in ticks. If more time has passed, the stream had paused.
const MAX_DURATION: u64 = 90_000;
/// The largest side of a picture, which the matrix of a track must be able to hold.
const MAX_SIDE: u32 = 32_767;

/// Why a frame cannot be put into an MP4. The viewer continues with the next key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fmp4Error {
    /// The frame is not H.264.
    #[error("not H.264")]
    Codec,
    /// The parameter sets of a key frame are missing, broken or too large.
    #[error("no valid parameter sets")]
    ParameterSets,
    /// The picture has no pixels, or more than an MP4 can describe.
    #[error("a picture of {0}x{1} pixels")]
    Size(u32, u32),
}

/// The beginning of a stream, and again whenever the stream's parameters change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitSegment {
    /// The codec as browsers name it (RFC 6381), for example `avc1.64001f`.
    pub codec: String,
    /// The width in pixels, as it is shown.
    pub width: u32,
    /// The height in pixels, as it is shown.
    pub height: u32,
    /// The boxes `ftyp` and `moov`. If a viewer must turn the picture, the track's matrix says so, and browsers do it.
    pub data: Vec<u8>,
}

/// A frame in an MP4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fmp4Frame {
    /// The segment that must come before this frame, if the stream begins here or its parameters have changed.
    pub init: Option<InitSegment>,
    /// The boxes `moof` and `mdat` of this frame.
    pub fragment: Vec<u8>,
}

/// Puts the coded frames of one camera into a fragmented MP4, one fragment a frame.
///
/// The time stamps are those of the pipeline in units of 1/90,000 s, so a player's time is the `pts` of the observations. The
/// fragment's `tfdt` is the decoding time, which without B frames is the presentation time. With B frames the difference is the
/// composition time offset, which may be negative.
#[derive(Debug, Default)]
pub struct Fmp4Muxer {
    track: Option<MuxedTrack>,
    sequence: u32,
    /// The decoding time of the last frame.
    last: Option<u64>,
}

/// The parameters of the stream that is being muxed.
#[derive(Debug)]
struct MuxedTrack {
    /// As they came, to notice a change.
    raw: Arc<[u8]>,
    sets: ParameterSets,
    size: (u32, u32),
    rotation: u16,
}

impl Fmp4Muxer {
    /// Puts the next frame in decoding order into the MP4. Returns `None` for frames before the first key frame, and after an error
    /// up to the next one.
    ///
    /// # Errors
    /// [`Fmp4Error`]: the frame is left out, and the caller should continue with the next one.
    pub fn push(&mut self, frame: &CodedFrame) -> Result<Option<Fmp4Frame>, Fmp4Error> {
        let coded = &frame.coded;
        if coded.codec != Codec::H264 {
            return Err(Fmp4Error::Codec);
        }
        let init = if coded.key { self.begin(frame).inspect_err(|_| self.track = None)? } else { None };
        let Some(track) = &self.track else { return Ok(None) };
        let pts = ticks(frame.pts);
        let dts = self.last.map_or(ticks(frame.dts), |last| ticks(frame.dts).max(last.saturating_add(1)));
        // A frame lasts as long as the one before. How long it really lasts, the next one would say.
        let step = self.last.map(|last| dts - last).filter(|&step| step <= MAX_DURATION && init.is_none());
        let duration = step.map_or(FIRST_DURATION, |step| step as u32);
        let offset = i64::try_from(pts).unwrap_or(i64::MAX).saturating_sub_unsigned(dts);
        self.last = Some(dts);
        self.sequence = self.sequence.wrapping_add(1);
        let sample = Sample {
            dts,
            composition_offset: offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            duration,
            key: coded.key,
        };
        let fragment = fragment(self.sequence, &sample, &coded.data, &track.sets);
        Ok(Some(Fmp4Frame { init, fragment }))
    }

    /// Returns the init segment for a key frame, if it differs from the one before.
    fn begin(&mut self, frame: &CodedFrame) -> Result<Option<InitSegment>, Fmp4Error> {
        let coded = &frame.coded;
        let size = (coded.width, coded.height);
        let is_same = self.track.as_ref().is_some_and(|track| {
            *track.raw == *coded.parameter_sets && track.size == size && track.rotation == coded.rotation
        });
        if is_same {
            return Ok(None);
        }
        let sets = ParameterSets::read(&coded.parameter_sets).ok_or(Fmp4Error::ParameterSets)?;
        let is_valid = |side| (1..=MAX_SIDE).contains(&side);
        if !is_valid(size.0) || !is_valid(size.1) {
            return Err(Fmp4Error::Size(size.0, size.1));
        }
        let data = init_segment(&sets, size, coded.rotation);
        let (width, height) = if coded.rotation % 180 == 90 { (size.1, size.0) } else { size };
        let codec = sets.codec();
        let raw = Arc::clone(&coded.parameter_sets);
        self.track = Some(MuxedTrack { raw, sets, size, rotation: coded.rotation });
        Ok(Some(InitSegment { codec, width, height, data }))
    }
}
