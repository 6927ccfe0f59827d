//! Picture files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::{DecodeLimits, Images, ImagesSettings};
use passerby_fuzz::{drain, file, watch};

fuzz_target!(init: watch(), |data: &[u8]| {
    let limits = DecodeLimits { picture_pixels: 1 << 16, ..DecodeLimits::default() };
    let path = file(data);
    drain(Images::open_with(path, ImagesSettings { limits, ..ImagesSettings::default() }), path, 256);
});
