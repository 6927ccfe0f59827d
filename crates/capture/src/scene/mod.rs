//! Synthetic scenes: people cut out of the bundled portraits walk through a painted hall, and the truth is known.

mod background;
mod cutout;
mod portrait;
mod render;
mod truth;
mod walk;

use std::fmt;
use std::time::Duration;

use passerby_types::{
    ColorSpace, FramePool, FrameSource, Image, Picture, PixelLayout, SourceError, SourceInfo,
};

pub use portrait::{Person, Portrait};
pub use truth::TruthFace;
pub use walk::{Cast, Crowd, Walk, Waypoint};

use crate::random::Random;
use cutout::Cutout;
use render::Scratch;
use truth::Actor;
use walk::Course;

/// What a [`Scene`] shows.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneSettings {
    /// Columns of the picture: 1 to [`Image::MAX_SIDE`].
    pub width: u32,
    /// Rows of the picture: 1 to [`Image::MAX_SIDE`].
    pub height: u32,
    /// Frames a second: above 0, at most 1000.
    pub fps: f64,
    /// How many frames there are; 0 is a source that ends at once.
    pub frames: u64,
    /// Decides the crowd's walks, the wall's grain and the noise.
    pub seed: u64,
    /// The largest deviation of a luma sample by sensor noise, in steps of 1/255: 0 (none) to 64.
    pub noise: u8,
    /// How high a head rises with each step, in widths of its face's box: 0 to 1.
    pub bob: f64,
    /// The colour space of the pictures.
    pub color: ColorSpace,
    /// Who is in it.
    pub cast: Cast,
}

impl Default for SceneSettings {
    /// Three people for ten seconds: 1280x720, 24 frames a second, faces 60 to 140 pixels wide at 120 to 260 pixels
    /// a second, noise of one step, BT.601 limited range.
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
            cast: Cast::Crowd(Crowd::default()),
        }
    }
}

/// Why a [`Scene`] cannot be made from its settings.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum SceneError {
    /// A side of the picture is 0 or too long.
    #[error("a scene of {width}x{height} is not possible (sides of 1 to {} pixels)", Image::MAX_SIDE)]
    Size {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
    },
    /// A setting is outside its limits or is not a number, or a range's end lies below its start.
    #[error("{what} of {low} to {high} are not possible")]
    Range {
        /// Which setting.
        what: &'static str,
        /// Its lower end; the setting itself where it is a single number.
        low: f64,
        /// Its upper end; the setting itself where it is a single number.
        high: f64,
    },
    /// More walkers than the limit of 1000.
    #[error("{people} walkers are over the limit of 1000")]
    People {
        /// How many were asked for.
        people: usize,
    },
    /// A walk of the script cannot be walked.
    #[error("walk {walk} has {what}")]
    Path {
        /// Which walk of the script, from 0.
        walk: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A bundled portrait cannot be read: the library was built with a damaged file.
    #[error("portrait {portrait:?}: {what}")]
    Portrait {
        /// Which portrait.
        portrait: Portrait,
        /// What is wrong with it.
        what: String,
    },
}

/// A video of people who walk through a hall, made on the spot, with the exact truth of every face.
///
/// Pictures are I420. Not live: it gives all its frames, as fast as they are asked for. The same settings give the
/// same bytes. People hide those whose faces are smaller; a counter in front hides everybody's legs.
///
/// ```
/// use passerby_capture::{Cast, Portrait, Scene, SceneSettings, Walk, Waypoint};
/// use passerby_types::FrameSource;
///
/// let path = vec![Waypoint::new(0.0, 40.0, 60.0, 30.0), Waypoint::new(1.0, 280.0, 60.0, 50.0)];
/// let mut scene = Scene::new(SceneSettings {
///     width: 320,
///     height: 180,
///     frames: 24,
///     cast: Cast::Script(vec![Walk { portrait: Portrait::Biden, path }]),
///     ..SceneSettings::default()
/// })?;
/// let faces = scene.truth(12);
/// assert_eq!(faces.len(), 1);
/// assert!((faces[0].bbox.center().x - 160.0).abs() < 1.0);
/// assert!(scene.next_picture()?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scene {
    settings: SceneSettings,
    info: SourceInfo,
    pool: FramePool,
    hall: Image,
    courses: Vec<Course>,
    /// By [`Portrait`] as a number; `None` where nobody has it.
    cutouts: Vec<Option<Cutout>>,
    scratch: Scratch,
    next: u64,
}

impl Scene {
    /// A scene with buffers of its own.
    ///
    /// # Errors
    /// [`SceneError`] for settings outside their limits.
    pub fn new(settings: SceneSettings) -> Result<Self, SceneError> {
        Self::with_pool(settings, FramePool::default())
    }

