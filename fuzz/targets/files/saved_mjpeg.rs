//! Saved streams of JPEG pictures: one after another, with the parts of an HTTP camera, or with its whole answer. The first byte
//! chooses the beginning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::{DecodeLimits, Images, ImagesSettings, SourceContext};
use passerby_fuzz::{drain, file, watch};

const BEGINNINGS: [&[u8]; 4] = [
    b"\xff\xd8\xff",
    b"--frame\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8",
    b"--frame\r\nContent-Length: ",
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=",
];
/// More than the pictures that an input of the fuzzer's length can hold.
const MOST: usize = 10_000;

fuzz_target!(init: watch(), |data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let path = file(&[BEGINNINGS[usize::from(*kind) % BEGINNINGS.len()], rest].concat());
    let limits = DecodeLimits { picture_pixels: 1 << 16, video_pixels: 1 << 16, ..DecodeLimits::default() };
    let context = SourceContext { limits, ..SourceContext::default() };
    drain(Images::open_with(path, ImagesSettings { context }), path, MOST);
});
