//! The edit list of an MP4 file with ten pictures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::{Video, VideoSettings};
use passerby_fuzz::{drain, file, watch};
use passerby_types::FrameSource;

const CLIP: &[u8] = include_bytes!("../../../crates/capture/tests/data/tiny.mp4");
const PICTURES: usize = 10;

fuzz_target!(init: watch(), |data: &[u8]| {
    let path = file(&with_edit_list(&data[..data.len().min(4096)]));
    if let Ok(mut video) = Video::open_with(path, VideoSettings::default()) {
        let mut shown = 0;
        while let Ok(Some(_)) = video.next_picture() {
            shown += 1;
        }
        assert!(shown <= PICTURES, "{shown} pictures");
    }
    drain(Video::open_with(path, VideoSettings::default()), path, PICTURES + 1);
});

/// Returns the clip with this body of its box `elst`.
fn with_edit_list(body: &[u8]) -> Vec<u8> {
    let mut out = CLIP.to_vec();
    let at = |out: &[u8], kind: &[u8]| {
        out.windows(4).position(|name| name == kind).expect("the clip has this box") - 4
    };
    let size = |out: &[u8], at: usize| u32::from_be_bytes(out[at..at + 4].try_into().expect("four bytes"));
    let list = at(&out, b"elst");
    let old = size(&out, list);
    let added = body.len() as u32 + 8;
    for kind in [b"moov", b"trak", b"edts", b"elst"] {
        let at = at(&out, kind);
        let grown = size(&out, at) + added - old;
        out[at..at + 4].copy_from_slice(&grown.to_be_bytes());
    }
    // The places of the pictures, behind the list: version, number of entries, entries.
    let places = at(&out, b"stco");
    for entry in 0..size(&out, places + 12) as usize {
        let at = places + 16 + 4 * entry;
        let moved = size(&out, at) + added - old;
        out[at..at + 4].copy_from_slice(&moved.to_be_bytes());
    }
    out.splice(list + 8..list + old as usize, body.iter().copied());
    out
}