    /// A scene whose pictures are lent by `pool`.
    ///
    /// # Errors
    /// As for [`Scene::new`].
    pub fn with_pool(settings: SceneSettings, pool: FramePool) -> Result<Self, SceneError> {
        let (width, height, color) = (settings.width, settings.height, settings.color);
        let single = |what, value: f64, fine: bool| {
            if fine { Ok(()) } else { Err(SceneError::Range { what, low: value, high: value }) }
        };
        single("frames a second", settings.fps, settings.fps > 0.0 && settings.fps <= 1000.0)?;
        single("noise steps", settings.noise.into(), settings.noise <= 64)?;
        single("steps' heights", settings.bob, (0.0..=1.0).contains(&settings.bob))?;
        let courses = settings.cast.courses(width, height, settings.seed)?;
        // Its own pool: the hall stays for as long as the scene.
        let mut hall = Image::new_in(&FramePool::new(0), PixelLayout::I420, width, height, color)
            .map_err(|_| SceneError::Size { width, height })?;
        background::paint(&mut hall, settings.seed);
        let mut cutouts: Vec<Option<Cutout>> = Portrait::ALL.iter().map(|_| None).collect();
        for course in &courses {
            let slot = &mut cutouts[course.portrait as usize];
            if slot.is_none() {
                *slot = Some(Cutout::new(course.portrait, color)?);
            }
        }
        let info = SourceInfo {
            name: "scene".to_owned(),
            live: false,
            frame_rate: Some(settings.fps),
            frames: Some(settings.frames),
        };
        Ok(Self { settings, info, pool, hall, courses, cutouts, scratch: Scratch::default(), next: 0 })
    }

    /// The settings it was made from.
    #[must_use]
    pub fn settings(&self) -> &SceneSettings {
        &self.settings
    }

    /// The faces of frame `frame` (from 0), by rising walker, whether or not the frame was given already. A face is
    /// listed while its box touches the picture, even where it is hidden. Empty where there is none, and past the
    /// last frame.
    #[must_use]
    pub fn truth(&self, frame: u64) -> Vec<TruthFace> {
        if frame >= self.settings.frames {
            return Vec::new();
        }
        let size = (self.settings.width, self.settings.height, self.floor());
        truth::faces(&actors(&self.settings, &self.courses, &self.cutouts, frame), size)
    }

    /// The row from which on the counter hides everything.
    fn floor(&self) -> u32 {
        background::counter_row(self.settings.height)
    }

    fn render(&mut self, frame: u64) -> Result<Image, SourceError> {
        let SceneSettings { width, height, color, seed, noise, .. } = self.settings;
        let floor = self.floor();
        let mut image = Image::new_in(&self.pool, PixelLayout::I420, width, height, color)
            .map_err(|e| SourceError::Malformed { input: self.info.name.clone(), what: e.to_string() })?;
        for index in 0..PixelLayout::I420.planes() {
            let plane = self.hall.plane(index);
            for y in 0..plane.rows {
                image.row_mut(index, y).copy_from_slice(plane.row(y));
            }
        }
        for actor in actors(&self.settings, &self.courses, &self.cutouts, frame) {
            render::draw(&mut image, actor.cutout, actor.stand.place, floor, &mut self.scratch);
        }
        // Frame 0 must not repeat the stream of walker 0.
        render::add_noise(&mut image, noise, &mut Random::stream(!seed, frame));
        Ok(image)
    }
}

/// Who is there at `frame`, from far to near; of two as near, the later walker is in front.
fn actors<'a>(
    settings: &SceneSettings,
    courses: &[Course],
    cutouts: &'a [Option<Cutout>],
    frame: u64,
) -> Vec<Actor<'a>> {
    let time = frame as f64 / settings.fps;
    let mut actors: Vec<Actor<'a>> = courses
        .iter()
        .enumerate()
        .filter_map(|(walker, course)| {
            let stand = course.at(time, settings.bob)?;
            let cutout = cutouts[course.portrait as usize].as_ref()?;
            Some(Actor { walker, portrait: course.portrait, stand, cutout })
        })
        .collect();
    actors.sort_by(|a, b| a.stand.face.total_cmp(&b.stand.face));
    actors
}

impl FrameSource for Scene {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if self.next >= self.settings.frames {
            return Ok(None);
        }
        let frame = self.next;
        self.next += 1;
        let image = self.render(frame)?;
        let pts = Duration::try_from_secs_f64(frame as f64 / self.settings.fps).ok();
        Ok(Some(Picture::new(image, pts)))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// The settings and how far it is.
impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene")
            .field("settings", &self.settings)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
