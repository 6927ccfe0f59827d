//! The stream of pictures that an ffmpeg program writes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::fuzzing::nut;
use passerby_fuzz::watch;

fuzz_target!(init: watch(), |data: &[u8]| {
    // Other bytes must be an error and nothing worse.
    let _ = nut(data, 1 << 16);
});
