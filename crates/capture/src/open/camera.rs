//! Cameras, and how they are kept going.

use std::time::Duration;

use passerby_types::{FrameSource, SourceError};

use super::OpenSettings;
use super::options::{Options, time};
use crate::reconnect::Reconnect;
#[cfg(feature = "webcam")]
use crate::webcam::{Pixels, Webcam, WebcamSettings};
#[cfg(feature = "ffmpeg")]
use crate::{Ffmpeg, FfmpegSettings};
#[cfg(feature = "mjpeg")]
use crate::{Mjpeg, MjpegSettings};
#[cfg(feature = "rtsp")]
use crate::{Rtsp, RtspSettings};

/// A camera's address and what was asked of it.
#[derive(Clone)]
pub(super) enum Camera {
    #[cfg(feature = "rtsp")]
    Rtsp(String, RtspSettings, Option<crate::decode::Decoder>),
    #[cfg(feature = "mjpeg")]
    Mjpeg(String, MjpegSettings),
    #[cfg(feature = "webcam")]
    Webcam(String, WebcamSettings),
    #[cfg(feature = "ffmpeg")]
    Ffmpeg(String, FfmpegSettings),
}

/// What differs from [`OpenSettings::reconnect`].
#[derive(Clone, Default)]
pub(super) struct Patience {
    stall: Option<Duration>,
    frozen: Option<Option<Duration>>,
    attempts: Option<Option<u32>>,
}

impl Patience {
    pub(super) fn parse(options: &mut Options) -> Result<Self, SourceError> {
        let attempts = options.value("attempts", "a number from 1 on, or ever", |text| match text {
            "ever" => Some(None),
            _ => text.parse().ok().filter(|tries| *tries > 0).map(Some),
        })?;
        let frozen = options.value("frozen", "a time such as 30s, or never", |text| match text {
            "never" => Some(None),
            _ => time(text).map(Some),
        })?;
        Ok(Self { stall: options.time("stall")?, frozen, attempts })
    }
}

impl Camera {
    #[cfg(feature = "rtsp")]
    pub(super) fn rtsp(address: &str, options: &mut Options) -> Result<Self, SourceError> {
        let mut settings = RtspSettings::default();
        settings.transport = transport(options)?.unwrap_or(settings.transport);
        settings.damage = options.flag("damage")?.unwrap_or(settings.damage);
        settings.connect = options.time("connect")?.unwrap_or(settings.connect);
        settings.age = options.time("age")?.unwrap_or(settings.age);
        let decoder = options.choice("decoder", &super::play::DECODERS)?;
        Ok(Self::Rtsp(address.to_owned(), settings, decoder))
    }

    #[cfg(feature = "mjpeg")]
    pub(super) fn mjpeg(address: &str, options: &mut Options) -> Result<Self, SourceError> {
        let mut settings = MjpegSettings::default();
        settings.connect = options.time("connect")?.unwrap_or(settings.connect);
        settings.age = options.time("age")?.unwrap_or(settings.age);
        settings.rate = options.number("rate", 0.001..=1000.0)?.unwrap_or(settings.rate);
        Ok(Self::Mjpeg(address.to_owned(), settings))
    }

    #[cfg(feature = "webcam")]
    pub(super) fn webcam(selector: &str, options: &mut Options) -> Result<Self, SourceError> {
        use Pixels::{Bgr, Grey, I420, Mjpeg, Nv12, Rgb, Uyvy, Yuyv, Yv12};
        let mut settings = WebcamSettings::default();
        (settings.width, settings.height) =
            options.size("size")?.unwrap_or((settings.width, settings.height));
        settings.rate = options.number("rate", 0.001..=1000.0)?.unwrap_or(settings.rate);
        let words =
            [Nv12, I420, Yv12, Yuyv, Uyvy, Rgb, Bgr, Mjpeg, Grey].map(|pixels| (pixels.code(), pixels));
        settings.pixels = options.choice("pixels", &words)?;
        settings.connect = options.time("connect")?.unwrap_or(settings.connect);
        settings.age = options.time("age")?.unwrap_or(settings.age);
        Ok(Self::Webcam(selector.to_owned(), settings))
    }

