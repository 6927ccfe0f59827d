//! A camera.

use std::fmt;
use std::path::{Path, PathBuf};

use passerby_zones::ZonePlan;
use serde::Deserialize;

use crate::secret::{SecretError, SecretPlace};
use crate::values;

/// A camera of the configuration.
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct CameraConfig {
    /// The name, which no other camera has. Always set if the configuration is that of a server.
    pub name: Option<String>,
    /// The input, for example `rtsp://door.local/live`. Always set if the configuration is that of a server. It may have a password in
    /// it, so it must not be shown.
    pub uri: Option<String>,
    /// The environment variable that has the camera's password.
    pub password_env: Option<String>,
    /// The file whose first line is the camera's password.
    pub password_file: Option<PathBuf>,
    /// By how many degrees the pictures must be turned clockwise: 0, 90, 180 or 270.
    #[serde(deserialize_with = "values::rotation")]
    pub rotate: u32,
    /// False to leave the camera out.
    #[serde(default = "values::yes")]
    pub enabled: bool,
    /// Its zones and lines, its regions to ignore, and its region of interest.
    pub zones: ZonePlan,
}

impl CameraConfig {
    /// Returns true if both configurations read the same pictures, so that a change from one to the other needs no new connection. The
    /// zones may differ.
    #[must_use]
    pub fn has_same_source(&self, other: &Self) -> bool {
        let source = |camera: &Self| Self { zones: ZonePlan::default(), ..camera.clone() };
        source(self) == source(other)
    }

    /// Returns the input with its options, as the program's command line takes it. It names the place of the password, and not the
    /// password.
    #[must_use]
    pub fn input(&self) -> String {
        let uri = self.uri.clone().unwrap_or_default();
        let mut options = Vec::new();
        if self.rotate != 0 {
            options.push(format!("rotate={}", self.rotate));
        }
        if let Some(name) = &self.password_env {
            options.push(format!("password-env={name}"));
        }
        if let Some(file) = &self.password_file {
            options.push(format!("password-file={}", file.display()));
        }
        if options.is_empty() {
            return uri;
        }
        // An address keeps its query for the camera, so that options follow a `#` there. A scene consists of options.
        let mark = match uri.split_once(':') {
            Some(("scene", _)) => ',',
            Some(("ffmpeg", _)) => '#',
            Some((_, rest)) if rest.starts_with("//") => '#',
            _ => '?',
        };
        let mark = if mark != ',' && uri.contains(mark) { '&' } else { mark };
        format!("{uri}{mark}{}", options.join("&"))
    }

    /// Checks that the camera's password can be read, if it has one.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, or it is empty.
    pub fn check_password(&self) -> Result<(), SecretError> {
        let place = SecretPlace::of(self.password_env.as_deref(), self.password_file.as_deref());
        place.map_or(Ok(()), |place| place.read().map(drop))
    }

    /// Makes paths relative to this folder.
    pub(crate) fn rebase(&mut self, folder: &Path) {
        if let Some(file) = &mut self.password_file {
            *file = folder.join(&*file);
        }
        if let Some(uri) = self.uri.as_mut().filter(|uri| !has_scheme(uri)) {
            *uri = folder.join(&*uri).to_string_lossy().into_owned();
        }
    }
}

/// Returns true if the input is not a file: it begins with a word and a colon, such as `rtsp:` or `scene:`.
fn has_scheme(uri: &str) -> bool {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    // A single letter is a drive of Windows.
    scheme.is_some_and(|scheme| scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Leaves the address out: it may have a password in it.
impl fmt::Debug for CameraConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CameraConfig")
            .field("name", &self.name)
            .field("rotate", &self.rotate)
            .field("enabled", &self.enabled)
            .field("zones", &self.zones)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(uri: &str) -> CameraConfig {
        CameraConfig { uri: Some(uri.into()), ..CameraConfig::default() }
    }

    #[test]
    fn options_follow_the_mark_that_the_input_takes() {
        let turned = |uri: &str| CameraConfig { rotate: 90, ..camera(uri) }.input();
        assert_eq!(turned("rtsp://door/live?channel=1"), "rtsp://door/live?channel=1#rotate=90");
        assert_eq!(turned("rtsp://door/live#transport=udp"), "rtsp://door/live#transport=udp&rotate=90");
        assert_eq!(turned("clip.mp4"), "clip.mp4?rotate=90");
        assert_eq!(turned("scene:people=3"), "scene:people=3,rotate=90");
        assert_eq!(turned("ffmpeg:srt://door:9000"), "ffmpeg:srt://door:9000#rotate=90");
        assert_eq!(turned("clip.mp4?loop"), "clip.mp4?loop&rotate=90");
        assert_eq!(camera("clip.mp4").input(), "clip.mp4");
    }

    #[test]
    fn paths_are_relative_to_the_folder_of_the_file() {
        let rebased = |uri: &str| {
            let mut camera = CameraConfig { password_file: Some("door.txt".into()), ..camera(uri) };
            camera.rebase(Path::new("/etc/passerby"));
            (camera.uri.unwrap_or_default(), camera.password_file.unwrap_or_default())
        };
        assert_eq!(rebased("clip.mp4"), ("/etc/passerby/clip.mp4".into(), "/etc/passerby/door.txt".into()));
        for absolute in ["rtsp://door/live", "scene:people=3", "webcam:0", "/data/clip.mp4"] {
            assert_eq!(rebased(absolute).0, absolute);
        }
    }

    #[test]
    fn other_zones_need_no_other_connection() {
        let plain = camera("rtsp://door/live");
        let zones = ZonePlan { margin: 0.5, ..ZonePlan::default() };
        assert!(plain.has_same_source(&CameraConfig { zones, ..plain.clone() }));
        assert!(!plain.has_same_source(&CameraConfig { rotate: 90, ..plain.clone() }));
    }

    #[test]
    fn a_debug_output_has_no_address() {
        let text = format!("{:?}", camera("rtsp://name:hunter2@door/live"));
        assert!(!text.contains("hunter2") && !text.contains("door/live"), "{text}");
    }
}
