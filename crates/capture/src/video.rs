//! Video files.

use std::collections::VecDeque;
use std::fmt;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use passerby_types::{FramePool, FrameSource, Picture, SourceError, SourceInfo};

use crate::decode::{Decoder, Decoding, fatal};
use crate::file::{Places, regular};
use crate::h264::{AccessUnit, DecodeError};
use crate::limits::DecodeLimits;
use crate::sniff::{self, Format};
use crate::turn::Turn;
use crate::units::{Next, Units};

/// How a [`Video`] is read.
#[derive(Clone, Debug, Default)]
pub struct VideoSettings {
    /// Which decoder to use.
    pub decoder: Decoder,
    /// What keeps memory bounded.
    pub limits: DecodeLimits,
    /// Who lends the buffers of the pictures.
    pub pool: FramePool,
}

/// A video file: MP4 or MOV, fragmented or not, or an Annex B byte stream, with H.264.
///
/// Pictures are `I420`, upright, cropped, in display order, with the stream's colour space (BT.601 with limited
/// range where it says nothing). Their size may change from one to the next. Time stamps are those of the file,
/// counted from its earliest picture and made to rise where they do not; an Annex B stream has those of its frame
/// rate. They are missing where the file gives no unit of time. Sound is ignored.
///
/// A picture that cannot be decoded is a [`SourceError::Damaged`] with the number of its sample, and the next ones
/// follow; until the next key frame they may show traces of the damage. A file that was cut off gives the pictures
/// that are there, and then [`SourceError::Truncated`].
pub struct Video {
    info: SourceInfo,
    input: String,
    units: Units,
    decoder: Decoding,
    settings: VideoSettings,
    turn: Turn,
    /// Time from picture to picture, for streams without time stamps.
    period: Option<Duration>,
    unit: Vec<u8>,
    decoded: Vec<Picture>,
    ready: VecDeque<Picture>,
    given: u64,
    lost: u64,
    last: Option<Duration>,
    state: State,
}

/// Where a video has got to.
enum State {
    Running,
    /// What is decoded remains to be given, and then this.
    Draining(Ending),
    Over,
}

/// How a video ends.
enum Ending {
    Whole,
    /// It was cut off, and should have so many frames.
    Truncated(Option<u64>),
    Failed(SourceError),
}

