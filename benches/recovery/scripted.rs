//! A camera that fails in a scripted way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use passerby::types::{BoxError, ErrorClass, Image, PixelLayout, SystemClock};
use passerby_testkit::{FaultySource, SourceFault};

use crate::row::{Row, Rows};
use crate::watch::{Camera, Event, TimedEvent, Timing, is_good, repeat};

/// The call that fails. By then the connection has lasted long enough to count as good.
const CALL: u64 = 60;

pub(crate) fn rows(times: usize) -> Rows {
    let hour = Duration::from_secs(3600);
    let faults = [
        ("hangs for ever", SourceFault::Block),
        ("breaks", SourceFault::Error(ErrorClass::Reset)),
        ("ends", SourceFault::End),
        ("fails for good", SourceFault::Error(ErrorClass::Fatal)),
        ("panics", SourceFault::Panic),
        ("frozen for ever", SourceFault::Freeze(u64::MAX / 2)),
        ("frozen for 2 s", SourceFault::Freeze(50)),
        ("a damaged picture", SourceFault::Error(ErrorClass::Skip)),
        ("a picture of noise", SourceFault::Garbage),
        ("size and layout change", SourceFault::Shape(PixelLayout::Nv12, 641, 359)),
        ("a size that cannot be, for ever", SourceFault::Shape(PixelLayout::Rgb8, 0, 7)),
        ("clock jumps ahead an hour", SourceFault::Ahead(hour)),
        ("clock jumps back", SourceFault::Behind(hour)),
    ];
    let row = |(fault, told): (_, SourceFault)| -> Result<Row, BoxError> {
        let timings = repeat(times, || once(told))?;
        Ok(Row { source: "FaultySource", fault, timings })
    };
    faults.into_iter().map(row).collect()
}

/// Measures a fault of the first connection; later connections are sound.
fn once(fault: SourceFault) -> Result<Timing, BoxError> {
    let first = AtomicBool::new(true);
    let camera = Camera::new(noise, move || {
        let faults = first.swap(false, Ordering::AcqRel).then_some((CALL, fault));
        Ok(Box::new(FaultySource::new(u64::MAX, faults).live(Arc::new(SystemClock::new()))))
    })?;
    camera.wait(timing)
}

/// Returns the measurement once the fault is over.
fn timing(seen: &[TimedEvent]) -> Option<Timing> {
    let (before, after) = seen.split_at_checked(CALL as usize)?;
    let due = before.last()?.0 + FaultySource::PERIOD;
    let good = after.iter().position(|(_, event)| is_good(*event))?;
    let ended = after[..good].last().map_or(due, |bad| bad.0);
    let noticed = after[..good].iter().find(|(_, event)| *event == Event::Interrupted);
    Some(Timing {
        noticed: noticed.map(|(at, _)| at.saturating_duration_since(due)),
        back: after[good].0.saturating_duration_since(ended),
    })
}

/// Returns true for garbage: the camera's good pictures have one grey.
fn noise(image: &Image) -> bool {
    let row = image.plane(0).row(0);
    row.iter().any(|byte| Some(byte) != row.first())
}
