//! Encodes pictures as H.264, and packs them into the segments of a fragmented MP4.

use std::fmt;
use std::io;
use std::time::Duration;

use passerby_types::{ColorSpace, Image, Matrix, PixelLayout, Range, nal_units};
use rusty_h264_common::Profile;
use rusty_h264_encoder::{Encoder, EncoderConfig, Preset};

use crate::fragment::{Sample, fragment};
use crate::init::{TrackPictures, init_segment};
use crate::muxer::MAX_SIDE;
use crate::parameter_sets::{ParameterSets, nal_kind};
use crate::planes::{EvenPlanes, even_size};
use crate::ticks::{TIMESCALE, ticks};
use crate::usability::with_usability;

/// The NAL unit type of a slice of a picture that needs no other.
const IDR_SLICE: u8 = 5;
/// The NAL unit types of parameter sets.
const SPS: u8 = 7;
const PPS: u8 = 8;
/// The pictures that one may refer to. More make files a sixth smaller and take twice the time.
const REFERENCES: u32 = 1;
/// No key frame comes by itself: the encoder gets one of this many pictures, and a segment has fewer.
const ENCODER_KEY_INTERVAL: u32 = 1 << 20;
/// The most frames and bytes of a segment. Both only bound its memory.
const MAX_FRAMES: usize = 600;
const MAX_BYTES: usize = 32 << 20;
/// The duration of a frame that is alone, in ticks: a twenty-fifth of a second.
const LONE_DURATION: u32 = TIMESCALE / 25;

/// How a video is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSettings {
    /// The quantizer of H.264, 0 to 51: the larger, the smaller the file and the coarser the pictures. About 18 looks like the
    /// original, and 6 more halve the size. A larger number than 51 counts as 51. Default: 25.
    pub quantizer: u8,
    /// The longest time from one key frame to the next. A player can begin at each, and a file that was not finished plays up to the
    /// last one. Default: two seconds.
    pub key_interval: Duration,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self { quantizer: 25, key_interval: Duration::from_secs(2) }
    }
}

/// Why a picture is not in the video.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VideoError {
    /// The picture has another size than the first one. All pictures of a video have one size. The caller should leave the picture
    /// out, or begin another video.
    #[error("a picture of {}x{} pixels in a video of {}x{}", .picture.0, .picture.1, .video.0, .video.1)]
    Size {
        /// The width and height of the picture.
        picture: (u32, u32),
        /// The width and height of the video.
        video: (u32, u32),
    },
    /// The picture is larger than an MP4 can describe. The caller should make it smaller.
    #[error("a picture of {0}x{1} pixels is too large for a video")]
    TooLarge(u32, u32),
    /// The encoder refuses the picture. The caller should leave it out.
    #[error("the encoder: {0}")]
    Encoder(String),
    /// The file cannot be written. The video is lost from here on.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A part of a video: some frames from a key frame on. All segments of a video, one after another, are the file.
#[derive(Clone, PartialEq, Eq)]
pub struct VideoSegment {
    /// The boxes `moof` and `mdat`, in the first segment after `ftyp` and `moov`.
    pub data: Vec<u8>,
    /// The number of frames in it.
    pub frames: u64,
}

/// Prints sizes only: a segment may show a face.
impl fmt::Debug for VideoSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VideoSegment({} frames, {} bytes)", self.frames, self.data.len())
    }
}

/// Encodes pictures into the segments of a video, for programs that write the bytes by themselves.
/// [`VideoWriter`](crate::VideoWriter) writes them into a file.
///
/// Every picture is encoded at once, and leaves with its segment, which is complete when the next key frame comes.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_mp4::{VideoEncoder, EncoderSettings};
/// use passerby_types::{ColorSpace, Image, PixelLayout};
///
/// let bytes = vec![128; PixelLayout::I420.tight_len(64, 48)];
/// let image = Image::from_vec(PixelLayout::I420, 64, 48, ColorSpace::default(), bytes)?;
/// let mut encoder = VideoEncoder::new(EncoderSettings::default());
/// let mut frames = 0;
/// for number in 0..60 {
///     let time = Duration::from_millis(40 * number);
///     frames += encoder.push(&image, time)?.map_or(0, |segment| segment.frames);
/// }
/// assert_eq!(frames, 50, "a segment has two seconds");
/// frames += encoder.finish().map_or(0, |segment| segment.frames);
/// assert_eq!(frames, 60);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VideoEncoder {
    settings: EncoderSettings,
    /// `None` until the first picture has come.
    stream: Option<EncodedStream>,
    /// The frames of the segment that is not complete.
    waiting: Vec<EncodedFrame>,
    waiting_bytes: usize,
    /// The number of the last segment.
    sequence: u32,
}

/// What all pictures of a video share.
#[derive(Debug)]
struct EncodedStream {
    encoder: Encoder,
    /// The size of the pictures as they come.
    size: (u32, u32),
    color: ColorSpace,
    planes: EvenPlanes,
    /// `None` until the first picture is encoded.
    sets: Option<ParameterSets>,
}

struct EncodedFrame {
    dts: u64,
    key: bool,
    /// Annex B.
    data: Vec<u8>,
}

/// Prints sizes only.
impl fmt::Debug for EncodedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedFrame({} bytes)", self.data.len())
    }
}

impl VideoEncoder {
    /// Creates an encoder. The first picture decides the size and the colour space of the video.
    #[must_use]
    pub fn new(settings: EncoderSettings) -> Self {
        Self { settings, stream: None, waiting: Vec::new(), waiting_bytes: 0, sequence: 0 }
    }