impl Video {
    /// Opens a video file with the usual settings.
    ///
    /// # Errors
    /// As [`Video::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        Self::open_with(path, VideoSettings::default())
    }

    /// Opens a video file.
    ///
    /// # Errors
    /// All of them mean that there is nothing to read: [`SourceError::Io`] for what the system refuses,
    /// [`SourceError::Empty`], [`SourceError::Unrecognised`] for what is no video, [`SourceError::Unsupported`] for
    /// containers, codecs and profiles that cannot be read, with what can be done, [`SourceError::Malformed`] for a
    /// file without a readable index or a video track, [`SourceError::TooLarge`] for one beyond the limits.
    pub fn open_with(path: impl AsRef<Path>, settings: VideoSettings) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let input = path.display().to_string();
        let io = |cause| SourceError::io(path, cause);
        let file = regular(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut file = BufReader::with_capacity(64 << 10, file);
        let units = match sniff::format(&mut file, &input)? {
            Format::Mp4 => Units::mp4(Places::new(file, len), &settings.limits, &input)?,
            Format::AnnexB => Units::annex_b(file, &settings.limits, &input)?,
            other => return Err(other.refuse(&input, "a video")),
        };
        units.check(&settings.limits).map_err(|e| fatal(&input, e))?;
        let decoder = Decoding::new(settings.decoder, false, settings.limits, settings.pool.clone())
            .map_err(|e| fatal(&input, e))?;
        let name = path.file_name().map_or_else(|| input.clone(), |n| n.to_string_lossy().into_owned());
        Ok(Self {
            info: SourceInfo { name, live: false, frame_rate: units.frame_rate(), frames: units.frames() },
            turn: units.turn(),
            period: units.period(),
            input,
            units,
            decoder,
            settings,
            unit: Vec::new(),
            decoded: Vec::new(),
            ready: VecDeque::new(),
            given: 0,
            lost: 0,
            last: None,
            state: State::Running,
        })
    }

    /// Opens a video with the first reader that can: this one, and with the feature `ffmpeg` an installed ffmpeg for what
    /// it refuses (other containers and codecs).
    ///
    /// # Errors
    /// As [`Video::open_with`]. Where ffmpeg would be needed, its error; [`SourceError::Unsupported`] with both reasons where
    /// it is not there or cannot read it either.
    #[cfg_attr(
        not(feature = "ffmpeg"),
        allow(clippy::needless_pass_by_value, reason = "the second reader needs them")
    )]
    pub fn auto(
        path: impl AsRef<Path>,
        settings: VideoSettings,
    ) -> Result<Box<dyn FrameSource>, SourceError> {
        match Self::open_with(&path, settings.clone()) {
            Ok(video) => Ok(Box::new(video)),
            #[cfg(feature = "ffmpeg")]
            Err(SourceError::Unsupported { what, .. }) if settings.decoder == Decoder::Auto => {
                let VideoSettings { limits, pool, .. } = settings;
                let settings = crate::FfmpegSettings { limits, pool, ..Default::default() };
                match crate::Ffmpeg::open(path, settings) {
                    Ok(video) => Ok(Box::new(video)),
                    Err(SourceError::Unsupported { input, what: theirs }) => {
                        Err(SourceError::Unsupported { input, what: format!("{what}; ffmpeg: {theirs}") })
                    }
                    Err(e) => Err(e),
                }
            }
            Err(e) => Err(e),
        }
    }

    /// Reads and decodes one unit.
    fn step(&mut self) -> Result<(), SourceError> {
        let (index, pts, key) = match self.units.next(&mut self.unit) {
            Err(cause) => {
                let error = SourceError::Io { input: self.input.clone(), cause };
                return self.drain(Ending::Failed(error));
            }
            Ok(Next::Unit { index, pts, key }) => (index, pts, key),
            Ok(Next::Lost { index, key, what }) => return Err(self.lost(index, key, what)),
            Ok(Next::End { truncated }) => {
                return self.drain(truncated.map_or(Ending::Whole, Ending::Truncated));
            }
        };
        let unit = AccessUnit { data: &self.unit, pts };
        match self.decoder.decode(unit, &mut self.decoded) {
            Ok(()) => Ok(()),
            Err(DecodeError::Damaged(what)) => Err(self.lost(index, key, what)),
            Err(e) => {
                let error = fatal(&self.input, e);
                self.drain(Ending::Failed(error))
            }
        }
    }

    /// What is wrong with a frame that is lost. Without a key frame those after it would refer to the wrong pictures.
    fn lost(&mut self, frame: u64, key: bool, what: String) -> SourceError {
        self.lost += 1;
        if key {
            self.decoder.flush(&mut self.decoded);
            self.decoder.reset();
        }
        self.damaged(frame, what)
    }

    fn damaged(&self, frame: u64, what: String) -> SourceError {
        SourceError::Damaged { input: self.input.clone(), frame, what }
    }

    /// There are no more units to decode: lets the decoder give what it holds back.
    fn drain(&mut self, ending: Ending) -> Result<(), SourceError> {
        self.decoder.flush(&mut self.decoded);
        let none = self.decoded.is_empty() && self.given == 0 && self.lost == 0;
        self.state = State::Draining(match ending {
            Ending::Whole if none => {
                Ending::Failed(SourceError::Malformed { input: self.input.clone(), what: "no frames".into() })
            }
            ending => ending,
        });
        Ok(())
    }

    /// Turns a decoded picture upright and makes its time stamp rise.
    fn finish(&mut self, picture: Picture) -> Result<Picture, SourceError> {
        let pts = match self.period {
            Some(period) => Some(period.saturating_mul(u32::try_from(self.given).unwrap_or(u32::MAX))),
            None => picture.pts,
        };
        let pts = match (pts, self.last) {
            (Some(pts), Some(last)) if pts <= last => Some(last.saturating_add(Duration::from_micros(1))),
            _ => pts,
        };
        self.last = pts.or(self.last);
        self.given += 1;
        let image = self
            .turn
            .apply(picture.image, &self.settings.pool)
            .map_err(|e| self.damaged(self.given - 1, e.to_string()))?;
        Ok(Picture { image, pts, age: picture.age })
    }
}

impl FrameSource for Video {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            if let Some(picture) = self.ready.pop_front() {
                return self.finish(picture).map(Some);
            }
            match std::mem::replace(&mut self.state, State::Over) {
                State::Running => {
                    self.state = State::Running;
                    let result = self.step();
                    self.ready.extend(self.decoded.drain(..));
                    result?;
                }
                State::Draining(Ending::Truncated(expected)) => {
                    let input = self.input.clone();
                    return Err(SourceError::Truncated { input, frames: self.given, expected });
                }
                State::Draining(Ending::Failed(error)) => return Err(error),
                State::Draining(Ending::Whole) | State::Over => return Ok(None),
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

impl fmt::Debug for Video {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Video").field("info", &self.info).field("given", &self.given).finish_non_exhaustive()
    }
}
