//! The H.264 decoder behind its trait, with parameter sets that change, losses and jumps anywhere.
//!
//! The input is an Annex B byte stream. A NAL unit of the unused type 30 stands for a jump, one of type 31 for the end.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use passerby_capture::{AccessUnit, RustyDecoder, VideoDecoder};
use passerby_fuzz::watch;
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
    let (mut begin, mut slice, mut given) = (0, false, 0);
    let mut unit = |decoder: &mut dyn VideoDecoder, range: std::ops::Range<usize>, out: &mut Vec<_>| {
        given += 1;
        let pts = Some(Duration::from_millis(given));
        // What is wrong with a unit does not matter: the decoder has to take the next one.
        let _ = decoder.decode(AccessUnit { data: &data[range], pts }, out);
    };
    let mut pictures = 0;
    for at in starts(data) {
        let kind = data[at + 3] & 0x1f;
        let is_slice = matches!(kind, 1 | 5);
        // A unit ends behind its last slice; the first bit of a picture's first one is set.
        if slice && (!is_slice || data.get(at + 4).is_none_or(|b| b & 0x80 != 0)) {
            unit(decoder, begin..at, &mut out);
            (begin, slice) = (at, false);
        }
        slice |= is_slice;
        match kind {
            30 => decoder.reset(),
            31 => decoder.flush(&mut out),
            _ => {}
        }
        pictures += count(&mut out);
    }
    unit(decoder, begin..data.len(), &mut out);
    decoder.flush(&mut out);
    pictures += count(&mut out);
    assert!(pictures <= given, "{pictures} pictures of {given} units");
}

/// Takes the pictures away and holds them to the limit.
fn count(out: &mut Vec<Picture>) -> u64 {
    let pixels = |p: &Picture| u64::from(p.image.width()) * u64::from(p.image.height());
    out.drain(..).inspect(|p| assert!((1..=PIXELS).contains(&pixels(p)))).count() as u64
}

/// Where start codes with a NAL unit behind them begin.
fn starts(data: &[u8]) -> impl Iterator<Item = usize> {
    data.windows(4).enumerate().filter(|(_, w)| w.starts_with(&[0, 0, 1])).map(|(at, _)| at)
}
