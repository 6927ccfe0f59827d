//! Puts a camera's H.264 into a fragmented MP4 (ISO/IEC 14496-12 and 14496-15), for Media Source Extensions. Nothing is encoded.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{Codec, CodedPicture};

use crate::fragment::{Sample, fragment};
use crate::init::{TrackPictures, init_segment};
use crate::parameter_sets::ParameterSets;
use crate::ticks::ticks;

/// The duration of the first frame in ticks. A browser takes a frame that comes later than twice the longest duration as a jump, and
/// then drops everything up to a key frame, so a long first duration lets a camera pause for half a second.
const FIRST_DURATION: u32 = 22_500;
/// The longest duration of a frame in ticks. If more time has passed, the stream had paused.
const MAX_DURATION: u64 = 90_000;
/// The largest side of a picture, which the matrix of a track must be able to hold.
pub(crate) const MAX_SIDE: u32 = 32_767;

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
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use passerby_mp4::Fmp4Muxer;
/// use passerby_types::{Codec, CodedPicture};
///
/// // A camera's picture. Here the sets and the slice are a few bytes.
/// let picture = CodedPicture {
///     codec: Codec::H264,
///     data: vec![0, 0, 1, 0x65, 0x88, 7].into(),
///     parameter_sets: Arc::from([0, 0, 1, 0x67, 66, 0xC0, 31, 7, 0, 0, 1, 0x68, 9]),
///     key: true,
///     stream: 0,
///     number: 0,
///     width: 640,
///     height: 480,
///     rotation: 0,
/// };
/// let mut muxer = Fmp4Muxer::default();
/// let frame = muxer.push(&picture, Duration::ZERO, Duration::ZERO)?.ok_or("a key frame begins the stream")?;
/// let init = frame.init.ok_or("the first frame comes with an init segment")?;
/// assert_eq!((init.codec.as_str(), &frame.fragment[4..8]), ("avc1.42c01f", &b"moof"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    pictures: TrackPictures,
}

impl Fmp4Muxer {
    /// Puts the next picture in decoding order into the MP4: `pts` is its presentation time, and `dts` its decoding time, which without
    /// B frames is the same. Returns `None` for pictures before the first key frame, and after an error up to the next one.
    ///
    /// # Errors
    /// [`Fmp4Error`]: the picture is left out, and the caller should continue with the next one.
    pub fn push(
        &mut self,
        coded: &CodedPicture,
        pts: Duration,
        dts: Duration,
    ) -> Result<Option<Fmp4Frame>, Fmp4Error> {
        if coded.codec != Codec::H264 {
            return Err(Fmp4Error::Codec);
        }
        let init = if coded.key { self.begin(coded).inspect_err(|_| self.track = None)? } else { None };
        let Some(track) = &self.track else { return Ok(None) };
        let pts = ticks(pts);
        let dts = self.last.map_or(ticks(dts), |last| ticks(dts).max(last.saturating_add(1)));
        // A frame lasts as long as the one before. How long it really lasts, the next one would say.
        let step = self.last.map(|last| dts - last).filter(|&step| step <= MAX_DURATION && init.is_none());
        let duration = step.map_or(FIRST_DURATION, |step| step as u32);
        let offset = i64::try_from(pts).unwrap_or(i64::MAX).saturating_sub_unsigned(dts);
        self.last = Some(dts);
        self.sequence = self.sequence.wrapping_add(1);
        let sample = Sample {
            composition_offset: offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            duration,
            key: coded.key,
            annex_b: &coded.data,
        };
        let fragment = fragment(self.sequence, dts, &[sample], &track.sets);
        Ok(Some(Fmp4Frame { init, fragment }))
    }

    /// Returns the init segment for a key frame, if it differs from the one before.
    fn begin(&mut self, coded: &CodedPicture) -> Result<Option<InitSegment>, Fmp4Error> {
        let size = (coded.width, coded.height);
        // The parameter sets say the colour space, if the camera says it.
        let pictures = TrackPictures { size, rotation: coded.rotation, color: None };
        let is_same = self
            .track
            .as_ref()
            .is_some_and(|track| *track.raw == *coded.parameter_sets && track.pictures == pictures);
        if is_same {
            return Ok(None);
        }
        let sets = ParameterSets::read(&coded.parameter_sets).ok_or(Fmp4Error::ParameterSets)?;
        let is_valid = |side| (1..=MAX_SIDE).contains(&side);
        if !is_valid(size.0) || !is_valid(size.1) {
            return Err(Fmp4Error::Size(size.0, size.1));
        }
        let data = init_segment(&sets, &pictures);
        let (width, height) = if coded.rotation % 180 == 90 { (size.1, size.0) } else { size };
        let codec = sets.codec();
        self.track = Some(MuxedTrack { raw: Arc::clone(&coded.parameter_sets), sets, pictures });
        Ok(Some(InitSegment { codec, width, height, data }))
    }
}
