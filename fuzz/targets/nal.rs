//! The H.264 decoder behind its trait, with parameter sets that change, losses and jumps anywhere.
//!
//! The input is an Annex B byte stream. A NAL unit of the unused type 30 stands for a jump, one of type 31 for the end.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use passerby_capture::{AccessUnit, RustyDecoder, VideoDecoder};
use passerby_fuzz::{starts, units, watch};
use passerby_types::{FramePool, Picture};

const PIXELS: u64 = 1 << 16;

fuzz_target!(init: watch(), |data: &[u8]| {
    run(&mut RustyDecoder::new(FramePool::default(), PIXELS), data);
    #[cfg(feature = "openh264")]
    if let Ok(mut other) = passerby_capture::OpenH264Decoder::new(FramePool::default(), PIXELS) {
        run(&mut other, data);
    }
});

fn run(decoder: &mut dyn VideoDecoder, data: &[u8]) {
    let mut out = Vec::new();
    let mut given = 0;
    let mut pictures = 0;
    for unit in units(data).into_iter().map(|range| &data[range]) {
        for at in starts(unit) {
            match unit[at + 3] & 0x1f {
                30 => decoder.reset(),
                31 => decoder.flush(&mut out),
                _ => {}
            }
        }
        given += 1;
        // An error of a unit does not matter: the decoder must accept the next one.
        let _ = decoder.decode(AccessUnit { data: unit, pts: Some(Duration::from_millis(given)) }, &mut out);
        pictures += count(&mut out);
    }
    decoder.flush(&mut out);
    pictures += count(&mut out);
    assert!(pictures <= given, "{pictures} pictures of {given} units");
}

/// Takes the decoder's pictures and checks their limit.
fn count(out: &mut Vec<Picture>) -> u64 {
    let pixels = |p: &Picture| u64::from(p.image.width()) * u64::from(p.image.height());
    out.drain(..).inspect(|p| assert!((1..=PIXELS).contains(&pixels(p)))).count() as u64
}
