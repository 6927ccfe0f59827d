//! Synthetic scenes: people from the bundled portraits walk through a painted hall, with exact ground truth.

mod background;
mod cutout;
mod error;
mod portrait;
mod render;
mod settings;
mod truth;
mod walk;

use std::fmt;
use std::time::Duration;

use passerby_types::{FramePool, FrameSource, Image, Picture, PixelLayout, SourceError, SourceInfo};

use crate::random::Random;
use cutout::Cutout;
pub use error::SceneError;
pub use portrait::{Portrait, ScenePerson};
use render::Scratch;
pub use settings::SceneSettings;
use truth::Actor;
pub use truth::TruthFace;
use walk::Course;
pub use walk::{SceneCast, SceneCrowd, SceneWalk, Waypoint};

/// A generated video of people who walk through a hall, with the exact ground truth of every face.
///
/// Pictures are I420. The source isn't live: it returns its frames as fast as they are asked for. The same settings give the
/// same bytes. People hide those whose faces are smaller, and a counter in front hides all legs.
///
/// ```
/// use passerby_capture::{Portrait, Scene, SceneCast, SceneSettings, SceneWalk, Waypoint};
/// use passerby_types::FrameSource;
///
/// let path = vec![Waypoint::new(0.0, 40.0, 60.0, 30.0), Waypoint::new(1.0, 280.0, 60.0, 50.0)];
/// let mut scene = Scene::new(SceneSettings {
///     width: 320,
///     height: 180,
///     frames: 24,
///     cast: SceneCast::Script(vec![SceneWalk { portrait: Portrait::Biden, path }]),
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
    /// The cut-out of each [`Portrait`], by its index. `None` if no walker has it.
    cutouts: Vec<Option<Cutout>>,
    scratch: Scratch,
    next_frame: u64,
}

impl Scene {
    /// Creates a scene with a pool of its own.
    ///
    /// # Errors
    /// [`SceneError`] if a setting is outside its limits.
    pub fn new(settings: SceneSettings) -> Result<Self, SceneError> {
        Self::new_in(settings, FramePool::default())
    }

    /// Creates a scene. `pool` lends the buffers of its pictures.
    ///
    /// # Errors
    /// As [`Scene::new`].
    pub fn new_in(settings: SceneSettings, pool: FramePool) -> Result<Self, SceneError> {
        let SceneSettings { width, height, color, .. } = settings;
        let single = |what, value: f64, fine: bool| {
            if fine { Ok(()) } else { Err(SceneError::Range { what, low: value, high: value }) }
        };
        single("frames per second", settings.fps, settings.fps > 0.0 && settings.fps <= 1000.0)?;
        single("noise steps", settings.noise.into(), settings.noise <= 64)?;
        single("steps' heights", settings.bob, (0.0..=1.0).contains(&settings.bob))?;
        let courses = settings.cast.courses(width, height, settings.seed)?;
        // The hall has a pool of its own, since it lives as long as the scene.
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
            format: None,
            codec: None,
        };
        Ok(Self { settings, info, pool, hall, courses, cutouts, scratch: Scratch::default(), next_frame: 0 })
    }

    /// Returns the scene's settings.
    #[must_use]
    pub fn settings(&self) -> &SceneSettings {
        &self.settings
    }

    /// Returns the faces of frame `frame` (from 0), sorted by walker. The frame need not be the current one.
    ///
    /// A face is listed while its box touches the picture, even if it is hidden. The list is empty if there are no faces,
    /// and behind the last frame.
    #[must_use]
    pub fn truth(&self, frame: u64) -> Vec<TruthFace> {
        if frame >= self.settings.frames {
            return Vec::new();
        }
        let size = (self.settings.width, self.settings.height, self.floor());
        truth::faces(&actors(&self.settings, &self.courses, &self.cutouts, frame), size)
    }

    /// Returns the row from which on the counter hides people.
    fn floor(&self) -> u32 {
        background::counter_row(self.settings.height)
    }

    fn render(&mut self, frame: u64) -> Result<Image, SourceError> {
        let SceneSettings { width, height, color, seed, noise, .. } = self.settings;
        let floor = self.floor();
        let mut image = Image::new_in(&self.pool, PixelLayout::I420, width, height, color)
            .map_err(|e| SourceError::malformed(self.info.name.clone(), e.to_string()))?;
        for index in 0..PixelLayout::I420.planes() {
            let plane = self.hall.plane(index);
            for y in 0..plane.rows {
                image.row_mut(index, y).copy_from_slice(plane.row(y));
            }
        }
        for actor in actors(&self.settings, &self.courses, &self.cutouts, frame) {
            render::draw(&mut image, actor.cutout, actor.stand.place, floor, &mut self.scratch);
        }
        // The seed is inverted, so that frame 0 doesn't repeat the random stream of walker 0.
        render::add_noise(&mut image, noise, &mut Random::stream(!seed, frame));
        Ok(image)
    }
}

/// Returns the walkers in `frame`, sorted from far to near. If two are equally near, the later walker is in front.
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
        if self.next_frame >= self.settings.frames {
            return Ok(None);
        }
        let frame = self.next_frame;
        self.next_frame += 1;
        let image = self.render(frame)?;
        let pts = Duration::try_from_secs_f64(frame as f64 / self.settings.fps).ok();
        Ok(Some(Picture::new(image, pts)))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene")
            .field("settings", &self.settings)
            .field("next_frame", &self.next_frame)
            .finish_non_exhaustive()
    }
}
