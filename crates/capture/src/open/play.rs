//! Files and scenes, and how they are played.

use std::path::Path;
use std::time::Duration;

use passerby_types::{FrameSource, SourceError};

use super::OpenSettings;
use super::options::Options;
use crate::decode::Decoder;
use crate::images::{Images, ImagesSettings, sniffed};
use crate::live_playback::LivePlayback;
use crate::scene::{Cast, Crowd, Scene, SceneSettings};
use crate::sniff::Format;
use crate::video::{Video, VideoSettings};

/// Whether something that has an end is played as a live camera.
#[derive(Clone, Debug, Default)]
pub(super) struct Play {
    /// It is.
    pub(super) live: bool,
    /// Pictures a second. `None`: as its own times say.
    rate: Option<f64>,
    again: bool,
    offset: Duration,
}

impl Play {
    pub(super) fn parse(options: &mut Options) -> Result<Self, SourceError> {
        let wanted = "own, or a number from 0.001 to 1000";
        let live = options.value("live", wanted, |text| {
            let rate = text.parse().ok().filter(|rate| (0.001..=1000.0).contains(rate));
            (text == "own" || rate.is_some()).then_some(rate)
        })?;
        let again = options.flag("loop")?;
        let offset = options.time("offset")?;
        Ok(Self {
            live: live.is_some() || again == Some(true) || offset.is_some(),
            rate: live.flatten(),
            again: again.unwrap_or(false),
            offset: offset.unwrap_or_default(),
        })
    }

    /// Opens it with `open`, played as it is to be.
    pub(super) fn play(
        &self,
        settings: &OpenSettings,
        open: impl Fn() -> Result<Box<dyn FrameSource>, SourceError> + Send + 'static,
    ) -> Result<Box<dyn FrameSource>, SourceError> {
        if !self.live {
            return open();
        }
        let pace = if self.again {
            LivePlayback::looped(open, self.rate, settings.clock.clone())?
        } else {
            LivePlayback::new(open()?, self.rate, settings.clock.clone())
        };
        Ok(if self.offset.is_zero() { Box::new(pace) } else { Box::new(pace.offset_time(self.offset)) })
    }
}

/// The words for a decoder.
pub(super) const DECODERS: [(&str, Decoder); 3] =
    [("auto", Decoder::Auto), ("rusty", Decoder::Rusty), ("openh264", Decoder::OpenH264)];

/// A video, a picture or a folder of pictures. The content decides, not the name.
pub(super) fn file(
    path: &Path,
    decoder: Option<Decoder>,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    let (limits, pool) = (settings.limits, settings.pool.clone());
    if path.is_dir() {
        return Ok(Box::new(Images::open_with(path, ImagesSettings { limits, pool })?));
    }
    let input = path.display().to_string();
    let (_, format) = sniffed(path, &input)?;
    match format {
        Format::Mp4 | Format::AnnexB | Format::Foreign(_) => {
            let decoder = decoder.unwrap_or(settings.decoder);
            Video::auto(path, VideoSettings { decoder, limits, pool })
        }
        Format::Picture(_) => Ok(Box::new(Images::open_with(path, ImagesSettings { limits, pool })?)),
        Format::Unknown(_) => Err(format.refuse(&input, "a video or picture")),
    }
}

/// What a scene shows.
pub(super) fn scene(options: &mut Options) -> Result<SceneSettings, SourceError> {
    let mut scene = SceneSettings::default();
    let mut crowd = Crowd::default();
    crowd.people = options.number("people", 0..=1000)?.unwrap_or(crowd.people);
    if let Some(face) = options.number("face", 4.0..=8192.0)? {
        crowd.face = face..=face;
    }
    if let Some(speed) = options.number("speed", 0.001..=100_000.0)? {
        crowd.speed = speed..=speed;
    }
    scene.cast = Cast::Crowd(crowd);
    scene.seed = options.number("seed", 0..=u64::MAX)?.unwrap_or(scene.seed);
    (scene.width, scene.height) = options.size("size")?.unwrap_or((scene.width, scene.height));
    scene.fps = options.number("fps", 0.001..=1000.0)?.unwrap_or(scene.fps);
    scene.frames = options.number("frames", 0..=u64::MAX)?.unwrap_or(scene.frames);
    scene.noise = options.number("noise", 0..=64)?.unwrap_or(scene.noise);
    Ok(scene)
}

/// The scene, or why there cannot be one.
pub(super) fn build(
    scene: &SceneSettings,
    input: &str,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    let scene = Scene::with_pool(scene.clone(), settings.pool.clone());
    let wrong =
        |e: crate::SceneError| SourceError::Malformed { input: input.to_owned(), what: e.to_string() };
    Ok(Box::new(scene.map_err(wrong)?))
}
