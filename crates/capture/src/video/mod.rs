//! Video files.

mod access_units;
mod annexb;
mod mp4;
mod random_access;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    Codec, CodedDemand, CodedPicture, DropReason, FramePool, FrameSource, Image, ImageError, Picture,
    SourceError, SourceInfo,
};

use crate::context::SourceContext;
use crate::decoder_choice::Decoder;
use crate::file::regular_file::{open_regular, source_name};
use crate::file::sniff::{FileFormat, sniff};
use crate::h264::{
    AccessUnit, AutoDecoder, DecodeError, H264Offer, LOST_IN_DECODER, UnitsInside, VideoDecoder,
    source_error, with_size,
};
use crate::monotonic_pts::MIN_PTS_STEP;
use crate::rotation::Rotation;
use access_units::{AccessUnits, NextUnit};
use random_access::RandomAccessFile;

/// The settings of a [`Video`].
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct VideoSettings {
    /// The decoder to use.
    pub decoder: Decoder,
    /// The limits and the pool that lends the buffers of the pictures.
    pub context: SourceContext,
}

/// A video file with H.264: MP4 or MOV, fragmented or not, or an Annex B byte stream.
///
/// Pictures are `I420`, upright and cropped, in display order. They have the stream's colour space, or BT.601 with limited
/// range if the stream doesn't declare one. The size may change from one picture to the next. Time stamps are those of the
/// file, counted from its earliest picture. If one doesn't rise, a microsecond after the one before stands in for it. An
/// Annex B stream has the time stamps of its frame rate. There are none if the file declares no unit of time. Sound is
/// ignored.
///
/// If a picture cannot be decoded, the video returns [`SourceError::Damaged`] with the number of its sample, and the next
/// pictures follow. They may show traces of the damage until the next key frame. A file that was cut off gives the
/// pictures that are there, and then [`SourceError::Truncated`].
///
/// ```
/// use passerby_capture::Video;
/// use passerby_types::FrameSource;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
/// let mut video = Video::open(path)?;
/// assert_eq!(video.info().frames, Some(10));
/// for picture in video.pictures() {
///     let picture = picture?;
///     println!("{:?}: {}x{}", picture.pts, picture.image.width(), picture.image.height());
/// }
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct Video {
    info: SourceInfo,
    input: String,
    units: AccessUnits,
    decoder: AutoDecoder,
    inside: Inside,
    finisher: PictureFinisher,
    unit: Vec<u8>,
    decoded: Vec<Picture>,
    ready: VecDeque<Picture>,
    lost: u64,
    /// The frames that the decoder lost without an error, and that were not returned as an error yet.
    unreported: u64,
    state: State,
}

/// The units inside the decoder, by the time stamps that the decoder gets for them.
#[derive(Default)]
struct Inside {
    units: UnitsInside<Duration, UnitInside>,
    offer: H264Offer,
}

/// What belongs to the picture of a unit inside the decoder.
struct UnitInside {
    pts: Option<Duration>,
    coded: Option<Arc<CodedPicture>>,
}

/// The last step of each picture: rotates it and makes its time stamp rise.
struct PictureFinisher {
    rotation: Rotation,
    pool: FramePool,
    /// The times at which the part of the file that is shown begins and ends.
    shown: (Duration, Option<Duration>),
    /// The time from picture to picture, for streams without time stamps.
    period: Option<Duration>,
    last_pts: Option<Duration>,
    /// The pictures finished until now.
    finished: u64,
}

enum State {
    Running,
    /// No more units are read. The decoded pictures are returned, and then the ending.
    Draining(Ending),
    Ended,
}

enum Ending {
    Complete,
    /// The file was cut off. It should have had this number of frames, if that is known.
    Truncated(Option<u64>),
    Failed(SourceError),
}

