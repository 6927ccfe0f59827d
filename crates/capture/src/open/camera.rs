//! Cameras, and how they are kept going.

use std::time::Duration;

use passerby_types::{FrameSource, SourceError};

use super::OpenSettings;
use super::options::{Options, time};
use crate::reconnect::{Reconnect, ReconnectSettings};
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

/// What opening a camera may take beside connecting to it.
const BESIDE: Duration = Duration::from_secs(2);

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

    /// The settings with these in them. What `connect` allows is not cut short by a limit that nobody asked for.
    fn applied(&self, settings: &ReconnectSettings, connect: Duration) -> ReconnectSettings {
        let opening = connect.saturating_add(BESIDE);
        let asked = opening > ReconnectSettings::default().opening;
        ReconnectSettings {
            opening: if asked { settings.opening.max(opening) } else { settings.opening },
            stall: self.stall.unwrap_or(settings.stall),
            frozen: self.frozen.unwrap_or(settings.frozen),
            attempts: self.attempts.unwrap_or(settings.attempts),
            ..settings.clone()
        }
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

    /// How long connecting may take.
    fn patience(&self) -> Duration {
        match self {
            #[cfg(feature = "rtsp")]
            Self::Rtsp(_, settings, _) => settings.connect,
            #[cfg(feature = "mjpeg")]
            Self::Mjpeg(_, settings) => settings.connect,
            #[cfg(feature = "webcam")]
            Self::Webcam(_, settings) => settings.connect,
            #[cfg(feature = "ffmpeg")]
            Self::Ffmpeg(_, settings) => settings.connect,
        }
    }

    /// Has a source that knows a stall by itself wait so long for a picture.
    #[cfg_attr(not(any(feature = "webcam", feature = "ffmpeg")), allow(unused_variables))]
    fn wait(&mut self, stall: Duration) {
        match self {
            #[cfg(feature = "webcam")]
            Self::Webcam(_, settings) => settings.stall = stall,
            #[cfg(feature = "ffmpeg")]
            Self::Ffmpeg(_, settings) => settings.stall = stall,
            #[allow(unreachable_patterns, reason = "features may leave none")]
            _ => {}
        }
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
                let limits = crate::DecodeLimits { bytes: limits.bytes.min(settings.limits.bytes), ..limits };
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
        let mut camera = self.clone();
        if let Some(stall) = patience.stall {
            camera.wait(stall);
        }
        let Some(settings) = &with.reconnect else { return camera.connect(with) };
        let settings = patience.applied(settings, camera.patience());
        let (with, watch) = (with.clone(), with.watch.clone());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_was_asked_for_is_not_cut_short_by_another() {
        let given = "connect=20s&stall=60s&attempts=3";
        let mut options = Options::parse("camera", "a camera", given);
        let connect = options.time("connect").unwrap().unwrap();
        let patience = Patience::parse(&mut options).unwrap();
        let settings = patience.applied(&ReconnectSettings::default(), connect);
        assert_eq!((settings.opening.as_secs(), settings.stall.as_secs()), (22, 60));
        assert_eq!((settings.attempts, settings.frozen), (Some(3), Some(Duration::from_secs(30))));
        let usual = ReconnectSettings { opening: Duration::from_secs(1), ..ReconnectSettings::default() };
        assert_eq!(patience.applied(&usual, Duration::from_secs(8)).opening, usual.opening);

        #[cfg(feature = "ffmpeg")]
        {
            let mut camera = Camera::ffmpeg("srt://camera", &mut Options::parse("", "", "")).unwrap();
            camera.wait(Duration::from_secs(60));
            assert!(matches!(camera, Camera::Ffmpeg(_, settings) if settings.stall.as_secs() == 60));
        }
    }
}
