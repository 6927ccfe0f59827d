//! A camera's reader: pulls pictures, makes frames of them, and hands them on.

use std::ops::ControlFlow;
use std::sync::Arc;

use passerby_types::{DropReason, Frame, FrameMeta, FrameSource, Picture};

use crate::channel::{Channel, Passage, What};
use crate::common::Common;
use crate::detection::{Shot, Waiting};
use crate::flow::next_picture;
use crate::queue::Pushed;

/// Reads the source to its end, or until the camera is to stop. This is the body of the camera's reader thread.
pub(crate) fn read(
    common: &Common,
    waiting: &Waiting,
    channel: &Arc<Channel>,
    mut source: Box<dyn FrameSource>,
) {
    let mut order = 0;
    for seq in 0.. {
        common.gate.pass(channel);
        if channel.is_stopping() {
            channel.send(order, What::End { seq });
            break;
        }
        let next = common.timed("capture", channel, 1, || next_picture(&mut *source));
        let picture = match next {
            // One that comes when the camera has been told to end was never asked for.
            Ok(Some(_)) if channel.is_stopping() => {
                channel.send(order, What::End { seq });
                break;
            }
            Ok(Some(picture)) => picture,
            Ok(None) => {
                channel.send(order, What::End { seq });
                break;
            }
            Err(e) => {
                if channel.meter.lock().report.lose(e) == ControlFlow::Continue(()) {
                    continue;
                }
                channel.send(order, What::End { seq });
                break;
            }
        };
        channel.meter.lock().captured();
        let Some(passage) = channel.enter() else {
            let over = channel.is_abandoned();
            channel.meter.lock().lost(if over { DropReason::Stopped } else { DropReason::QueueFull });
            continue;
        };
        hand_on(common, waiting, seq, order, picture, passage);
        order += 1;
    }
}

/// Gives the frame its number and times, and sends it to the detectors or past them.
fn hand_on(common: &Common, waiting: &Waiting, seq: u64, order: u64, picture: Picture, passage: Passage) {
    let channel = Arc::clone(passage.channel());
    let Picture { image, pts } = picture;
    let (captured, wall) = (common.clock.now(), common.clock.wall());
    let meta = FrameMeta { camera: channel.id, seq, captured, pts, wall };
    if !channel.detects(seq) {
        let size = (image.width(), image.height());
        channel.send(order, What::Coasted { meta, size, passage });
        return;
    }
    let shot = Shot { frame: Frame { meta, image: channel.shelf.share(image) }, order, passage };
    match waiting.lanes.push(channel.id.0, shot) {
        Pushed::Queued => {}
        Pushed::Displaced(shot) | Pushed::Refused(shot) | Pushed::TimedOut(shot) => {
            shot.lost(DropReason::QueueFull);
        }
        Pushed::Closed(shot) => shot.lost(DropReason::Stopped),
    }
}
