//! Picture files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::{DecodeLimits, Images, ImagesSettings, SourceContext};
use passerby_fuzz::{drain, file, watch};

fuzz_target!(init: watch(), |data: &[u8]| {
    let limits = DecodeLimits { picture_pixels: 1 << 16, ..DecodeLimits::default() };
    let path = file(data);
    let context = SourceContext { limits, ..SourceContext::default() };
    drain(Images::open_with(path, ImagesSettings { context }), path, 256);
});
