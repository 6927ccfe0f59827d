//! The settings of a scene.

use passerby_types::ColorSpace;

use super::walk::{SceneCast, SceneCrowd};

/// The settings of a [`Scene`](super::Scene).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct SceneSettings {
    /// The width of the picture in pixels: 1 to [`Image::MAX_SIDE`](passerby_types::Image::MAX_SIDE).
    pub width: u32,
    /// The height of the picture in pixels: 1 to [`Image::MAX_SIDE`](passerby_types::Image::MAX_SIDE).
    pub height: u32,
    /// The frames per second: above 0, at most 1000.
    pub fps: f64,
    /// The number of frames. If it is 0, the source ends at once.
    pub frames: u64,
    /// The seed of the crowd's walks, the wall's grain and the noise.
    pub seed: u64,
    /// The largest deviation of a luma sample by sensor noise, in steps of 1/255: 0 (none) to 64.
    pub noise: u8,
    /// How high a head rises with each step, in widths of its face's box: 0 to 1.
    pub bob: f64,
    /// The colour space of the pictures.
    pub color: ColorSpace,
    /// The people in the scene.
    pub cast: SceneCast,
}

impl Default for SceneSettings {
    /// Three people for ten seconds: 1280x720, 24 frames per second, faces 60 to 140 pixels wide at 120 to 260 pixels
    /// per second, noise of one step, BT.601 with limited range.
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            fps: 24.0,
            frames: 240,
            seed: 1,
            noise: 1,
            bob: 0.06,
            color: ColorSpace::default(),
            cast: SceneCast::Crowd(SceneCrowd::default()),
        }
    }
}
