//! What a user names.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use passerby_types::{FrameSource, SourceError};

use super::OpenSettings;
#[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "webcam", feature = "ffmpeg"))]
use super::camera::{Camera, Patience};
use super::options::Options;
use super::play::{self, Play};
#[cfg(feature = "ffmpeg")]
use crate::address::HASH;
use crate::address::{Address, hide};
use crate::decode::Decoder;
use crate::images::{Images, ImagesSettings, is_video, list};
use crate::scene::SceneSettings;

/// Anything that can be opened, as a user names it: see [`open`](super::open()) for what there is. Shows itself without
/// credentials.
#[derive(Clone)]
pub struct Input {
    /// Without credentials and options.
    name: String,
    place: Place,
}

#[derive(Clone)]
enum Place {
    File(PathBuf, Option<Decoder>, Play),
    /// Files by a pattern.
    Files(String, Play),
    Scene(SceneSettings, Play),
    #[cfg(feature = "ffmpeg")]
    Ffmpeg(PathBuf, crate::FfmpegSettings, Play),
    #[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "webcam", feature = "ffmpeg"))]
    Camera(Camera, Patience),
}

impl Input {
    /// Reads what the user named. Nothing is opened, and of the file system only asked whether it has a file of this very
    /// name, which goes before every other meaning.
    ///
    /// # Errors
    /// [`SourceError::Malformed`] for an address or option that is wrong or unknown, with what there is;
    /// [`SourceError::Unsupported`] for what this build cannot read, with what would.
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
                let what = format!("scheme {scheme}://; where ffmpeg knows it, ffmpeg:{scheme}://… reads it");
                Err(SourceError::Unsupported { input: hide(text), what })
            }
            _ => match rest.split('/').next().and_then(|login| login.rsplit_once('@')) {
                // What is no file may be a camera's address whose beginning was forgotten.
                Some((_, host))
                    if !scheme.is_empty()
                        && !scheme.contains('/')
                        && !rest.starts_with('\\')
                        && Path::new(optional(text).0).symlink_metadata().is_err() =>
                {
                    let what = "no such file; a camera's address begins with rtsp:// or http://".into();
                    Err(SourceError::Malformed { input: format!("…@{host}"), what })
                }
                _ => Self::path(text),
            },
        }
    }

    /// The inputs that a user names with one word: the files that a pattern matches and those of a folder, by name, or else
    /// the word as [`Input::parse`] reads it.
    ///
    /// # Errors
    /// As [`Input::parse`]; [`SourceError::Io`] for a folder that cannot be read, and [`SourceError::Malformed`] for one
    /// without pictures and videos, and for a pattern that nothing matches.
    pub fn expand(text: impl AsRef<OsStr>) -> Result<Vec<Self>, SourceError> {
        let input = Self::parse(text)?;
        let (files, play, decoder) = match &input.place {
            Place::File(path, decoder, play) if path.is_dir() => (list(path)?, play, *decoder),
            Place::Files(pattern, play) => (matching(pattern)?, play, None),
            _ => return Ok(vec![input]),
        };
        if files.is_empty() {
            let what = "no pictures or videos in this folder".into();
            return Err(SourceError::Malformed { input: input.name, what });
        }
        let of = |path: PathBuf| Self {
            name: path.display().to_string(),
            place: Place::File(path, decoder, play.clone()),
        };
        Ok(files.into_iter().map(of).collect())
    }

    /// True for a camera, and for a file or scene that is played as one.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match &self.place {
            Place::File(_, _, play) | Place::Files(_, play) | Place::Scene(_, play) => play.live,
            #[cfg(feature = "ffmpeg")]
            Place::Ffmpeg(_, _, play) => play.live,
            #[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "webcam", feature = "ffmpeg"))]
            Place::Camera(..) => true,
        }
    }

    /// The file or folder, where it is one.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path, ..) => Some(path),
            #[cfg(feature = "ffmpeg")]
            Place::Ffmpeg(path, ..) => Some(path),
            _ => None,
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// As [`open_with`](super::open_with).
    pub fn open(&self, settings: &OpenSettings) -> Result<Box<dyn FrameSource>, SourceError> {
        let with = settings.clone();
        match &self.place {
            Place::File(path, decoder, play) => {
                let (path, decoder) = (path.clone(), *decoder);
                play.play(settings, move || play::file(&path, decoder, &with))
            }
            Place::Files(pattern, play) => {
                let pattern = pattern.clone();
                play.play(settings, move || pictures(&pattern, &with))
            }
            Place::Scene(scene, play) => {
                let (scene, name) = (scene.clone(), self.name.clone());
                play.play(settings, move || play::build(&scene, &name, &with))
            }
            #[cfg(feature = "ffmpeg")]
            Place::Ffmpeg(path, ffmpeg, play) => {
                let (path, ffmpeg) = (path.clone(), ffmpeg.clone());
                play.play(settings, move || {
                    let (limits, pool, clock) = (with.limits, with.pool.clone(), with.clock.clone());
                    let ffmpeg = crate::FfmpegSettings { limits, pool, clock, ..ffmpeg.clone() };
                    Ok(Box::new(crate::Ffmpeg::open(&path, ffmpeg)?))
                })
            }
            #[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "webcam", feature = "ffmpeg"))]
            Place::Camera(camera, patience) => camera.open(&self.name, patience, settings),
        }
    }

    fn file(path: &Path) -> Self {
        let place = Place::File(path.to_path_buf(), None, Play::default());
        Self { name: path.display().to_string(), place }
    }

    /// A file that is not there, a file with options, or a pattern.
    fn path(text: &str) -> Result<Self, SourceError> {
        let (path, given) = optional(text);
        let is_pattern = path.contains(['*', '?', '[']) && Path::new(path).symlink_metadata().is_err();
        let kind = if is_pattern { "a pattern" } else { "a file" };
        let mut options = Options::parse(path, kind, given);
        let play = Play::parse(&mut options)?;
        let place = if is_pattern {
            Place::Files(path.to_owned(), play)
        } else {
            Place::File(path.into(), options.choice("decoder", &play::DECODERS)?, play)
        };
        options.finish()?;
        Ok(Self { name: path.to_owned(), place })
    }

    fn scene(text: &str, rest: &str) -> Result<Self, SourceError> {
        let mut options = Options::parse(text, "a scene", rest.trim_start_matches('?'));
        let place = Place::Scene(play::scene(&mut options)?, Play::parse(&mut options)?);
        options.finish()?;
        Ok(Self { name: text.to_owned(), place })
    }

    /// A camera whose address may have a query of its own.
    #[cfg_attr(not(all(feature = "rtsp", feature = "mjpeg")), allow(unused_mut, unused_variables))]
    fn network(text: &str) -> Result<Self, SourceError> {
        let parsed = Address::parse(text, &["rtsp", "rtsps", "http", "https"])?;
        let (address, given) = text.split_once('#').unwrap_or((text, ""));
        let (name, is_rtsp) = (parsed.to_string(), parsed.url().scheme().starts_with("rtsp"));
        let kind = if is_rtsp { "an RTSP camera" } else { "an HTTP camera" };
        let mut options = Options::parse(&name, kind, given);
        if is_rtsp {
            #[cfg(feature = "rtsp")]
            return Self::camera(name, Camera::rtsp(address, &mut options)?, options);
            #[cfg(not(feature = "rtsp"))]
            return Err(left_out(&name, "RTSP cameras", "rtsp"));
        }
        #[cfg(feature = "mjpeg")]
        return Self::camera(name, Camera::mjpeg(address, &mut options)?, options);
        #[cfg(not(feature = "mjpeg"))]
        return Err(left_out(&name, "HTTP cameras", "mjpeg"));
    }

    #[cfg(feature = "webcam")]
    fn webcam(text: &str, rest: &str) -> Result<Self, SourceError> {
        let (selector, given) = optional(rest);
        let name = text[..text.len() - rest.len() + selector.len()].to_owned();
        let mut options = Options::parse(&name, "a webcam", given);
        let selector = if selector.is_empty() { "0" } else { selector };
        Self::camera(name, Camera::webcam(selector, &mut options)?, options)
    }

    #[cfg(not(feature = "webcam"))]
    fn webcam(text: &str, _: &str) -> Result<Self, SourceError> {
        Err(left_out(text, "cameras at this machine", "webcam"))
    }

    #[cfg(feature = "ffmpeg")]
    fn ffmpeg(text: &str, rest: &str) -> Result<Self, SourceError> {
        let options = || rest.rsplit_once('#').filter(|_| !Path::new(rest).is_file());
        let (what, given) = options().unwrap_or((rest, ""));
        if given.contains('@') {
            return Err(SourceError::Malformed { input: hide(text), what: HASH.into() });
        }
        let name = hide(&text[..text.len() - rest.len() + what.len()]);
        let mut options = Options::parse(&name, "an input of ffmpeg", given);
        let path = Path::new(what);
        if !path.is_file() {
            if !what.contains("//")
                && let Some((_, host)) = what.rsplit_once('@')
            {
                let what = "no such file; an address begins with a scheme and //".into();
                return Err(SourceError::Malformed { input: format!("ffmpeg:…@{host}"), what });
            }
            return Self::camera(name, Camera::ffmpeg(what, &mut options)?, options);
        }
        let place =
            Place::Ffmpeg(path.to_owned(), super::camera::ffmpeg(&mut options)?, Play::parse(&mut options)?);
        options.finish()?;
        Ok(Self { name, place })
    }

    #[cfg(not(feature = "ffmpeg"))]
    fn ffmpeg(text: &str, rest: &str) -> Result<Self, SourceError> {
        let name = if rest.contains('@') && !rest.contains("//") { "ffmpeg:…".into() } else { hide(text) };
        Err(left_out(&name, "what ffmpeg reads", "ffmpeg"))
    }

    #[cfg(any(feature = "rtsp", feature = "mjpeg", feature = "webcam", feature = "ffmpeg"))]
    fn camera(name: String, camera: Camera, mut options: Options) -> Result<Self, SourceError> {
        let place = Place::Camera(camera, Patience::parse(&mut options)?);
        options.finish()?;
        Ok(Self { name, place })
    }
}

