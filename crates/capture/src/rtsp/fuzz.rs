//! Feeds coded frames to the intake and the decoder, without a session.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use passerby_types::{Clock, FramePool, Timestamp};

use super::intake::{Intake, ReceivedFrame, inspect};
use super::key_frame_watch::KeyFrameWatch;
use crate::h264::{AccessUnit, RustyDecoder, VideoDecoder};
use crate::live::inbox::{FrameInbox, FrameOrLoss, InboxLimits};

/// An access unit as the depacketizer returns it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Its time in nanoseconds by the camera's clock.
    pub nanos: i64,
    /// True if packets were lost before it or in it.
    pub loss: bool,
    /// True if no other unit needs it.
    pub disposable: bool,
    /// The unit as Annex B.
    pub data: &'a [u8],
}

/// The number of units by their fate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// The units that came before the stream began.
    pub before: u64,
    /// The units that the decoder received.
    pub given: u64,
    /// The units that were counted as lost.
    pub lost: u64,
    /// The pictures that the decoder returned.
    pub pictures: u64,
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// Passes the units through the intake and decodes them. A picture may have at most `pixels` pixels.
pub fn rtsp<'a>(arrivals: impl Iterator<Item = Arrival<'a>>, allow_damaged: bool, pixels: u64) -> Outcome {
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
    let limits = InboxLimits { frames: 1, bytes: usize::MAX, max_age: Duration::MAX };
    let inbox = FrameInbox::new(limits, Arc::clone(&clock));
    let watch = Arc::new(KeyFrameWatch::new(Arc::clone(&clock)));
    let mut intake = Intake::new(Arc::clone(&inbox), watch, clock, allow_damaged, 1 << 20, None);
    let mut decoder = RustyDecoder::new(FramePool::default(), pixels).low_delay();
    let mut outcome = Outcome::default();
    let mut out = Vec::new();
    for Arrival { nanos, loss, disposable, data } in arrivals {
        let (kind, complete_start) = inspect(data, disposable);
        let before = (outcome.given, outcome.lost);
        let _ = intake.push(ReceivedFrame { nanos, loss, kind, complete_start }, data.to_vec());
        while let Ok(item) = inbox.recv_timeout(Duration::ZERO) {
            match item {
                FrameOrLoss::Frame(frame) => {
                    outcome.given += 1;
                    let unit = AccessUnit { data: &frame.item.data, pts: Some(frame.item.pts) };
                    // A unit may be damaged. The decoder must then accept the next one.
                    let _ = decoder.decode(unit, &mut out);
                }
                FrameOrLoss::Loss(loss) => outcome.lost += loss.frames,
            }
        }
        outcome.before += u64::from(before == (outcome.given, outcome.lost));
        outcome.pictures += out.drain(..).count() as u64;
    }
    decoder.flush(&mut out);
    outcome.pictures += out.len() as u64;
    outcome
}
