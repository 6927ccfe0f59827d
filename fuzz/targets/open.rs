//! Anything that can be opened, with the limits that programs have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_fuzz::{drain, file, watch};

fuzz_target!(init: watch(), |data: &[u8]| {
    let path = file(data);
    // Few pictures: they may be large ones.
    drain(passerby_capture::open(path), path, 8);
});
