//! Reads the name of an input.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use passerby_types::{FrameSource, SourceError, visible};

#[cfg(feature = "_live")]
use super::camera::{Camera, ReconnectOptions};
use super::file;
#[cfg(not(all(
    feature = "scene",
    feature = "rtsp",
    feature = "mjpeg",
    feature = "webcam",
    feature = "ffmpeg"
)))]
use super::missing_feature::missing_feature;
use super::options::Options;
#[cfg(feature = "_address")]
use super::password::with_password;
use super::playback::Playback;
#[cfg(feature = "scene")]
use super::scene;
use super::settings::OpenSettings;
use super::turned::{parse_rotation, turn};
#[cfg(feature = "ffmpeg")]
use crate::credentials::HASH_IN_LOGIN;
use crate::credentials::hide_credentials;
use crate::decoder_choice::Decoder;
use crate::file::folder::list;
#[cfg(feature = "_address")]
use crate::live::address::Address;
use crate::rotation::Rotation;
#[cfg(feature = "scene")]
use crate::scene::SceneSettings;

/// An input that can be opened, as a user names it.
///
/// [`open`](super::open()) lists all kinds of inputs. The `Display` and `Debug` of an input don't show credentials.
///
/// ```
/// use passerby_capture::{Input, OpenSettings};
///
/// let camera = Input::parse("scene:people=2,size=320x180,live=25")?;
/// assert!(camera.is_live());
/// let source = camera.open(&OpenSettings::default())?;
/// assert_eq!(source.info().frame_rate, Some(25.0));
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
#[derive(Clone)]
pub struct Input {
    /// The name without credentials and options.
    name: String,
    target: Target,
    rotation: Rotation,
}

#[derive(Clone)]
enum Target {
    File(PathBuf, Option<Decoder>, Playback),
    /// The files that a pattern matches.
    Pattern(String, Playback),
    #[cfg(feature = "scene")]
    Scene(SceneSettings, Playback),
    #[cfg(feature = "ffmpeg")]
    Ffmpeg(PathBuf, crate::ffmpeg::FfmpegSettings, Playback),
    #[cfg(feature = "_live")]
    Camera(Camera, ReconnectOptions),
}

