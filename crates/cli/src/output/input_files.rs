//! The files of an output that has one for each input.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::pictures::unique_name;

/// Returns the files of an output for these inputs: `path` itself for a single one, or in the folder `path` `<stem>.<extension>` for
/// each, and `<stem>-2.<extension>` for the second input of that stem. The names follow from the places in the list alone.
pub(crate) fn files_of_inputs<'a>(
    path: &Path,
    several: bool,
    inputs: impl Iterator<Item = &'a str>,
    extension: &str,
) -> Vec<PathBuf> {
    if !several {
        return vec![path.to_path_buf()];
    }
    // Some file systems take names for equal that differ in case alone.
    let mut taken = BTreeSet::new();
    let names = inputs.map(|input| unique_name(&stem(input), |name| taken.insert(name.to_lowercase())));
    names.map(|name| path.join(format!("{name}.{extension}"))).collect()
}

fn stem(input: &str) -> String {
    let stem = Path::new(input).file_stem().unwrap_or_default().to_string_lossy();
    // An address may hold characters that a file name must not.
    stem.replace([':', '?', '*', '"', '<', '>', '|', '\\', '&'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_places_of_the_inputs() {
        let inputs = ["a/door.mp4", "b/Door.mp4", "hall.mp4"];
        let names = files_of_inputs(Path::new("mot"), true, inputs.into_iter(), "txt");
        assert_eq!(names, ["mot/door.txt", "mot/Door-2.txt", "mot/hall.txt"].map(PathBuf::from));
    }
}