/// A path and the options after its last `?`, which a path or a pattern may also have in it: only where what follows looks
/// like an option.
fn optional(text: &str) -> (&str, &str) {
    let named = |given: &str| {
        let name = given.split(['=', '&', ',']).next().unwrap_or_default();
        name == "loop" || given.contains('=') && name.bytes().all(|b| b.is_ascii_lowercase())
    };
    text.rsplit_once('?').filter(|(_, given)| named(given)).unwrap_or((text, ""))
}

/// The files that a pattern matches, by name.
fn matching(pattern: &str) -> Result<Vec<PathBuf>, SourceError> {
    let wrong = |what: String| SourceError::Malformed { input: pattern.to_owned(), what };
    let found = glob::glob(pattern).map_err(|e| wrong(format!("no such file, and no pattern: {e}")))?;
    let files: Vec<PathBuf> = found
        .map(|entry| entry.map_err(|e| SourceError::io(e.path().to_owned(), e.into())))
        .collect::<Result<_, _>>()?;
    let files: Vec<PathBuf> = files.into_iter().filter(|path| path.is_file()).collect();
    if files.is_empty() {
        return Err(wrong("no file matches".into()));
    }
    Ok(files)
}

/// The pictures of a pattern, as one source; a single file whatever it is.
fn pictures(pattern: &str, settings: &OpenSettings) -> Result<Box<dyn FrameSource>, SourceError> {
    let files = matching(pattern)?;
    if let [file] = files.as_slice() {
        return play::file(file, None, settings);
    }
    let matches = files.len();
    let files: Vec<PathBuf> = files.into_iter().filter(|file| !is_video(file)).collect();
    if files.is_empty() {
        let what =
            format!("matches {matches} videos, and a source is one: name each (Input::expand gives them)");
        return Err(SourceError::Malformed { input: pattern.to_owned(), what });
    }
    let with = ImagesSettings { limits: settings.limits, pool: settings.pool.clone() };
    Ok(Box::new(Images::files(files, pattern, with)))
}

/// What this build cannot read.
#[cfg(not(all(feature = "rtsp", feature = "mjpeg", feature = "webcam", feature = "ffmpeg")))]
fn left_out(input: &str, what: &str, feature: &str) -> SourceError {
    let what = format!("input: {what} need the feature `{feature}`");
    SourceError::Unsupported { input: input.to_owned(), what }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({:?})", self.name)
    }
}
