//! Any file that can be opened, with the limits that programs use.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_fuzz::{drain, file, watch};

fuzz_target!(init: watch(), |data: &[u8]| {
    let path = file(data);
    // Only a few pictures, because they may be large.
    drain(passerby_capture::open(path), path, 8);
});
