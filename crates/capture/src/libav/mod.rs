//! Reads files with FFmpeg's libraries, in this process.

mod demuxer;
mod display_matrix;
mod filter_graph;
mod guard;
mod packet_decoder;
mod picture_maker;
mod settings;

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use ffmpeg_the_third as ffmpeg;

use ffmpeg::codec::Id;
use ffmpeg::frame;
use passerby_types::{FrameSource, Image, Picture, SourceError, SourceInfo};

use crate::file::regular_file::{open_regular, source_name};
use crate::monotonic_pts::MonotonicPts;
use demuxer::{Demuxer, Next, OpenError};
pub(crate) use guard::guarded;
pub(crate) use packet_decoder::{DecoderOptions, PacketDecoder};
pub(crate) use picture_maker::{PictureMaker, TimedImage};
pub use settings::LibavSettings;

/// A video file that FFmpeg's libraries read in this process: nearly every container and codec.
///
/// It reads H.264, H.265, AV1, VP8, VP9, MPEG-2, MPEG-4 and many more in MP4, MOV, Matroska, WebM, AVI, MPEG streams and other
/// containers that hold a whole video. Playlists and other files that name files or addresses are refused, and so is everything
/// but a regular file.
///
/// Pictures are `I420` or `Nv12`, upright and cropped, in display order. They have the stream's colour space, or BT.601 with
/// limited range if the stream doesn't declare one. 8 bits and 4:2:0 stay as they were decoded; FFmpeg converts everything else
/// to that. It makes interlaced frames progressive (its filter `bwdif`, one picture for two fields). The size may change from one
/// picture to the next. Time stamps are those of the file, counted from its first picture. If one doesn't rise, a microsecond
/// after the one before stands in for it. If a file has none, they follow from its frame rate. Sound is ignored.
///
/// If a picture cannot be decoded, the source returns [`SourceError::Damaged`] with the number of its packet, and the next
/// pictures follow. FFmpeg returns pictures with traces of damage without a report. If a file was cut off, it gives the pictures
/// that are there, and then [`SourceError::Truncated`].
///
/// ```
/// use passerby_capture::Libav;
/// use passerby_types::FrameSource;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny_mpeg4.mp4");
/// let mut video = Libav::open(path)?;
/// let mut pictures = 0;
/// for picture in video.pictures() {
///     let picture = picture?;
///     println!("{:?}: {}x{}", picture.pts, picture.image.width(), picture.image.height());
///     pictures += 1;
/// }
/// assert!(pictures > 0);
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct Libav {
    info: SourceInfo,
    input: String,
    demuxer: Demuxer,
    decoder: PacketDecoder,
    maker: PictureMaker,
    frame: frame::Video,
    converted: Vec<TimedImage>,
    ready: VecDeque<TimedImage>,
    clock: StreamClock,
    /// The number of the last packet.
    packet: u64,
    counts: Counts,
    state: State,
}

/// The pictures that were returned, and the packets that gave none.
#[derive(Debug, Default)]
struct Counts {
    returned: u64,
    lost: u64,
}

enum State {
    Running,
    /// No more packets are read. The decoded pictures are returned, and then the ending.
    Draining(Ending),
    Ended,
}

enum Ending {
    Complete,
    Truncated,
    Failed(SourceError),
}

/// Converts a stream's time stamps.
struct StreamClock {
    /// The nanoseconds of a tick, as a fraction.
    nanos: (i128, i128),
    /// The time from picture to picture, for streams without time stamps.
    period: Option<Duration>,
    first: Option<i64>,
    last: Option<Duration>,
    rising: MonotonicPts,
}

