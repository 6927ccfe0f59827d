//! A JPEG picture of a camera.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::fuzzing::jpeg;
use passerby_fuzz::watch;

const PIXELS: u64 = 1 << 16;

fuzz_target!(init: watch(), |data: &[u8]| {
    if let Some((width, height)) = jpeg(data, PIXELS) {
        assert!((1..=PIXELS).contains(&(u64::from(width) * u64::from(height))), "{width}x{height}");
    }
});
