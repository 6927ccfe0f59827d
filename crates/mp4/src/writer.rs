//! Writes pictures into a video file.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use passerby_types::Image;

use crate::encoder::{EncoderSettings, VideoEncoder, VideoError, VideoSegment};

/// Writes pictures into a video: H.264 in a fragmented MP4, which browsers, VLC, QuickTime and ffmpeg play.
///
/// Each picture has a time of its own, so the rate may vary. The file grows by a segment of two seconds
/// ([`EncoderSettings::key_interval`]), and a player shows the segments that are written, whatever happens to the program.
/// [`VideoWriter::finish`] writes the last segment.
///
/// The observations of a pipeline and their pictures come together from `Pipeline::subscribe_frames` of `passerby-pipeline`, and
/// `Annotator` of `passerby-annotate` draws the boxes.
///
/// ```
/// use std::time::Duration;
///
/// use passerby_mp4::{EncoderSettings, VideoWriter};
/// use passerby_types::{ColorSpace, FrameSource, Image, PixelLayout};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("grey.mp4");
/// let mut video = VideoWriter::create(&path, EncoderSettings::default())?;
/// for number in 0..50 {
///     let bytes = vec![number * 5; PixelLayout::I420.tight_len(64, 48)];
///     let image = Image::from_vec(PixelLayout::I420, 64, 48, ColorSpace::default(), bytes)?;
///     video.write(&image, Duration::from_millis(40 * u64::from(number)))?;
/// }
/// video.finish()?;
/// assert_eq!(passerby_capture::open(&path)?.pictures().count(), 50);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VideoWriter<W: Write> {
    encoder: VideoEncoder,
    out: W,
}

impl VideoWriter<File> {
    /// Creates the file, or empties it if it exists.
    ///
    /// # Errors
    /// [`VideoError::Io`]: the file cannot be created.
    pub fn create(path: impl AsRef<Path>, settings: EncoderSettings) -> Result<Self, VideoError> {
        Ok(Self::new(File::create(path)?, settings))
    }
}

impl<W: Write> VideoWriter<W> {
    /// Creates a video in `out`, which needs no buffer and need not seek: it gets a whole segment at a time.
    #[must_use]
    pub fn new(out: W, settings: EncoderSettings) -> Self {
        Self { encoder: VideoEncoder::new(settings), out }
    }

    /// Writes the next picture, which is shown from `time` on. [`VideoEncoder::push`] has the rules of sizes, colours and times.
    ///
    /// # Errors
    /// [`VideoError`]. After [`VideoError::Io`] the caller should give the video up. After any other one the picture is left out, and the
    /// next one may follow.
    pub fn write(&mut self, image: &Image, time: Duration) -> Result<(), VideoError> {
        match self.encoder.push(image, time)? {
            Some(segment) => put(&mut self.out, &segment),
            None => Ok(()),
        }
    }

    /// Writes the last segment, and returns `out`. Without a picture, nothing is written.
    ///
    /// # Errors
    /// [`VideoError::Io`]: the last segment cannot be written.
    pub fn finish(mut self) -> Result<W, VideoError> {
        if let Some(segment) = self.encoder.finish() {
            put(&mut self.out, &segment)?;
        }
        Ok(self.out)
    }
}

fn put(out: &mut impl Write, segment: &VideoSegment) -> Result<(), VideoError> {
    out.write_all(&segment.data)?;
    out.flush()?;
    Ok(())
}
