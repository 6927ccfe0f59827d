//! A camera's reader thread: pulls pictures, makes frames of them, and sends them to the detectors or past them.

use std::sync::Arc;
use std::time::Duration;

use passerby_types::{
    Clock, DropReason, ErrorClass, Frame, FrameMeta, FrameSource, Picture, SourceError, SourceInfo, Timestamp,
};
use passerby_workers::{SendOutcome, back_off, catch_panic};

use crate::camera::state::{CameraEvent, CameraState, InFlightGuard};
use crate::coded::decode_order::Arrival;
use crate::context::Context;
use crate::detection::{DetectQueue, QueuedFrame};
use crate::scene::scene_watch::SceneWatch;

/// Reads the source to its end, or until the camera must stop. This is the body of the reader thread.
pub(crate) fn read(
    context: &Context,
    detect_queue: &DetectQueue,
    camera: &Arc<CameraState>,
    mut source: Box<dyn FrameSource>,
) {
    let mut seq = 0_u64;
    let mut order = 0;
    let mut resets_in_a_row = 0;
    let mut scenes = SceneWatch::default();
    let source_detail = detail(source.info());
    let mut codec = None;
    source.offer_coded(&camera.coded.demand);
    loop {
        context.gate.wait_while_paused(|| camera.is_stopping());
        if camera.is_stopping() {
            break;
        }
        let next = context.timer.timed("capture", &camera.meter, 1, || next_picture(&mut *source));
        let mut picture = match next {
            // The camera was stopped during the call, so this picture is not captured.
            Ok(_) if camera.is_stopping() => break,
            Ok(Some(picture)) => picture,
            Ok(None) => {
                camera.meter.lock().report.source_ended();
                break;
            }
            Err(error) => {
                seq = seq.saturating_add(error.lost().0);
                resets_in_a_row = if error.class() == ErrorClass::Reset { resets_in_a_row + 1 } else { 0 };
                if camera.meter.lock().source_failed(error, context.clock.now()).is_break() {
                    break;
                }
                camera.rest(back_off(resets_in_a_row));
                continue;
            }
        };
        resets_in_a_row = 0;
        camera.meter.lock().capture(context.clock.now());
        if codec != source.info().codec {
            codec = source.info().codec;
            camera.coded.set_codec(codec);
        }
        if let (Some(coded), Some(pts)) = (picture.coded.take(), picture.pts) {
            camera.coded.put(Arrival { coded, pts, seq });
        }
        let scene = scenes.watch(&picture.image);
        match camera.enter() {
            Some(in_flight) => {
                let detail = source_detail * camera.detections.detail();
                let number = FrameMeta { pts: picture.pts, detail, scene, ..FrameMeta::new(camera.id, seq) };
                let detects = camera.detects(seq, order) || scenes.has_just_changed();
                let place = Place { order, detects };
                send_frame(context, detect_queue, number, place, picture, in_flight);
                order += 1;
            }
            None => {
                let reason = if camera.is_abandoned() { DropReason::Stopped } else { DropReason::QueueFull };
                camera.meter.lock().lose(reason);
            }
        }
        seq += 1;
    }
    camera.inbox.send(order, CameraEvent::End { seq });
}

/// The place of a frame among those that entered the pipeline, and whether the detector must run on it.
struct Place {
    order: u64,
    detects: bool,
}

/// Makes a frame of the picture, and sends it to the detectors or past them.
fn send_frame(
    context: &Context,
    detect_queue: &DetectQueue,
    number: FrameMeta,
    Place { order, detects }: Place,
    picture: Picture,
    in_flight: InFlightGuard,
) {
    let camera = Arc::clone(in_flight.camera());
    let Picture { image, age, .. } = picture;
    let meta = with_arrival(number, &*context.clock, age);
    let seq = meta.seq;
    if !detects {
        let size = (image.width(), image.height());
        let image = context.fanout.wants_frames().then(|| camera.images.share(image));
        camera.inbox.send(order, CameraEvent::Coasted { meta, size, image, in_flight });
        return;
    }
    let next_detection = camera.detections.schedule().next_after(seq);
    let frame = Frame { meta, image: camera.images.share(image) };
    let queued = QueuedFrame { frame, order, next_detection, in_flight };
    match detect_queue.lanes.send(camera.id.0, queued) {
        SendOutcome::Queued => {}
        SendOutcome::Displaced(frame) if may_skip_detection(context, &frame) => {
            frame.skip_detection(context.fanout.wants_frames());
        }
        SendOutcome::Displaced(frame) | SendOutcome::Refused(frame) | SendOutcome::TimedOut(frame) => {
            frame.lose(DropReason::QueueFull);
        }
        SendOutcome::Closed(frame) => frame.lose(DropReason::Stopped),
    }
}

/// Returns true if a frame that no worker took may go to the tracker alone: if there is a governor, and the time between
/// two detections stays within the greatest cadence that it may choose. Returns false if the last detection failed,
/// because then the tracker has nothing to follow.
fn may_skip_detection(context: &Context, queued: &QueuedFrame) -> bool {
    let Some(limits) = &context.settings.governor else { return false };
    let detections = &queued.in_flight.camera().detections;
    detections.can_skip(queued.frame.meta.seq, queued.next_detection, *limits.cadence.end())
}

/// Returns the detail that the frames of a source call for.
pub(crate) fn detail(source: &SourceInfo) -> f32 {
    if source.is_photograph() { FrameMeta::PHOTO_DETAIL } else { 1.0 }
}

/// Adds the arrival of a picture of this age.
pub(crate) fn with_arrival(meta: FrameMeta, clock: &dyn Clock, age: Duration) -> FrameMeta {
    let wall = clock.wall();
    let captured = Timestamp(clock.now().0.saturating_sub(age));
    FrameMeta { captured, wall: wall.checked_sub(age).unwrap_or(wall), ..meta }
}

/// Returns the source's next picture, or `None` if the source has ended.
///
/// # Errors
/// The source's error. If the source panics, an error of the class `Fatal`.
pub(crate) fn next_picture(source: &mut dyn FrameSource) -> Result<Option<Picture>, SourceError> {
    catch_panic(|| source.next_picture()).unwrap_or_else(|panic| {
        Err(SourceError::malformed(source.info().name.clone(), format!("capture: {panic}")))
    })
}
