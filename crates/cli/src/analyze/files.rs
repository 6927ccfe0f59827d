//! Analyses inputs one after another, each to its end. Each run gives the same result.

use passerby::pipeline::CameraReport;
use passerby::types::BoxError;

use super::inputs::Input;
use super::outputs::Outputs;
use super::pipelines::Pipelines;
use crate::stop::Stop;
use crate::terminal;

/// Analyses the inputs until `stop` asks to stop. Returns a report for each input that cannot be opened. Inputs that
/// were not begun have no report.
pub(super) fn analyze(
    inputs: &[Input],
    pipelines: &mut Pipelines,
    outputs: &mut Outputs,
    stop: &Stop,
) -> Result<Vec<CameraReport>, BoxError> {
    let mut failed = Vec::new();
    for (begun, input) in inputs.iter().enumerate() {
        if stop.is_requested() {
            let left = inputs.len() - begun;
            terminal::message(format_args!("stopped: {left} of {} inputs were not begun", inputs.len()));
            break;
        }
        let camera = input.camera;
        let name = &input.name;
        let source = match input.open() {
            Ok(source) => source,
            Err(e) => {
                failed.push(CameraReport { camera, error: Some(e.into()), ..CameraReport::default() });
                continue;
            }
        };
        outputs.begin(camera, name);
        let count =
            if inputs.len() > 1 { format!(" ({} of {})", begun + 1, inputs.len()) } else { String::new() };
        outputs.progress.begin(format!("{name}{count}"), source.info().frames);
        let running = pipelines.for_source(source.info())?;
        stop.begin();
        running.handle.add(camera, source)?;
        running.collect(&[camera], stop, &mut |observation| {
            outputs.show_progress();
            observation.map_or(Ok(()), |observation| outputs.add(name, observation))
        })?;
        outputs.end(camera);
    }
    Ok(failed)
}
