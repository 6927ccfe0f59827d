//! A camera's reader: pulls pictures, makes frames of them, and hands them on.

use std::sync::Arc;

use passerby_types::{DropReason, ErrorClass, Frame, FrameMeta, FrameSource, Picture};

use crate::camera::state::{CameraState, InFlightGuard, What};
use crate::context::Context;
use crate::detection::{DetectQueue, Shot};
use crate::flow::{arrived, next_picture};
use passerby_workers::SendOutcome;
use passerby_workers::back_off;

/// Reads the source to its end, or until the camera is to stop. This is the body of the camera's reader thread.
pub(crate) fn read(
    context: &Context,
    detect_queue: &DetectQueue,
    camera: &Arc<CameraState>,
    mut source: Box<dyn FrameSource>,
) {
    let (mut seq, mut order, mut broken) = (0_u64, 0, 0);
    loop {
        context.gate.pass(camera);
        if camera.is_stopping() {
            break;
        }
        let next = context.timed("capture", camera, 1, || next_picture(&mut *source));
        let picture = match next {
            // One that comes when the camera has been told to end was never asked for.
            Ok(_) if camera.is_stopping() => break,
            Ok(Some(picture)) => picture,
            Ok(None) => {
                camera.meter.lock().report.source_ended();
                break;
            }
            Err(e) => {
                seq = seq.saturating_add(e.lost().0);
                broken = if e.class() == ErrorClass::Reset { broken + 1 } else { 0 };
                if camera.meter.lock().report.lose(e).is_break() {
                    break;
                }
                camera.rest(back_off(broken));
                continue;
            }
        };
        broken = 0;
        camera.meter.lock().captured();
        match camera.enter() {
            Some(passage) => {
                hand_on(context, detect_queue, seq, order, picture, passage);
                order += 1;
            }
            None => {
                let over = camera.is_abandoned();
                camera.meter.lock().lost(if over { DropReason::Stopped } else { DropReason::QueueFull });
            }
        }
        seq += 1;
    }
    camera.send(order, What::End { seq });
}

/// Gives the frame its number and times, and sends it to the detectors or past them.
fn hand_on(
    context: &Context,
    detect_queue: &DetectQueue,
    seq: u64,
    order: u64,
    picture: Picture,
    passage: InFlightGuard,
) {
    let camera = Arc::clone(passage.camera());
    let Picture { image, pts, age } = picture;
    let (captured, wall) = arrived(&*context.clock, age);
    let meta = FrameMeta { camera: camera.id, seq, captured, pts, wall };
    if !camera.detects(seq, order) {
        let size = (image.width(), image.height());
        camera.send(order, What::Coasted { meta, size, passage });
        return;
    }
    let next = camera.next_look(seq);
    let shot = Shot { frame: Frame { meta, image: camera.images.share(image) }, order, next, passage };
    match detect_queue.lanes.send(camera.id.0, shot) {
        SendOutcome::Queued => {}
        SendOutcome::Displaced(shot) if may_yield(context, &shot) => shot.yields(),
        SendOutcome::Displaced(shot) | SendOutcome::Refused(shot) | SendOutcome::TimedOut(shot) => {
            shot.lost(DropReason::QueueFull);
        }
        SendOutcome::Closed(shot) => shot.lost(DropReason::Stopped),
    }
}

/// True where the tracker may take this frame alone, since no worker came to it: there is a governor, and within its limits
/// the detector may run on the camera's next such frame, by the cadence under which this one came, and on none between the
/// latest that a worker took and that. Not where the detector fails: nothing would be followed.
fn may_yield(context: &Context, shot: &Shot) -> bool {
    let Some(limits) = &context.settings.governor else { return false };
    shot.passage.camera().spares(shot.frame.meta.seq, shot.next, *limits.cadence.end())
}
