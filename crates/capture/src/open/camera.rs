//! Opens cameras and keeps them going.

use std::time::Duration;

use passerby_types::{FrameSource, SourceError};

use super::options::{Options, parse_time};
use super::settings::OpenSettings;
#[cfg(feature = "rtsp")]
use crate::decoder_choice::Decoder;
#[cfg(feature = "ffmpeg")]
use crate::ffmpeg::{Ffmpeg, FfmpegSettings};
#[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "ffmpeg"))]
use crate::live::certificates::AcceptedCertificates;
#[cfg(any(feature = "rtsp", feature = "ffmpeg"))]
use crate::live::rtsp_transport::RtspTransport;
#[cfg(feature = "mjpeg")]
use crate::mjpeg::{Mjpeg, MjpegSettings};
use crate::reconnect::{Reconnect, ReconnectSettings};
#[cfg(feature = "rtsp")]
use crate::rtsp::{Rtsp, RtspSettings};
#[cfg(feature = "webcam")]
use crate::webcam::{Webcam, WebcamPixels, WebcamSettings};

/// A camera's address and its options.
#[derive(Clone)]
pub(super) enum Camera {
    #[cfg(feature = "rtsp")]
    Rtsp(String, RtspSettings, Option<Decoder>),
    #[cfg(feature = "mjpeg")]
    Mjpeg(String, MjpegSettings),
    #[cfg(feature = "webcam")]
    Webcam(String, WebcamSettings),
    #[cfg(feature = "ffmpeg")]
    Ffmpeg(String, FfmpegSettings),
}

/// How much longer than connecting the whole opening of a camera may take.
const OPENING_MARGIN: Duration = Duration::from_secs(2);

/// The options that take precedence over [`OpenSettings::reconnect`].
#[derive(Clone, Default)]
pub(super) struct ReconnectOptions {
    stall_timeout: Option<Duration>,
    freeze_timeout: Option<Option<Duration>>,
    max_attempts: Option<Option<u32>>,
}

impl ReconnectOptions {
    pub(super) fn parse(options: &mut Options) -> Result<Self, SourceError> {
        let max_attempts = options.value("attempts", "a number from 1 on, or ever", |text| match text {
            "ever" => Some(None),
            _ => text.parse().ok().filter(|attempts| *attempts > 0).map(Some),
        })?;
        let freeze_timeout = options.value("frozen", "a time such as 30s, or never", |text| match text {
            "never" => Some(None),
            _ => parse_time(text).map(Some),
        })?;
        Ok(Self { stall_timeout: options.time("stall")?, freeze_timeout, max_attempts })
    }

    /// Returns `settings` with these options applied. The timeout for opening must not cut `connect_timeout` short if the
    /// user has raised that.
    fn apply(&self, settings: &ReconnectSettings, connect_timeout: Duration) -> ReconnectSettings {
        let needed = connect_timeout.saturating_add(OPENING_MARGIN);
        let is_raised = needed > ReconnectSettings::default().open_timeout;
        ReconnectSettings {
            open_timeout: if is_raised { settings.open_timeout.max(needed) } else { settings.open_timeout },
            stall_timeout: self.stall_timeout.unwrap_or(settings.stall_timeout),
            freeze_timeout: self.freeze_timeout.unwrap_or(settings.freeze_timeout),
            max_attempts: self.max_attempts.unwrap_or(settings.max_attempts),
            ..settings.clone()
        }
    }
}

impl Camera {
    #[cfg(feature = "rtsp")]
    pub(super) fn rtsp(address: &str, options: &mut Options) -> Result<Self, SourceError> {
        let mut settings = RtspSettings::default();
        settings.transport = parse_transport(options)?.unwrap_or(settings.transport);
        settings.allow_damaged = options.flag("damage")?.unwrap_or(settings.allow_damaged);
        settings.connect_timeout = options.time("connect")?.unwrap_or(settings.connect_timeout);
        settings.key_frame_timeout = options.time("key")?.unwrap_or(settings.key_frame_timeout);
        settings.any_redirect = parse_redirect(options)?.unwrap_or(settings.any_redirect);
        settings.certificates = parse_certificates(options)?.unwrap_or_default();
        settings.max_age = options.time("age")?.unwrap_or(settings.max_age);
        Ok(Self::Rtsp(address.to_owned(), settings, options.decoder()?))
    }