    #[cfg(feature = "ffmpeg")]
    pub(super) fn ffmpeg(input: &str, options: &mut Options) -> Result<Self, SourceError> {
        let mut settings = ffmpeg(options)?;
        settings.transport = transport(options)?.unwrap_or(settings.transport);
        settings.connect = options.time("connect")?.unwrap_or(settings.connect);
        settings.age = options.time("age")?.unwrap_or(settings.age);
        Ok(Self::Ffmpeg(input.to_owned(), settings))
    }

    /// Connects once.
    fn connect(&self, with: &OpenSettings) -> Result<Box<dyn FrameSource>, SourceError> {
        let (limits, pool, clock) = (with.limits, with.pool.clone(), with.clock.clone());
        match self {
            #[cfg(feature = "rtsp")]
            Self::Rtsp(address, settings, decoder) => {
                let decoder = decoder.unwrap_or(with.decoder);
                let settings = RtspSettings { decoder, limits, pool, clock, ..settings.clone() };
                Ok(Box::new(Rtsp::connect(address, settings)?))
            }
            #[cfg(feature = "mjpeg")]
            Self::Mjpeg(address, settings) => {
                let limits = crate::Limits { bytes: limits.bytes.min(settings.limits.bytes), ..limits };
                let settings = MjpegSettings { limits, pool, clock, ..settings.clone() };
                Ok(Box::new(Mjpeg::connect(address, settings)?))
            }
            #[cfg(feature = "webcam")]
            Self::Webcam(selector, settings) => {
                let settings = WebcamSettings { limits, pool, clock, ..settings.clone() };
                Ok(Box::new(Webcam::open(selector.as_str(), settings)?))
            }
            #[cfg(feature = "ffmpeg")]
            Self::Ffmpeg(input, settings) => {
                let settings = FfmpegSettings { limits, pool, clock, ..settings.clone() };
                Ok(Box::new(Ffmpeg::connect(input, settings)?))
            }
        }
    }

    /// The camera, kept going where the settings want that.
    pub(super) fn open(
        &self,
        name: &str,
        patience: &Patience,
        with: &OpenSettings,
    ) -> Result<Box<dyn FrameSource>, SourceError> {
        let Some(mut settings) = with.reconnect.clone() else { return self.connect(with) };
        settings.stall = patience.stall.unwrap_or(settings.stall);
        settings.frozen = patience.frozen.unwrap_or(settings.frozen);
        settings.attempts = patience.attempts.unwrap_or(settings.attempts);
        let (camera, with, watch) = (self.clone(), with.clone(), with.watch.clone());
        let (clock, named) = (with.clock.clone(), name.to_owned());
        let source = Reconnect::with_clock(name, move || camera.connect(&with), settings, clock);
        Ok(Box::new(source.watch(move |event| watch(&named, event))))
    }
}

/// How ffmpeg is run, for a file or a camera.
#[cfg(feature = "ffmpeg")]
pub(super) fn ffmpeg(options: &mut Options) -> Result<FfmpegSettings, SourceError> {
    let mut settings = FfmpegSettings::default();
    settings.threads = options.number("threads", 0..=256)?.unwrap_or(settings.threads);
    settings.hwaccel = options.value("hwaccel", "a name that ffmpeg knows", |name| Some(name.to_owned()))?;
    settings.format = options.value("format", "a name that ffmpeg knows", |name| Some(name.to_owned()))?;
    Ok(settings)
}

#[cfg(any(feature = "rtsp", feature = "ffmpeg"))]
fn transport(options: &mut Options) -> Result<Option<crate::RtspTransport>, SourceError> {
    use crate::RtspTransport::{Tcp, Udp};
    options.choice("transport", &[("tcp", Tcp), ("udp", Udp)])
}
