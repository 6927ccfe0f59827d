//! Video files: MP4, MOV and bare H.264.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::{DecodeLimits, SourceContext, Video, VideoSettings};
use passerby_fuzz::{drain, file, watch};

fuzz_target!(init: watch(), |data: &[u8]| {
    let limits = DecodeLimits { video_pixels: 1 << 16, samples: 1 << 10, bytes: 1 << 20, ..DecodeLimits::default() };
    let context = SourceContext { limits, ..SourceContext::default() };
    let settings = VideoSettings { context, ..VideoSettings::default() };
    let path = file(data);
    // A file must not give more than its samples, and one error for each.
    drain(Video::open_with(path, settings), path, 1 << 10);
});
