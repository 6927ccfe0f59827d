//! The names of picture files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use passerby::types::CameraId;

/// The longest beginning of a file's name, in characters.
const MAX_STEM: usize = 80;

/// Gives each input a beginning of its own for the names of its files.
#[derive(Default)]
pub(super) struct FileNames {
    stems: BTreeMap<CameraId, String>,
    taken: BTreeSet<String>,
}

impl FileNames {
    /// Returns the beginning for an input: the stem of its file's name, or its name with only letters, digits and `._-` in
    /// it. If an earlier input has the same, a number is added.
    pub(super) fn stem(&mut self, camera: CameraId, input: &str) -> &str {
        let taken = &mut self.taken;
        self.stems.entry(camera).or_insert_with(|| {
            // Some file systems take names for equal that differ in case alone.
            unique_name(&plain(input), |name| taken.insert(name.to_lowercase()))
        })
    }

    /// Returns the beginning that an input was given, or its number.
    pub(super) fn of(&self, camera: CameraId) -> String {
        self.stems.get(&camera).cloned().unwrap_or_else(|| camera.to_string())
    }
}

/// Returns the name of the file of a picture at this time in its stream, or of a photograph.
pub(super) fn file_name(stem: &str, time: Option<Duration>) -> String {
    match time {
        // Five digits before the point keep a day in order.
        Some(time) => format!("{stem}-{:08.2}s.jpg", time.as_secs_f64()),
        None => format!("{stem}-annotated.jpg"),
    }
}

/// Returns `name` if `take` accepts it, and otherwise the first of `name-2`, `name-3` and so on that it accepts. `take`
/// returns false for a name that is taken.
pub(crate) fn unique_name(name: &str, mut take: impl FnMut(&str) -> bool) -> String {
    let mut free = name.to_owned();
    let mut number = 1_u64;
    while !take(&free) {
        number += 1;
        free = format!("{name}-{number}");
    }
    free
}

fn plain(input: &str) -> String {
    let is_address = input.contains("://");
    let stem = Path::new(input).file_stem().and_then(|stem| stem.to_str()).filter(|_| !is_address);
    // The options of an address may hold a secret.
    let text = stem.unwrap_or_else(|| input.split(['?', '#']).next().unwrap_or_default());
    let text = text.rsplit('@').next().unwrap_or_default();
    let text =
        text.trim_start_matches("rtsp://").trim_start_matches("http://").trim_start_matches("https://");
    let allowed = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let plain: String = text.chars().take(MAX_STEM).map(|c| if allowed(c) { c } else { '-' }).collect();
    let plain = plain.trim_matches(['-', '.']);
    if plain.is_empty() { "input".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_one_stem_have_names_of_their_own() {
        let mut names = FileNames::default();
        assert_eq!(names.stem(CameraId(0), "a/door.mp4"), "door");
        assert_eq!(names.stem(CameraId(1), "b/Door.mp4"), "Door-2");
        assert_eq!(names.stem(CameraId(2), "door-2.jpg"), "door-2-2");
        assert_eq!(names.stem(CameraId(0), "a/door.mp4"), "door");
    }

    #[test]
    fn a_camera_has_a_plain_name_without_its_password() {
        let mut names = FileNames::default();
        assert_eq!(names.stem(CameraId(0), "rtsp://me:secret@door.local/live/1?key=x"), "door.local-live-1");
        assert_eq!(names.stem(CameraId(1), "webcam:0"), "webcam-0");
        assert_eq!(names.stem(CameraId(2), "../.."), "input");
    }

    #[test]
    fn times_sort_by_name() {
        assert_eq!(file_name("door", Some(Duration::from_millis(12_340))), "door-00012.34s.jpg");
        assert_eq!(file_name("door", None), "door-annotated.jpg");
    }
}
