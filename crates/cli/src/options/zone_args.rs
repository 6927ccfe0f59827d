//! The zones and lines of the inputs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use passerby::types::{BoxError, CameraId};
use passerby::zones::ZoneBoard;
use passerby_config::ServeConfig;

use crate::terminal;

/// The zones and lines of the inputs.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Run")]
pub(crate) struct ZoneArgs {
    /// Counts line crossings and stays in zones, by the [camera.zones] tables of this file
    ///
    /// A table belongs to the input with the name of its camera, with or without the extension of a file, and to all other inputs if
    /// it has no name. The configuration of `passerby serve` is such a file; docs/zones.md describes it.
    #[arg(long, value_name = "FILE.toml", allow_hyphen_values = true)]
    pub(crate) zones: Option<PathBuf>,
}

impl ZoneArgs {
    /// Returns the zones of the inputs with these names, or `None` without the option. Warns of each table that belongs to no input.
    ///
    /// # Errors
    /// The file cannot be read or is wrong, or no table belongs to an input.
    pub(crate) fn board<'a>(
        &self,
        inputs: impl Iterator<Item = (CameraId, &'a str)> + Clone,
    ) -> Result<Option<ZoneBoard>, BoxError> {
        let Some(path) = &self.zones else { return Ok(None) };
        let config = ServeConfig::load_zones(path)?;
        let board = ZoneBoard::default();
        let mut named = BTreeSet::new();
        for camera in &config.cameras {
            let Some(name) = &camera.name else { continue };
            let mut is_used = false;
            for (id, _) in inputs.clone().filter(|(_, input)| is_called(input, name)) {
                board.set(id, &camera.zones)?;
                is_used |= named.insert(id);
            }
            if !is_used {
                terminal::warning(format_args!("{}: no input is called {name}", path.display()));
            }
        }
        if let Some(camera) = config.cameras.iter().find(|camera| camera.name.is_none()) {
            for (id, _) in inputs.filter(|(id, _)| !named.contains(id)) {
                board.set(id, &camera.zones)?;
            }
        }
        if board.figures().is_empty() {
            return Err(format!("{}: no [[camera]] in it belongs to an input", path.display()).into());
        }
        Ok(Some(board))
    }
}

/// Returns true if the input has this name, or if it is a file that has it without its folder or its extension.
fn is_called(input: &str, name: &str) -> bool {
    let path = Path::new(input);
    let parts = [path.file_name(), path.file_stem()];
    input == name || parts.into_iter().flatten().any(|part| part == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cameras(text: &str, inputs: &[&str]) -> Result<Vec<u32>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("zones.toml");
        std::fs::write(&path, text).expect("a file");
        let inputs = (0..).map(CameraId).zip(inputs.iter().copied());
        let board = ZoneArgs { zones: Some(path) }.board(inputs).map_err(|e| e.to_string())?;
        Ok(board.map_or_else(Vec::new, |board| board.figures().iter().map(|f| f.camera.0).collect()))
    }

    #[test]
    fn a_table_belongs_to_the_input_of_its_name() {
        let inputs = ["videos/door.mp4", "hall.mp4"];
        let named = |name: &str| cameras(&format!("[[camera]]\nname = \"{name}\"\n"), &inputs);
        for name in ["door", "door.mp4", "videos/door.mp4"] {
            assert_eq!(named(name), Ok(vec![0]), "{name}");
        }
        assert!(named("yard").is_err_and(|e| e.ends_with("no [[camera]] in it belongs to an input")));
    }

    #[test]
    fn a_table_without_a_name_belongs_to_all_other_inputs() {
        let text = "[[camera]]\nname = \"b\"\n[[camera]]\n";
        assert_eq!(cameras(text, &["a.mp4", "b.mp4", "c.mp4"]), Ok(vec![0, 1, 2]));
    }
}