impl Libav {
    /// Opens a file with the default settings.
    ///
    /// # Errors
    /// As [`Libav::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        Self::open_with(path, LibavSettings::default())
    }

    /// Opens a file. The name always means a file, even if it looks like an address.
    ///
    /// # Errors
    /// There is nothing to read after any of these. [`SourceError::Io`] if the system refuses the file, or it isn't a regular
    /// one; [`SourceError::Empty`]; [`SourceError::Unsupported`] for a container or codec that cannot be read;
    /// [`SourceError::Malformed`] if the file has no video, or breaks its format; [`SourceError::TooLarge`] if the video exceeds
    /// the limits.
    pub fn open_with(path: impl AsRef<Path>, settings: LibavSettings) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let input = path.display().to_string();
        let io = |cause| SourceError::io(path, cause);
        let len = open_regular(path).and_then(|file| file.metadata()).map_err(io)?.len();
        if len == 0 {
            return Err(SourceError::Empty { input });
        }
        let limits = settings.context.limits;
        let demuxer = Demuxer::open(path, len, limits.bytes).map_err(|e| open_error(&input, &e))?;
        let video = demuxer.video;
        if u64::from(video.size.0) * u64::from(video.size.1) > limits.video_pixels
            || video.size.0.max(video.size.1) > Image::MAX_SIDE
        {
            let what = format!("a video of {}x{} pixels", video.size.0, video.size.1);
            let limit = format!("{} pixels, {} a side", limits.video_pixels, Image::MAX_SIDE);
            return Err(SourceError::TooLarge { input, what, limit });
        }
        let options = DecoderOptions {
            threads: settings.threads,
            max_pixels: limits.video_pixels,
            strict_order: false,
            incomplete_start: false,
        };
        let decoder = guarded(|| PacketDecoder::open(demuxer.context()?, video.codec, options));
        let decoder = decoder.map_err(|e| match e {
            ffmpeg::Error::DecoderNotFound => {
                let what = format!(
                    "codec {}: FFmpeg's libraries here have no decoder for it",
                    codec_name(video.codec)
                );
                SourceError::unsupported(input.clone(), what)
            }
            e => SourceError::malformed(input.clone(), format!("the decoder does not start: {e}")),
        })?;
        let mut maker = PictureMaker::new(settings.context.pool, limits.video_pixels);
        maker.set_deinterlace(may_be_interlaced(video.codec));
        if let Some(rotation) = video.rotation {
            maker.set_rotation(rotation);
        }
        let name = source_name(path);
        Ok(Self {
            info: SourceInfo {
                name,
                live: false,
                frame_rate: video.rate,
                frames: video.frames,
                format: Some(codec_name(video.codec)),
                codec: None,
            },
            input,
            decoder,
            maker,
            frame: frame::Video::empty(),
            converted: Vec::new(),
            ready: VecDeque::new(),
            clock: StreamClock::new(video.time_base, video.rate),
            packet: 0,
            counts: Counts::default(),
            state: State::Running,
            demuxer,
        })
    }

    /// Reads and decodes one packet.
    fn step(&mut self) -> Result<(), SourceError> {
        match guarded(|| self.demuxer.next()) {
            Ok(Next::Packet(number, packet)) => {
                self.packet = number;
                let decoder = &mut self.decoder;
                let sent = guarded(|| decoder.send(&packet));
                let received = self.receive();
                sent.and(received).map_err(|e| self.lose(e.to_string()))
            }
            Ok(Next::TooLarge(number, bytes)) => {
                self.packet = number;
                Err(self.lose(format!("a coded frame of {bytes} bytes is over the limit")))
            }
            Ok(Next::End { truncated }) => {
                self.drain(if truncated { Ending::Truncated } else { Ending::Complete });
                Ok(())
            }
            Err(e) => {
                let error = SourceError::malformed(self.input.clone(), format!("reading failed: {e}"));
                self.drain(Ending::Failed(error));
                Ok(())
            }
        }
    }

    /// Takes all frames out of the decoder. If one fails, the next ones still come.
    fn receive(&mut self) -> Result<(), ffmpeg::Error> {
        let Self { decoder, maker, frame, converted, .. } = self;
        let mut result = Ok(());
        // A decoder that returns nothing but errors would never end.
        let mut errors = 0;
        while errors < 16 {
            let received = guarded(|| {
                if !decoder.receive(frame)? {
                    return Ok(false);
                }
                maker.convert(frame, frame.timestamp(), converted).map(|()| true)
            });
            match received {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => {
                    errors += 1;
                    result = Err(e);
                }
            }
        }
        self.ready.extend(self.converted.drain(..));
        result
    }

    fn lose(&mut self, what: String) -> SourceError {
        self.counts.lost += 1;
        SourceError::Damaged { input: self.input.clone(), frame: self.packet, what }
    }

    /// Ends the reading of packets and takes the pictures that the decoder still holds.
    fn drain(&mut self, ending: Ending) {
        self.decoder.finish();
        // The pictures that fail here belong to packets without an error of their own, so their number isn't known.
        let _ = self.receive();
        let Self { maker, converted, .. } = self;
        let _ = guarded(|| maker.drain(converted));
        self.ready.extend(self.converted.drain(..));
        let nothing = self.ready.is_empty() && self.counts.returned == 0;
        let lost = self.counts.lost;
        self.state = State::Draining(match ending {
            Ending::Complete if nothing => {
                let what = if lost == 0 {
                    "no frames".into()
                } else {
                    format!("none of its {lost} frames can be decoded")
                };
                Ending::Failed(SourceError::malformed(self.input.clone(), what))
            }
            ending => ending,
        });
    }
}