    /// Encodes the next picture, which is shown from `time` on, counted from any moment. Returns the segment before the picture if it
    /// begins a new one.
    ///
    /// The video has the pictures' own times in units of 1/90,000 s. A time that is not later than the one before becomes one unit
    /// later. The pictures keep their layout's samples and colour space; RGB becomes BT.709, and a picture in another colour space
    /// than the first one is converted. A side of an odd length is one pixel longer in the video: the last row or column comes twice.
    ///
    /// # Errors
    /// [`VideoError`]: the picture is left out, and the next one may follow.
    pub fn push(&mut self, image: &Image, time: Duration) -> Result<Option<VideoSegment>, VideoError> {
        let dts = self.waiting.last().map_or(ticks(time), |last| ticks(time).max(last.dts + 1));
        let begins = self.waiting.first().is_none_or(|first| {
            dts - first.dts >= ticks(self.settings.key_interval)
                || self.waiting.len() >= MAX_FRAMES
                || self.waiting_bytes >= MAX_BYTES
        });
        if self.stream.is_none() {
            self.stream = Some(EncodedStream::begin(image, &self.settings)?);
        }
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let data = stream.encode(image, begins)?;
        let key = nal_units(&data).any(|nal| nal_kind(nal) == IDR_SLICE);
        let segment = if key { self.take_segment(Some(dts)) } else { None };
        self.waiting_bytes += data.len();
        self.waiting.push(EncodedFrame { dts, key, data });
        Ok(segment)
    }

    /// Returns the last segment, or `None` if no picture came. The last frame lasts as long as the one before.
    #[must_use]
    pub fn finish(mut self) -> Option<VideoSegment> {
        self.take_segment(None)
    }

    /// Returns the frames that wait as a segment, if there are any. `next` is the time of the frame after them, if it is known.
    fn take_segment(&mut self, next: Option<u64>) -> Option<VideoSegment> {
        let frames = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let first = frames.first()?;
        let stream = self.stream.as_ref()?;
        let sets = stream.sets.as_ref()?;
        let mut data = Vec::new();
        if self.sequence == 0 {
            let size = even_size(stream.size);
            data = init_segment(sets, &TrackPictures { size, rotation: 0, color: Some(stream.color) });
        }
        self.sequence = self.sequence.wrapping_add(1);
        let mut last = LONE_DURATION;
        let ends = frames.iter().skip(1).map(|frame| frame.dts).map(Some).chain([next]);
        let samples: Vec<Sample<'_>> = frames
            .iter()
            .zip(ends)
            .map(|(frame, end)| {
                let duration = end.map_or(last, |end| u32::try_from(end - frame.dts).unwrap_or(u32::MAX));
                last = duration;
                Sample { composition_offset: 0, duration, key: frame.key, annex_b: &frame.data }
            })
            .collect();
        data.extend(fragment(self.sequence, first.dts, &samples, sets));
        Some(VideoSegment { data, frames: frames.len() as u64 })
    }
}

impl EncodedStream {
    fn begin(image: &Image, settings: &EncoderSettings) -> Result<Self, VideoError> {
        let size = (image.width(), image.height());
        let (width, height) = even_size(size);
        if width > MAX_SIDE || height > MAX_SIDE {
            return Err(VideoError::TooLarge(size.0, size.1));
        }
        let mut config = EncoderConfig::new(width as usize, height as usize);
        config.preset = Preset::Balanced;
        // The profile that every player has.
        config.profile = Profile::Main;
        config.transform_8x8 = false;
        config.qp = settings.quantizer.min(51);
        config.num_ref_frames = REFERENCES;
        config.gop_size = ENCODER_KEY_INTERVAL;
        config.scenecut = 0;
        // It would hold pictures back.
        config.mbtree = false;
        let encoder = Encoder::new(config).map_err(|e| VideoError::Encoder(e.to_string()))?;
        let color = match image.layout() {
            PixelLayout::Rgb8 => ColorSpace { matrix: Matrix::Bt709, range: Range::Limited },
            _ => image.color(),
        };
        Ok(Self { encoder, size, color, planes: EvenPlanes::default(), sets: None })
    }

    /// Returns the picture as Annex B without parameter sets. With `key` it needs no other one.
    fn encode(&mut self, image: &Image, key: bool) -> Result<Vec<u8>, VideoError> {
        let size = (image.width(), image.height());
        if size != self.size {
            return Err(VideoError::Size { picture: size, video: self.size });
        }
        let planes = self.planes.of(image, self.color);
        let planes = planes.ok_or_else(|| VideoError::Encoder("planes that do not fit".into()))?;
        if key {
            self.encoder.request_keyframe();
        }
        let annex_b = self.encoder.encode_planes(&planes).map_err(|e| VideoError::Encoder(e.to_string()))?;
        if self.sets.is_none() {
            let sets = parameter_sets(&annex_b, self.color);
            self.sets = Some(sets.ok_or_else(|| VideoError::Encoder("no valid parameter sets".into()))?);
        }
        let mut out = Vec::with_capacity(annex_b.len());
        for nal in nal_units(&annex_b).filter(|nal| !matches!(nal_kind(nal), SPS | PPS)) {
            out.extend([0, 0, 1]);
            out.extend(nal);
        }
        Ok(out)
    }
}

/// Returns the sets of a key frame, with the colour space.
fn parameter_sets(annex_b: &[u8], color: ColorSpace) -> Option<ParameterSets> {
    let mut sets = Vec::new();
    for nal in nal_units(annex_b) {
        let set = match nal_kind(nal) {
            SPS => with_usability(nal, color, REFERENCES)?,
            PPS => nal.to_vec(),
            _ => continue,
        };
        sets.extend([0, 0, 1]);
        sets.extend(set);
    }
    ParameterSets::read(&sets)
}
