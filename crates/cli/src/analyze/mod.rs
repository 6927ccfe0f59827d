//! Analyses videos, pictures, folders and cameras.

mod args;
mod files;
mod frame_outputs;
mod inputs;
mod live;
mod outputs;
mod pipelines;
mod problems;
mod report;

use passerby::types::BoxError;

use crate::missing::unidentified;
use crate::outcome::Outcome;
use crate::output::FileClaims;
use crate::stop::Stop;
use crate::terminal;
pub(crate) use args::AnalyzeArgs;
use frame_outputs::FrameOutputs;
use outputs::Outputs;
use pipelines::Pipelines;

/// Analyses every input. Each input that fails gives a message.
///
/// # Errors
/// The options are wrong, an output cannot be created, or a network failed, so that the program cannot go on.
pub(crate) fn run(args: &AnalyzeArgs) -> Result<Outcome, BoxError> {
    let mode = args.mode()?;
    let stop = Stop::new(args.run.seconds)?;
    let (inputs, mut ok) = inputs::expand(&args.input.inputs);
    let board = args.zones.board(inputs.iter().map(|input| (input.camera, input.name.as_str())))?;
    let files = inputs.iter().filter_map(|input| input.as_path());
    let mut claims = FileClaims::of_inputs(files.chain(args.zones.zones.as_deref()));
    let video = FrameOutputs::claim(args, &inputs, &mut claims)?;
    let mut outputs = Outputs::create(args, mode, &inputs, &mut claims, &stop)?;
    let frame_outputs = FrameOutputs::create(args, mode, &inputs, (claims, video), board.as_ref(), &stop)?;
    let mut pipelines = Pipelines::new(args, mode, outputs.database(), frame_outputs.clone(), board);

    let failed = if mode.live {
        let again = args.run.seconds.is_some();
        live::analyze(&inputs, args.run.live, again, &mut pipelines, &mut outputs, &stop)
    } else {
        files::analyze(&inputs, &mut pipelines, &mut outputs, &stop)
    }?;

    outputs.progress.finish();
    let min_face_size = pipelines.min_face_size();
    let mut ended = pipelines.finish();
    ended.reports.extend(failed);
    ended.reports.sort_by_key(|report| report.camera);
    for report in &mut ended.reports {
        report.name =
            inputs.iter().find(|i| i.camera == report.camera).map_or_else(String::new, |i| i.name.clone());
    }
    // Files run one after another, so the time may end before some begin. Live inputs all begin at once.
    let had_time = if mode.live { !stop.was_interrupted() } else { !stop.is_requested() };
    ok &= problems::print(&ended, had_time);
    let (summary, small_faces, outputs_ok) = outputs.finish();
    small_faces.warning().into_iter().for_each(terminal::warning);
    ok &= outputs_ok;
    if args.output.json {
        terminal::print(&format!("{}\n", report::json(&summary, &ended, mode.live, small_faces.limit())?))?;
    } else if ended.reports.iter().any(|report| report.ledger.captured > 0) {
        terminal::print(&report::table(&summary, &ended, mode.live))?;
        terminal::print(&unidentified(&summary, min_face_size))?;
        terminal::print(&small_faces.line())?;
    }
    ok &= frame_outputs.finish(&summary);
    Ok(if ok { stop.outcome() } else { Outcome::Failed })
}