impl Input {
    /// Reads the name of an input. Doesn't open it.
    ///
    /// If a file of exactly this name exists, the name means that file, whatever else it could mean.
    ///
    /// # Errors
    /// [`SourceError::Malformed`] if an address is wrong, or an option is wrong or unknown; the error lists the known ones.
    /// [`SourceError::Unsupported`] if this build cannot read the input; the error names the feature that can.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Self, SourceError> {
        let text = text.as_ref();
        let path = Path::new(text);
        if path.symlink_metadata().is_ok() {
            return Ok(Self::file(path));
        }
        let Some(text) = text.to_str() else { return Ok(Self::file(path)) };
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme.to_ascii_lowercase().as_str() {
            "rtsp" | "rtsps" | "http" | "https" => Self::network(text),
            "webcam" | "v4l" => Self::webcam(text, rest),
            "scene" => Self::scene(text, rest),
            "ffmpeg" => Self::ffmpeg(text, rest),
            _ if rest.starts_with("//") => {
                let what = format!("scheme {scheme}://; if ffmpeg knows it, ffmpeg:{scheme}://… reads it");
                let error = SourceError::unsupported(hide_credentials(text), what);
                Err(if cfg!(feature = "ffmpeg") { error } else { error.needs_feature("ffmpeg") })
            }
            _ => match rest.split('/').next().and_then(|login| login.rsplit_once('@')) {
                // A name that isn't a file may be a camera's address without its scheme.
                Some(_)
                    if !scheme.is_empty()
                        && (!scheme.contains('/') || scheme.starts_with("//"))
                        && !rest.starts_with('\\')
                        && Path::new(split_options(text).0).symlink_metadata().is_err() =>
                {
                    let what = "no such file; a camera's address begins with rtsp:// or http://";
                    Err(SourceError::malformed(hide_credentials(text), what))
                }
                _ => Self::path(text),
            },
        }
    }

    /// Returns all inputs that a user names with one word.
    ///
    /// For a pattern these are the matching files, and for a folder its pictures and videos, both sorted by name, with the
    /// numbers in names by value. For everything else it is the single input that [`Input::parse`] reads.
    ///
    /// ```
    /// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    /// use passerby_capture::Input;
    ///
    /// let clips = Input::expand(format!("{folder}/tiny*.mp4"))?;
    /// assert!(clips.len() > 1);
    /// assert_eq!(Input::expand(format!("{folder}/tiny.mp4"))?.len(), 1);
    /// # Ok::<(), passerby_types::SourceError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Input::parse`]. [`SourceError::Io`] if a folder cannot be read. [`SourceError::Malformed`] if a folder has no
    /// pictures and videos, or a pattern matches nothing.
    pub fn expand(text: impl AsRef<OsStr>) -> Result<Vec<Self>, SourceError> {
        let input = Self::parse(text)?;
        let (files, playback, decoder) = match &input.target {
            Target::File(path, decoder, playback) if path.is_dir() => (list(path)?, playback, *decoder),
            Target::Pattern(pattern, playback) => (file::matching_files(pattern)?, playback, None),
            _ => return Ok(vec![input]),
        };
        if files.is_empty() {
            let what = "no pictures or videos in this folder";
            return Err(SourceError::malformed(input.name, what));
        }
        let input_of = |path: PathBuf| Self {
            name: path.display().to_string(),
            target: Target::File(path, decoder, playback.clone()),
            rotation: input.rotation,
        };
        Ok(files.into_iter().map(input_of).collect())
    }

    /// Returns true for a camera, and for a file or scene that is played as one.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match &self.target {
            Target::File(_, _, playback) | Target::Pattern(_, playback) => playback.live,
            #[cfg(feature = "scene")]
            Target::Scene(_, playback) => playback.live,
            #[cfg(feature = "ffmpeg")]
            Target::Ffmpeg(_, _, playback) => playback.live,
            #[cfg(feature = "_live")]
            Target::Camera(..) => true,
        }
    }

    /// Returns the path if the input is a file or folder.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        match &self.target {
            Target::File(path, ..) => Some(path),
            #[cfg(feature = "ffmpeg")]
            Target::Ffmpeg(path, ..) => Some(path),
            _ => None,
        }
    }

    /// Opens the input.
    ///
    /// # Errors
    /// As [`open_with`](super::open_with).
    pub fn open(&self, settings: &OpenSettings) -> Result<Box<dyn FrameSource>, SourceError> {
        Ok(turn(self.open_target(settings)?, self.rotation, &settings.context.pool))
    }

    /// Opens the input, with its pictures as they are.
    fn open_target(&self, settings: &OpenSettings) -> Result<Box<dyn FrameSource>, SourceError> {
        let with = settings.clone();
        match &self.target {
            Target::File(path, decoder, playback) => {
                let path = path.clone();
                let decoder = *decoder;
                playback.play(settings, move || file::open_file(&path, decoder, &with))
            }
            Target::Pattern(pattern, playback) => {
                let pattern = pattern.clone();
                playback.play(settings, move || file::open_pattern(&pattern, &with))
            }
            #[cfg(feature = "scene")]
            Target::Scene(scene, playback) => {
                let scene = scene.clone();
                let name = self.name.clone();
                playback.play(settings, move || scene::open_scene(&scene, &name, &with))
            }
            #[cfg(feature = "ffmpeg")]
            Target::Ffmpeg(path, ffmpeg, playback) => {
                use crate::ffmpeg::{Ffmpeg, FfmpegSettings};
                let path = path.clone();
                let ffmpeg = FfmpegSettings { context: with.context, ..ffmpeg.clone() };
                playback.play(settings, move || Ok(Box::new(Ffmpeg::open(&path, ffmpeg.clone())?)))
            }
            #[cfg(feature = "_live")]
            Target::Camera(camera, options) => camera.open(&self.name, options, settings),
        }
    }

    fn file(path: &Path) -> Self {
        let target = Target::File(path.to_path_buf(), None, Playback::default());
        Self { name: path.display().to_string(), target, rotation: Rotation::default() }
    }

    /// Reads a file that doesn't exist, a file with options, or a pattern.
    fn path(text: &str) -> Result<Self, SourceError> {
        let (path, given) = split_options(text);
        let is_pattern = path.contains(['*', '?', '[']) && Path::new(path).symlink_metadata().is_err();
        let kind = if is_pattern { "a pattern" } else { "a file" };
        let mut options = Options::parse(path, kind, given);
        let playback = Playback::parse(&mut options)?;
        let target = if is_pattern {
            Target::Pattern(path.to_owned(), playback)
        } else {
            Target::File(path.into(), options.decoder()?, playback)
        };
        let rotation = parse_rotation(&mut options)?;
        options.finish()?;
        Ok(Self { name: path.to_owned(), target, rotation })
    }

    #[cfg(feature = "scene")]
    fn scene(text: &str, rest: &str) -> Result<Self, SourceError> {
        let mut options = Options::parse(text, "a scene", rest.trim_start_matches('?'));
        let target = Target::Scene(scene::parse_scene(&mut options)?, Playback::parse(&mut options)?);
        let rotation = parse_rotation(&mut options)?;
        options.finish()?;
        Ok(Self { name: text.to_owned(), target, rotation })
    }

    #[cfg(not(feature = "scene"))]
    fn scene(text: &str, _: &str) -> Result<Self, SourceError> {
        Err(missing_feature(text, "scenes", "scene"))
    }

    /// Reads a network camera. Its address may have a query of its own, so its options follow a `#`.
    #[cfg(feature = "_address")]
    #[cfg_attr(not(all(feature = "rtsp", feature = "mjpeg")), allow(unused_mut, unused_variables))]
    fn network(text: &str) -> Result<Self, SourceError> {
        let parsed = Address::parse(text, &["rtsp", "rtsps", "http", "https"])?;
        let (address, given) = text.split_once('#').unwrap_or((text, ""));
        let name = parsed.to_string();
        let is_rtsp = parsed.url().scheme().starts_with("rtsp");
        let kind = if is_rtsp { "an RTSP camera" } else { "an HTTP camera" };
        let mut options = Options::parse(&name, kind, given);
        if is_rtsp {
            #[cfg(feature = "rtsp")]
            return {
                let address = with_password(address, &mut options)?;
                Self::camera(name, Camera::rtsp(&address, &mut options)?, options)
            };
            #[cfg(not(feature = "rtsp"))]
            return Err(missing_feature(&name, "RTSP cameras", "rtsp"));
        }
        #[cfg(feature = "mjpeg")]
        return {
            let address = with_password(address, &mut options)?;
            Self::camera(name, Camera::mjpeg(&address, &mut options)?, options)
        };
        #[cfg(not(feature = "mjpeg"))]
        return Err(missing_feature(&name, "HTTP cameras", "mjpeg"));
    }

    #[cfg(not(feature = "_address"))]
    fn network(text: &str) -> Result<Self, SourceError> {
        // Without //, the place of a password isn't known.
        let name = match text.split_once(':') {
            Some((_, rest)) if rest.starts_with("//") => hide_credentials(text),
            _ => "…".to_owned(),
        };
        let is_rtsp = text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("rtsp"));
        Err(if is_rtsp {
            missing_feature(&name, "RTSP cameras", "rtsp")
        } else {
            missing_feature(&name, "HTTP cameras", "mjpeg")
        })
    }

    #[cfg(feature = "webcam")]
    fn webcam(text: &str, rest: &str) -> Result<Self, SourceError> {
        let (selector, given) = split_options(rest);
        let name = hide_credentials(&text[..text.len() - rest.len() + selector.len()]);
        let mut options = Options::parse(&name, "a webcam", given);
        let selector = if selector.is_empty() { "0" } else { selector };
        Self::camera(name, Camera::webcam(selector, &mut options)?, options)
    }

    #[cfg(not(feature = "webcam"))]
    fn webcam(text: &str, _: &str) -> Result<Self, SourceError> {
        Err(missing_feature(&hide_credentials(text), "cameras at this machine", "webcam"))
    }

    #[cfg(feature = "ffmpeg")]
    fn ffmpeg(text: &str, rest: &str) -> Result<Self, SourceError> {
        let with_options = rest.rsplit_once('#').filter(|_| !Path::new(rest).is_file());
        let (address, given) = with_options.unwrap_or((rest, ""));
        if given.contains('@') {
            let input = hide_credentials(text);
            return Err(SourceError::malformed(input, HASH_IN_LOGIN));
        }
        let name = hide_credentials(&text[..text.len() - rest.len() + address.len()]);
        let mut options = Options::parse(&name, "an input of ffmpeg", given);
        let path = Path::new(address);
        if !path.is_file() {
            if !address.contains("//")
                && let Some((_, host)) = address.rsplit_once('@')
            {
                let what = "no such file; an address begins with a scheme and //";
                return Err(SourceError::malformed(format!("ffmpeg:…@{host}"), what));
            }
            #[cfg(feature = "_address")]
            let address = &*with_password(address, &mut options)?;
            return Self::camera(name, Camera::ffmpeg(address, &mut options)?, options);
        }
        let settings = super::camera::parse_ffmpeg(&mut options)?;
        let target = Target::Ffmpeg(path.to_owned(), settings, Playback::parse(&mut options)?);
        let rotation = parse_rotation(&mut options)?;
        options.finish()?;
        Ok(Self { name, target, rotation })
    }

    #[cfg(not(feature = "ffmpeg"))]
    fn ffmpeg(text: &str, rest: &str) -> Result<Self, SourceError> {
        let may_hide_login = rest.contains('@') && !rest.contains("//");
        let name = if may_hide_login { "ffmpeg:…".into() } else { hide_credentials(text) };
        Err(missing_feature(&name, "inputs of ffmpeg", "ffmpeg"))
    }

    #[cfg(feature = "_live")]
    fn camera(name: String, camera: Camera, mut options: Options) -> Result<Self, SourceError> {
        let target = Target::Camera(camera, ReconnectOptions::parse(&mut options)?);
        let rotation = parse_rotation(&mut options)?;
        options.finish()?;
        Ok(Self { name, target, rotation })
    }
}

/// Splits a name at its last `?` into the path and the options. A path or a pattern may have a `?`, too, so this only
/// splits if the text behind it looks like an option.
fn split_options(text: &str) -> (&str, &str) {
    let is_option = |given: &str| {
        let name = given.split(['=', '&', ',']).next().unwrap_or_default();
        name == "loop" || given.contains('=') && name.bytes().all(|b| b.is_ascii_lowercase())
    };
    text.rsplit_once('?').filter(|(_, given)| is_option(given)).unwrap_or((text, ""))
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.name))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({:?})", self.name)
    }
}
