//! What the cameras see.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use passerby::capture::{self, Pace};
use passerby::types::{BoxError, CameraId, SystemClock};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
/// The clip's pictures, how many there are of them a second, and how many cameras play it.
const PICTURES: u64 = 240;
const RATE: f64 = 24.0;
const CAMERAS: u32 = 4;

/// Each input as a live camera at its own pace; without any, the bundled clip from four places in it, once round.
pub(crate) fn open(inputs: &[String]) -> Result<Vec<(CameraId, Pace)>, BoxError> {
    let clock = Arc::new(SystemClock::new());
    if inputs.is_empty() {
        let camera = |n: u32| {
            let clip = Pace::looped(|| capture::open(Path::new(CLIP)), Some(RATE), clock.clone())?
                .offset(PICTURES / u64::from(CAMERAS) * u64::from(n))
                .limit(Duration::from_secs_f64(PICTURES as f64 / RATE));
            Ok((CameraId(n + 1), clip))
        };
        return (0..CAMERAS).map(camera).collect();
    }
    let camera = |(n, input): (u32, &String)| {
        Ok((CameraId(n), Pace::new(capture::open(Path::new(input))?, None, clock.clone())))
    };
    (1..).zip(inputs).map(camera).collect()
}