impl Video {
    /// Opens a video file with the default settings.
    ///
    /// # Errors
    /// As [`Video::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        Self::open_with(path, VideoSettings::default())
    }

    /// Opens a video file.
    ///
    /// # Errors
    /// There is nothing to read after any of these. [`SourceError::Io`] if the system refuses the file;
    /// [`SourceError::Empty`]; [`SourceError::Unrecognised`] if the file isn't a video; [`SourceError::Unsupported`] for
    /// a container, codec or profile that cannot be read, with advice; [`SourceError::Malformed`] if there is no readable
    /// index or video track; [`SourceError::TooLarge`] if the video exceeds the limits.
    pub fn open_with(path: impl AsRef<Path>, settings: VideoSettings) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let input = path.display().to_string();
        let io = |cause| SourceError::io(path, cause);
        let SourceContext { limits, pool, .. } = settings.context;
        let file = open_regular(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut file = BufReader::with_capacity(64 << 10, file);
        let units = match sniff(&mut file, &input)? {
            FileFormat::Mp4 => AccessUnits::mp4(RandomAccessFile::new(file, len), &limits, &input)?,
            FileFormat::AnnexB => AccessUnits::annex_b(file, &limits, &input)?,
            other => return Err(other.refuse(&input, "a video")),
        };
        units.check(&limits).map_err(|e| match e {
            // No decoder of `Video` reads another format.
            DecodeError::Unsupported(what) => SourceError::unsupported(input.clone(), what),
            e => source_error(&input, e),
        })?;
        let decoder = AutoDecoder::new(settings.decoder, false, limits, pool.clone())
            .map_err(|e| source_error(&input, e))?;
        let name = source_name(path);
        let finisher = PictureFinisher {
            rotation: units.rotation(),
            pool,
            shown: units.shown(),
            period: units.period(),
            last_pts: None,
            finished: 0,
        };
        Ok(Self {
            info: SourceInfo {
                name,
                live: false,
                frame_rate: units.frame_rate(),
                frames: units.frames(),
                format: Some("H.264".into()),
                codec: units.rotation().degrees().map(|_| Codec::H264),
            },
            input,
            units,
            decoder,
            inside: Inside::default(),
            finisher,
            unit: Vec::new(),
            decoded: Vec::new(),
            ready: VecDeque::new(),
            lost: 0,
            unreported: 0,
            state: State::Running,
        })
    }

    /// Opens a video with the first reader that can read it.
    ///
    /// The first reader is [`Video`] itself. Others read the containers and codecs that `Video` refuses: with the feature `libav`,
    /// FFmpeg's libraries (`Libav`), and with the feature `ffmpeg`, an installed ffmpeg program
    /// (`Ffmpeg`). They do so if [`VideoSettings::decoder`] is [`Decoder::Auto`], and the libraries also with
    /// [`Decoder::Libav`].
    ///
    /// # Errors
    /// As [`Video::open_with`]. If only another reader could read the file, the error of the last one; if none can read it,
    /// [`SourceError::Unsupported`] with the reasons of all.
    #[expect(clippy::needless_pass_by_value, reason = "every source takes its settings by value")]
    pub fn auto(
        path: impl AsRef<Path>,
        settings: VideoSettings,
    ) -> Result<Box<dyn FrameSource>, SourceError> {
        let path = path.as_ref();
        let mut error = match Self::open_with(path, settings.clone()) {
            Ok(video) => return Ok(Box::new(video)),
            Err(e) => e,
        };
        for reader in OTHER_READERS.iter().filter(|reader| reader.decoders.contains(&settings.decoder)) {
            let SourceError::Unsupported { what, .. } = &error else { break };
            error = match (reader.open)(path, &settings) {
                Ok(source) => return Ok(source),
                Err(SourceError::Unsupported { input, what: theirs, .. }) => {
                    SourceError::unsupported(input, format!("{what}; {}: {theirs}", reader.name))
                }
                Err(e) => e,
            };
        }
        Err(name_the_ways(error))
    }

    /// Reads and decodes one unit.
    fn step(&mut self) -> Result<(), SourceError> {
        let (index, pts, key) = match self.units.next(&mut self.unit) {
            Err(cause) => {
                let error = SourceError::Io { input: self.input.clone(), cause };
                self.drain(Ending::Failed(error));
                return Ok(());
            }
            Ok(NextUnit::Unit { index, pts, key }) => (index, pts, key),
            Ok(NextUnit::Lost { index, key, what }) => return Err(self.lose(index, key, what)),
            Ok(NextUnit::End { truncated }) => {
                self.drain(truncated.map_or(Ending::Complete, Ending::Truncated));
                return Ok(());
            }
        };
        // A unit without a time stamp has its number as a stand-in.
        let stamp = pts.unwrap_or(Duration::from_nanos(index));
        self.inside.units.enter(stamp, UnitInside { pts, coded: None });
        let unit = AccessUnit { data: &self.unit, pts: Some(stamp) };
        let result = self.decoder.decode(unit, &mut self.decoded);
        self.inside.offer.observe(&self.unit);
        self.count_lost();
        match result {
            Ok(()) => {
                let coded = self.inside.offer.picture(self.unit.as_slice().into());
                if let Some(unit) = self.inside.units.last_mut() {
                    unit.coded = coded;
                }
                Ok(())
            }
            Err(DecodeError::Damaged(what)) => {
                self.inside.units.remove_last();
                Err(self.lose(index, key, what))
            }
            Err(e) => {
                let error = source_error(&self.input, e);
                self.drain(Ending::Failed(error));
                Ok(())
            }
        }
    }

    /// Gives a picture from the decoder the time stamp and the coded data of its unit.
    fn leave_decoder(&mut self, mut picture: Picture) -> Picture {
        let unit = picture.pts.and_then(|stamp| self.inside.units.leave(&stamp));
        if let Some(UnitInside { pts, coded }) = unit {
            picture.pts = pts;
            picture.coded = with_size(coded, &picture.image);
        }
        picture
    }

    /// Counts a lost frame and returns its error. If it was a key frame, the frames after it must not refer to older ones.
    fn lose(&mut self, frame: u64, key: bool, what: String) -> SourceError {
        self.lost += 1;
        if key {
            self.decoder.flush(&mut self.decoded);
            self.count_lost();
            self.decoder.reset();
        }
        self.damaged(frame, what)
    }

    /// Counts the frames that the decoder lost without an error.
    fn count_lost(&mut self) {
        let frames = self.decoder.take_lost();
        self.lost += frames;
        self.unreported += frames;
    }

    fn damaged(&self, frame: u64, what: String) -> SourceError {
        SourceError::Damaged { input: self.input.clone(), frame, what }
    }

    /// Ends the reading of units and takes the pictures that the decoder still holds.
    fn drain(&mut self, ending: Ending) {
        self.decoder.flush(&mut self.decoded);
        self.count_lost();
        let nothing = self.decoded.is_empty() && self.finisher.finished == 0 && self.lost == 0;
        self.state = State::Draining(match ending {
            Ending::Complete if nothing => {
                Ending::Failed(SourceError::malformed(self.input.clone(), "no frames"))
            }
            ending => ending,
        });
    }
}

