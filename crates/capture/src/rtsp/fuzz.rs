//! Coded frames as they arrive, without a session around them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use passerby_types::{Clock, FramePool, Timestamp};

use super::intake::{Intake, Received, look};
use crate::h264::{AccessUnit, RustyDecoder, VideoDecoder};
use crate::inbox::{Inbox, Room, Taken};

/// An access unit as the depacketizer gives it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Its time by the camera's clock.
    pub nanos: i64,
    /// Packets were lost before it or in it.
    pub loss: bool,
    /// Nothing needs it.
    pub disposable: bool,
    /// The unit as Annex B.
    pub data: &'a [u8],
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Units that came before the stream began.
    pub before: u64,
    /// Units that the decoder was given.
    pub given: u64,
    /// Units that were counted as lost.
    pub lost: u64,
    /// Pictures that came of them.
    pub pictures: u64,
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// Takes them in and decodes what is to be decoded, up to so many pixels a picture.
pub fn rtsp<'a>(arrivals: impl Iterator<Item = Arrival<'a>>, damage: bool, pixels: u64) -> Outcome {
    let clock: Arc<dyn Clock> = Arc::new(Still);
    let room = Room { frames: 1, bytes: usize::MAX, age: Duration::MAX };
    let inbox = Inbox::new(room, Arc::clone(&clock));
    let mut intake = Intake::new(Arc::clone(&inbox), clock, damage, 1 << 20, None);
    let mut decoder = RustyDecoder::new(FramePool::default(), pixels).low_delay();
    let (mut outcome, mut out) = (Outcome::default(), Vec::new());
    for arrival in arrivals {
        let (kind, whole) = look(arrival.data, arrival.disposable);
        let Arrival { nanos, loss, .. } = arrival;
        let before = (outcome.given, outcome.lost);
        let _ = intake.frame(Received { nanos, loss, kind, whole }, arrival.data.to_vec());
        loop {
            match inbox.take(Duration::ZERO) {
                Taken::Frame(frame) => {
                    outcome.given += 1;
                    let unit = AccessUnit { data: &frame.item.data, pts: Some(frame.item.pts) };
                    // What is wrong with one does not matter: the decoder has to take the next.
                    let _ = decoder.decode(unit, &mut out);
                }
                Taken::Lost(frames, ..) => outcome.lost += frames,
                Taken::Nothing | Taken::Over(_) => break,
            }
        }
        outcome.before += u64::from(before == (outcome.given, outcome.lost));
        outcome.pictures += out.drain(..).count() as u64;
    }
    decoder.flush(&mut out);
    outcome.pictures += out.len() as u64;
    outcome
}
