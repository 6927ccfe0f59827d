//! Lists the cameras at this machine.

use passerby::types::BoxError;

use crate::outcome::Outcome;
#[cfg(feature = "webcam")]
use crate::terminal;

/// Prints each camera with its formats.
///
/// # Errors
/// Fails if no camera is connected, or if the program was built without the feature `webcam`.
#[cfg(feature = "webcam")]
pub(crate) fn run() -> Result<Outcome, BoxError> {
    let cameras = passerby::capture::Webcam::list()?;
    if cameras.is_empty() {
        return Err("no camera at this machine".into());
    }
    for camera in cameras {
        let id = camera.id.unwrap_or_default();
        terminal::print(&format!("webcam:{}  {}  {id}\n", camera.index, camera.name))?;
        for format in camera.formats {
            terminal::print(&format!("    {format}\n"))?;
        }
    }
    Ok(Outcome::Done)
}

/// Returns the error of a build that cannot read webcams.
///
/// # Errors
/// Always.
#[cfg(not(feature = "webcam"))]
pub(crate) fn run() -> Result<Outcome, BoxError> {
    Err("this build cannot read cameras at this machine; build one that can: cargo install --locked --path crates/cli --features webcam \
         (docs/inputs.md names the packages that it needs)"
        .into())
}