type OpenResult = Result<Box<dyn FrameSource>, SourceError>;

/// A reader of foreign containers and codecs.
struct OtherReader {
    /// Its name in errors.
    name: &'static str,
    /// The decoders whose choice allows it.
    decoders: &'static [Decoder],
    open: fn(&Path, &VideoSettings) -> OpenResult,
}

/// The readers of foreign containers and codecs, the fastest one first.
const OTHER_READERS: &[OtherReader] = &[
    #[cfg(feature = "libav")]
    OtherReader {
        name: "FFmpeg's libraries",
        decoders: &[Decoder::Auto, Decoder::Libav],
        open: |path, settings| {
            use crate::libav::{Libav, LibavSettings};
            let settings = LibavSettings { context: settings.context.clone(), ..LibavSettings::default() };
            Ok(Box::new(Libav::open_with(path, settings)?))
        },
    },
    #[cfg(feature = "ffmpeg")]
    OtherReader {
        name: "ffmpeg",
        decoders: &[Decoder::Auto],
        open: |path, settings| {
            use crate::ffmpeg::{Ffmpeg, FfmpegSettings};
            let settings = FfmpegSettings { context: settings.context.clone(), ..FfmpegSettings::default() };
            Ok(Box::new(Ffmpeg::open(path, settings)?))
        },
    },
];

/// Adds the ways to read a foreign container or codec to the error of a build that has none of them.
fn name_the_ways(error: SourceError) -> SourceError {
    match error {
        SourceError::Unsupported { input, what, feature: None }
            if cfg!(not(any(feature = "libav", feature = "ffmpeg"))) =>
        {
            let ways = "or build with the feature `libav` (--features libav), or with `ffmpeg` and an installed ffmpeg program";
            SourceError::unsupported(input, format!("{what}; {ways}")).needs_feature("libav")
        }
        error => error,
    }
}

impl PictureFinisher {
    /// Returns `None` for a picture that an edit list leaves out.
    fn finish(&mut self, picture: Picture) -> Result<Option<Picture>, ImageError> {
        let (start, end) = self.shown;
        if picture.pts.is_some_and(|pts| pts < start || end.is_some_and(|end| pts >= end)) {
            return Ok(None);
        }
        let own = match self.period {
            Some(period) => Some(period.saturating_mul(u32::try_from(self.finished).unwrap_or(u32::MAX))),
            None => picture.pts.map(|pts| pts - start),
        };
        let pts = match (own, self.last_pts) {
            (Some(own), Some(last)) if own <= last => Some(last.saturating_add(MIN_PTS_STEP)),
            _ => own,
        };
        self.last_pts = pts.or(self.last_pts);
        self.finished += 1;
        let image: Image = self.rotation.apply(picture.image, &self.pool)?;
        let coded = self.rotation.apply_to_coded(picture.coded);
        Ok(Some(Picture { image, pts, age: picture.age, coded }))
    }
}

impl FrameSource for Video {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            if let Some(picture) = self.ready.pop_front() {
                let picture = self.leave_decoder(picture);
                let frame = self.finisher.finished;
                match self.finisher.finish(picture) {
                    Ok(None) => continue,
                    Ok(finished) => return Ok(finished),
                    Err(e) => return Err(self.damaged(frame, e.to_string())),
                }
            }
            if self.unreported > 0 {
                let input = self.input.clone();
                let frames = std::mem::take(&mut self.unreported);
                return Err(SourceError::Lost {
                    input,
                    frames,
                    reason: DropReason::Undecodable,
                    what: LOST_IN_DECODER.into(),
                });
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Running => {
                    self.state = State::Running;
                    let result = self.step();
                    self.ready.extend(self.decoded.drain(..));
                    result?;
                }
                State::Draining(Ending::Truncated(expected)) => {
                    let frames = self.finisher.finished;
                    return Err(SourceError::Truncated { input: self.input.clone(), frames, expected });
                }
                State::Draining(Ending::Failed(error)) => return Err(error),
                State::Draining(Ending::Complete) | State::Ended => return Ok(None),
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.inside.offer.set_demand(demand);
    }
}

impl fmt::Debug for Video {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Video")
            .field("info", &self.info)
            .field("finished", &self.finisher.finished)
            .finish_non_exhaustive()
    }
}
