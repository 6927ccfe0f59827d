//! The settings of an ffmpeg source.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::context::SourceContext;
use crate::live::certificates::AcceptedCertificates;
use crate::live::rtsp_transport::RtspTransport;

/// The settings of an [`Ffmpeg`](super::Ffmpeg) source.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct FfmpegSettings {
    /// The program: a path, or a name to look for in `PATH`. `ffmpeg` by default.
    pub program: PathBuf,
    /// The hardware decoder, as for ffmpeg's `-hwaccel`, for example `auto`, `vaapi` or `cuda`. `None`, the default: the
    /// CPU decodes.
    pub hwaccel: Option<String>,
    /// The threads that decode. 1 by default, since several cameras are decoded at the same time. 0: ffmpeg decides.
    pub threads: usize,
    /// The input's format, as for ffmpeg's `-f`, for example `v4l2` or `mpegts`. `None`, the default: ffmpeg detects it from
    /// the content.
    pub format: Option<String>,
    /// How packets of `rtsp://` inputs come. By default over TCP, and over UDP if the camera refuses TCP.
    pub transport: RtspTransport,
    /// Whether every format and protocol of ffmpeg is allowed, also those that read other files, load libraries or write files,
    /// such as `lavfi`, `concat` and local playlists. False by default.
    pub unrestricted: bool,
    /// The certificates that are accepted on `https://` and `rtmps://`. ffmpeg cannot check those of `rtsps://`, so it reads
    /// such an address only with [`AcceptedCertificates::Any`].
    pub certificates: AcceptedCertificates,
    /// More options for the input. They come before ffmpeg's `-i`.
    pub options: Vec<String>,
    /// How long the first picture may take. 8 s by default, since ffmpeg itself analyses a stream for up to 5 s.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub connect_timeout: Duration,
    /// How old a live picture may get before it is dropped. Its age counts from the time at which ffmpeg returned it. 500 ms
    /// by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub max_age: Duration,
    /// How long the program may return no picture before it is killed. 30 s by default.
    #[cfg_attr(feature = "serde", serde(with = "passerby_types::duration_text"))]
    pub stall_timeout: Duration,
    /// The limits, buffers and clock. `video_pixels` bounds the pictures.
    pub context: SourceContext,
}

impl Default for FfmpegSettings {
    fn default() -> Self {
        Self {
            program: "ffmpeg".into(),
            hwaccel: None,
            threads: 1,
            format: None,
            transport: RtspTransport::default(),
            unrestricted: false,
            certificates: AcceptedCertificates::default(),
            options: Vec::new(),
            connect_timeout: Duration::from_secs(8),
            max_age: Duration::from_millis(500),
            stall_timeout: Duration::from_secs(30),
            context: SourceContext::default(),
        }
    }
}

/// Doesn't show the options, which may hold a password.
impl fmt::Debug for FfmpegSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FfmpegSettings")
            .field("program", &self.program)
            .field("hwaccel", &self.hwaccel)
            .field("threads", &self.threads)
            .field("format", &self.format)
            .field("transport", &self.transport)
            .field("unrestricted", &self.unrestricted)
            .field("certificates", &self.certificates)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_age", &self.max_age)
            .field("stall_timeout", &self.stall_timeout)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