    #[cfg(feature = "mjpeg")]
    pub(super) fn mjpeg(address: &str, options: &mut Options) -> Result<Self, SourceError> {
        let mut settings = MjpegSettings::default();
        settings.connect_timeout = options.time("connect")?.unwrap_or(settings.connect_timeout);
        settings.max_age = options.time("age")?.unwrap_or(settings.max_age);
        settings.rate = options.number("rate", 0.001..=1000.0)?.unwrap_or(settings.rate);
        settings.any_redirect = parse_redirect(options)?.unwrap_or(settings.any_redirect);
        settings.certificates = parse_certificates(options)?.unwrap_or_default();
        Ok(Self::Mjpeg(address.to_owned(), settings))
    }

    #[cfg(feature = "webcam")]
    pub(super) fn webcam(selector: &str, options: &mut Options) -> Result<Self, SourceError> {
        let mut settings = WebcamSettings::default();
        (settings.width, settings.height) =
            options.size("size")?.unwrap_or((settings.width, settings.height));
        settings.rate = options.number("rate", 0.001..=1000.0)?.unwrap_or(settings.rate);
        settings.pixels =
            options.choice("pixels", &WebcamPixels::ALL.map(|pixels| (pixels.code(), pixels)))?;
        settings.connect_timeout = options.time("connect")?.unwrap_or(settings.connect_timeout);
        settings.max_age = options.time("age")?.unwrap_or(settings.max_age);
        Ok(Self::Webcam(selector.to_owned(), settings))
    }

    #[cfg(feature = "ffmpeg")]
    pub(super) fn ffmpeg(input: &str, options: &mut Options) -> Result<Self, SourceError> {
        let mut settings = parse_ffmpeg(options)?;
        settings.transport = parse_transport(options)?.unwrap_or(settings.transport);
        settings.connect_timeout = options.time("connect")?.unwrap_or(settings.connect_timeout);
        settings.max_age = options.time("age")?.unwrap_or(settings.max_age);
        Ok(Self::Ffmpeg(input.to_owned(), settings))
    }

    fn connect_timeout(&self) -> Duration {
        match self {
            #[cfg(feature = "rtsp")]
            Self::Rtsp(_, settings, _) => settings.connect_timeout,
            #[cfg(feature = "mjpeg")]
            Self::Mjpeg(_, settings) => settings.connect_timeout,
            #[cfg(feature = "webcam")]
            Self::Webcam(_, settings) => settings.connect_timeout,
            #[cfg(feature = "ffmpeg")]
            Self::Ffmpeg(_, settings) => settings.connect_timeout,
        }
    }

    /// Sets the stall timeout of a source that detects stalls itself.
    #[cfg_attr(not(any(feature = "webcam", feature = "ffmpeg")), allow(unused_variables))]
    fn set_stall_timeout(&mut self, stall_timeout: Duration) {
        match self {
            #[cfg(feature = "webcam")]
            Self::Webcam(_, settings) => settings.stall_timeout = stall_timeout,
            #[cfg(feature = "ffmpeg")]
            Self::Ffmpeg(_, settings) => settings.stall_timeout = stall_timeout,
            #[allow(unreachable_patterns, reason = "with some features there is no other camera")]
            _ => {}
        }
    }

    /// Connects once.
    fn connect(&self, with: &OpenSettings) -> Result<Box<dyn FrameSource>, SourceError> {
        let context = with.context.clone();
        match self {
            #[cfg(feature = "rtsp")]
            Self::Rtsp(address, settings, decoder) => {
                let decoder = decoder.unwrap_or(with.decoder);
                let settings = RtspSettings { decoder, context, ..settings.clone() };
                Ok(Box::new(Rtsp::connect(address, settings)?))
            }
            #[cfg(feature = "mjpeg")]
            Self::Mjpeg(address, settings) => {
                Ok(Box::new(Mjpeg::connect(address, MjpegSettings { context, ..settings.clone() })?))
            }
            #[cfg(feature = "webcam")]
            Self::Webcam(selector, settings) => {
                let settings = WebcamSettings { context, ..settings.clone() };
                Ok(Box::new(Webcam::open(selector.as_str(), settings)?))
            }
            #[cfg(feature = "ffmpeg")]
            Self::Ffmpeg(input, settings) => {
                Ok(Box::new(Ffmpeg::connect(input, FfmpegSettings { context, ..settings.clone() })?))
            }
        }
    }

