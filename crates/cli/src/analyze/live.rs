//! Analyses all inputs at once, each played as a live camera.

use passerby::pipeline::CameraReport;
use passerby::types::{BoxError, CameraId};

use super::inputs::Input;
use super::outputs::Outputs;
use super::pipelines::Pipelines;
use crate::stop::Stop;

/// Plays the inputs until `stop` asks to stop. Files are played at `rate` frames a second, or at their own rate, to
/// their end, or over and over if `again` is set. Returns a report for each input that cannot be opened.
pub(super) fn analyze(
    inputs: &[Input],
    rate: Option<f64>,
    again: bool,
    pipelines: &mut Pipelines,
    outputs: &mut Outputs,
    stop: &Stop,
) -> Result<Vec<CameraReport>, BoxError> {
    let mut cameras = Vec::new();
    let mut failed = Vec::new();
    for input in inputs {
        let camera = input.camera;
        match input.play(rate, again) {
            Ok(source) => cameras.push((camera, source)),
            Err(e) => failed.push(CameraReport { camera, error: Some(e.into()), ..CameraReport::default() }),
        }
    }
    let Some((_, first)) = cameras.first() else { return Ok(failed) };
    let running = pipelines.for_source(first.info())?;
    let ids: Vec<CameraId> = cameras.iter().map(|(camera, _)| *camera).collect();
    let name = |camera: CameraId| inputs.iter().find(|i| i.camera == camera).map_or("", |i| &i.name);
    for camera in &ids {
        outputs.begin(*camera, name(*camera));
    }
    let what = if let [only] = inputs { only.name.clone() } else { format!("{} cameras", ids.len()) };
    outputs.progress.begin(what, None);
    // Paused, so that no input runs ahead while the others are being added.
    running.handle.pause();
    for (camera, source) in cameras {
        running.handle.add(camera, source)?;
    }
    stop.begin();
    running.handle.resume();
    running.collect(&ids, stop, &mut |observation| {
        outputs.show_progress();
        observation.map_or(Ok(()), |observation| outputs.add(name(observation.meta.camera), observation))
    })?;
    for camera in &ids {
        outputs.end(*camera);
    }
    Ok(failed)
}
