//! Files with false sizes don't take memory for them.

#![cfg(target_os = "linux")]

mod common;

use common::{bytes, drain, file};
use passerby_capture::open;

/// Returns the largest address space that this process ever had, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// Returns `data` with a number written behind the name of a box.
fn with(data: &[u8], kind: &[u8; 4], offset: usize, value: u32) -> Vec<u8> {
    let mut out = data.to_vec();
    let at = out.windows(4).position(|w| w == kind).expect("the clip has such a box") + 4 + offset;
    out[at..at + 4].copy_from_slice(&value.to_be_bytes());
    out
}

#[test]
fn memory_follows_the_size_of_the_file() {
    let Some(before) = peak() else {
        eprintln!("SKIPPED memory_follows_the_size_of_the_file: no /proc");
        return;
    };
    let clip = bytes("tiny.mp4");
    let fragments = bytes("tiny_fragmented.mp4");
    let jpeg = bytes("tiny.jpg");
    let gif = bytes("tiny.gif");
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).expect("a frame header");
    let cases = [
        ("count", with(&clip, b"stsz", 8, u32::MAX)),
        ("uniform", with(&with(&clip, b"stsz", 4, 1), b"stsz", 8, u32::MAX)),
        // The largest allowed number of samples, all of them in one chunk.
        ("most", with(&with(&with(&clip, b"stsz", 4, 1), b"stsz", 8, 8 << 20), b"stsc", 12, u32::MAX)),
        ("runs", with(&fragments, b"trun", 4, u32::MAX)),
        ("box", with(&clip, b"moov", 0, u32::MAX)),
        ("jpeg", [&jpeg[..frame + 5], &[0xff, 0xdc, 0xff, 0xdc], &jpeg[frame + 9..]].concat()),
        ("gif", [&gif[..6], &[0xff; 4], &gif[10..]].concat()),
        // A Main profile, level 6.2 stream of 16384x16384, then its picture set and a picture.
        ("sps", [&SPS[..], &[0, 0, 1, 0x68, 0xce, 0x38, 0x80, 0, 0, 1, 0x65, 0x88, 0x84, 0, 0x10]].concat()),
    ];
    for (name, bytes) in cases {
        let (_folder, path) = file(name, &bytes);
        let frames = open(&path).map_or(0, |mut source| drain(&mut *source).frames.len());
        let grown = peak().unwrap_or(0) - before;
        assert!(grown < 300 << 20, "{name}: {} MiB for {frames} frames", grown >> 20);
    }
}

/// A parameter set: profile 77, level 62, id 0, frame numbers of 4 bits, picture order type 2, 1 reference, 1024x1024
/// macroblocks.
const SPS: [u8; 15] = [0, 0, 0, 1, 103, 77, 0, 62, 218, 0, 16, 0, 0, 128, 25];
