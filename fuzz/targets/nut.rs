//! The stream of pictures that an ffmpeg program writes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::fuzzing::nut;
use passerby_fuzz::watch;

fuzz_target!(init: watch(), |data: &[u8]| {
    // Bytes that are no such stream are an error, which is all that can be asked.
    let _ = nut(data, 1 << 16);
});