impl StreamClock {
    fn new(time_base: ffmpeg::Rational, rate: Option<f64>) -> Self {
        let denominator = i128::from(time_base.denominator()).max(1);
        Self {
            nanos: (1_000_000_000 * i128::from(time_base.numerator()), denominator),
            period: rate.map(|rate| Duration::from_secs_f64(1.0 / rate)),
            first: None,
            last: None,
            rising: MonotonicPts::default(),
        }
    }

    /// Returns the time of the next picture, whose time stamp is `ticks`. `None` if the stream has neither time stamps nor a
    /// frame rate.
    fn time(&mut self, ticks: Option<i64>) -> Option<Duration> {
        let own = ticks.map(|ticks| {
            let first = *self.first.get_or_insert(ticks);
            let nanos = (i128::from(ticks) - i128::from(first)) * self.nanos.0 / self.nanos.1;
            Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
        });
        let period = self.period;
        let next =
            || period.map(|period| self.last.map_or(Duration::ZERO, |last| last.saturating_add(period)));
        let time = self.rising.next(own.or_else(next)?);
        self.last = Some(time);
        Some(time)
    }
}

impl FrameSource for Libav {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        loop {
            if let Some((image, ticks)) = self.ready.pop_front() {
                self.counts.returned += 1;
                return Ok(Some(Picture::new(image, self.clock.time(ticks))));
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Running => {
                    self.state = State::Running;
                    self.step()?;
                }
                State::Draining(Ending::Truncated) => {
                    let frames = self.counts.returned;
                    let expected = self.info.frames;
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
}

impl fmt::Debug for Libav {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Libav")
            .field("info", &self.info)
            .field("returned", &self.counts.returned)
            .finish_non_exhaustive()
    }
}

/// Returns false for codecs whose frames are always progressive, or whose fields come as pictures of their own.
fn may_be_interlaced(codec: Id) -> bool {
    !matches!(codec, Id::AV1 | Id::VP8 | Id::VP9 | Id::HEVC | Id::VVC | Id::THEORA | Id::GIF)
}

fn codec_name(codec: Id) -> String {
    guarded(|| Ok(codec.name().to_owned())).unwrap_or_else(|_| "without a name".into())
}

fn open_error(input: &str, error: &OpenError) -> SourceError {
    match error {
        OpenError::Container => SourceError::unsupported(
            input,
            "container: FFmpeg's libraries do not know it, or it may name other files, which passerby does not open",
        ),
        OpenError::NoVideo => SourceError::malformed(input, "no video track"),
        OpenError::Failed(e) => {
            SourceError::malformed(input, format!("FFmpeg's libraries cannot open it: {e}"))
        }
    }
}
