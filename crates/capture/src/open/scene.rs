//! Opens scenes by their options.

use passerby_types::{FrameSource, SourceError};

use super::options::Options;
use super::settings::OpenSettings;
use crate::scene::{Scene, SceneCast, SceneCrowd, SceneError, SceneSettings};

/// Reads the settings of a scene from its options.
pub(super) fn parse_scene(options: &mut Options) -> Result<SceneSettings, SourceError> {
    let mut scene = SceneSettings::default();
    let mut crowd = SceneCrowd::default();
    crowd.people = options.number("people", 0..=1000)?.unwrap_or(crowd.people);
    if let Some(face) = options.number("face", 4.0..=8192.0)? {
        crowd.face = face..=face;
    }
    if let Some(speed) = options.number("speed", 0.001..=100_000.0)? {
        crowd.speed = speed..=speed;
    }
    scene.cast = SceneCast::Crowd(crowd);
    scene.seed = options.number("seed", 0..=u64::MAX)?.unwrap_or(scene.seed);
    (scene.width, scene.height) = options.size("size")?.unwrap_or((scene.width, scene.height));
    scene.fps = options.number("fps", 0.001..=1000.0)?.unwrap_or(scene.fps);
    scene.frames = options.number("frames", 0..=u64::MAX)?.unwrap_or(scene.frames);
    scene.noise = options.number("noise", 0..=64)?.unwrap_or(scene.noise);
    Ok(scene)
}

/// Creates the scene.
pub(super) fn open_scene(
    scene: &SceneSettings,
    input: &str,
    settings: &OpenSettings,
) -> Result<Box<dyn FrameSource>, SourceError> {
    let limit = settings.context.limits.video_pixels;
    if u64::from(scene.width) * u64::from(scene.height) > limit {
        let what = format!("a scene of {}x{} pixels", scene.width, scene.height);
        return Err(SourceError::TooLarge {
            input: input.to_owned(),
            what,
            limit: format!("{limit} pixels"),
        });
    }
    let scene = Scene::new_in(scene.clone(), settings.context.pool.clone());
    let wrong = |e: SceneError| SourceError::malformed(input.to_owned(), e.to_string());
    Ok(Box::new(scene.map_err(wrong)?))
}
