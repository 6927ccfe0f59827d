//! Picture files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::{Images, ImagesSettings, Limits};
use passerby_fuzz::{drain, file, watch};

fuzz_target!(init: watch(), |data: &[u8]| {
    let limits = Limits { picture_pixels: 1 << 16, ..Limits::default() };
    let path = file(data);
    drain(Images::open_with(path, ImagesSettings { limits, ..ImagesSettings::default() }), path, 256);
});