    /// Opens the camera, and keeps it going if [`OpenSettings::reconnect`] is set.
    pub(super) fn open(
        &self,
        name: &str,
        options: &ReconnectOptions,
        with: &OpenSettings,
    ) -> Result<Box<dyn FrameSource>, SourceError> {
        let mut camera = self.clone();
        if let Some(stall_timeout) = options.stall_timeout {
            camera.set_stall_timeout(stall_timeout);
        }
        let Some(settings) = &with.reconnect else { return camera.connect(with) };
        let settings = options.apply(settings, camera.connect_timeout());
        let clock = with.context.clock.clone();
        let listener = with.on_reconnect.clone();
        let camera_name = name.to_owned();
        let with = with.clone();
        let source = Reconnect::with_clock(name, move || camera.connect(&with), settings, clock);
        Ok(Box::new(source.on_event(move |event| listener(&camera_name, event))))
    }
}

/// Reads the options of ffmpeg that files and cameras have in common.
#[cfg(feature = "ffmpeg")]
pub(super) fn parse_ffmpeg(options: &mut Options) -> Result<FfmpegSettings, SourceError> {
    let mut settings = FfmpegSettings::default();
    settings.threads = options.number("threads", 0..=256)?.unwrap_or(settings.threads);
    settings.hwaccel = options.value("hwaccel", "a name that ffmpeg knows", |name| Some(name.to_owned()))?;
    settings.unrestricted = options.flag("unrestricted")?.unwrap_or(false);
    settings.certificates = parse_certificates(options)?.unwrap_or_default();
    settings.format = options.value("format", "a name that ffmpeg knows", |name| Some(name.to_owned()))?;
    Ok(settings)
}

#[cfg(any(feature = "rtsp", feature = "ffmpeg"))]
fn parse_transport(options: &mut Options) -> Result<Option<RtspTransport>, SourceError> {
    let words = [("auto", RtspTransport::Auto), ("tcp", RtspTransport::Tcp), ("udp", RtspTransport::Udp)];
    options.choice("transport", &words)
}

#[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "ffmpeg"))]
fn parse_certificates(options: &mut Options) -> Result<Option<AcceptedCertificates>, SourceError> {
    options.value("certificate", "system, any, or a PEM file", |text| {
        Some(match text {
            "" => return None,
            "system" => AcceptedCertificates::System,
            "any" => AcceptedCertificates::Any,
            path => AcceptedCertificates::Named(path.into()),
        })
    })
}

/// Returns true if the camera may redirect to any host.
#[cfg(any(feature = "rtsp", feature = "mjpeg"))]
fn parse_redirect(options: &mut Options) -> Result<Option<bool>, SourceError> {
    options.choice("redirect", &[("same", false), ("any", true)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Duration, ReconnectOptions) {
        let mut options = Options::parse("camera", "a camera", text);
        let connect_timeout = options.time("connect").unwrap().unwrap();
        (connect_timeout, ReconnectOptions::parse(&mut options).unwrap())
    }

    #[test]
    fn a_raised_connect_timeout_raises_the_timeout_for_opening() {
        let (connect_timeout, options) = parse("connect=20s&stall=60s&attempts=3");
        let settings = options.apply(&ReconnectSettings::default(), connect_timeout);
        assert_eq!((settings.open_timeout.as_secs(), settings.stall_timeout.as_secs()), (22, 60));
        assert_eq!(
            (settings.max_attempts, settings.freeze_timeout),
            (Some(3), Some(Duration::from_secs(30)))
        );
    }

    #[test]
    fn a_usual_connect_timeout_leaves_the_timeout_for_opening() {
        let (_, options) = parse("connect=20s");
        let usual =
            ReconnectSettings { open_timeout: Duration::from_secs(1), ..ReconnectSettings::default() };
        assert_eq!(options.apply(&usual, Duration::from_secs(8)).open_timeout, usual.open_timeout);
    }

    #[cfg(feature = "ffmpeg")]
    #[test]
    fn a_source_that_detects_stalls_gets_the_stall_timeout() {
        let mut camera = Camera::ffmpeg("srt://camera", &mut Options::parse("", "", "")).unwrap();
        camera.set_stall_timeout(Duration::from_secs(60));
        assert!(matches!(camera, Camera::Ffmpeg(_, settings) if settings.stall_timeout.as_secs() == 60));
    }
}
