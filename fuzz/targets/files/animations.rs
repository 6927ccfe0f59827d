//! Files of several pictures: animated WebP and PNG, and the pages of TIFF. The first byte chooses the kind, and the marks and
//! checksums of the kind are made right, so that the rest reaches its reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use passerby_capture::{DecodeLimits, Images, ImagesSettings, SourceContext};
use passerby_fuzz::{drain, file, watch};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The most pictures that are read. The fuzzer's longest input can declare more.
const MOST: usize = 256;

fuzz_target!(init: watch(), |data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let bytes = match kind % 3 {
        0 => webp(rest),
        1 => png(rest),
        _ => [&b"II*\0"[..], rest].concat(),
    };
    let limits = DecodeLimits { picture_pixels: 1 << 16, video_pixels: 1 << 16, ..DecodeLimits::default() };
    let path = file(&bytes);
    let context = SourceContext { limits, ..SourceContext::default() };
    drain(Images::open_with(path, ImagesSettings { context }), path, MOST);
});

fn webp(chunks: &[u8]) -> Vec<u8> {
    let size = u32::try_from(chunks.len() + 4).unwrap_or(u32::MAX);
    [b"RIFF", &size.to_le_bytes()[..], b"WEBP", chunks].concat()
}

/// Returns a PNG file whose chunks have their right checksums, as far as their lengths fit.
fn png(chunks: &[u8]) -> Vec<u8> {
    let mut out = PNG.to_vec();
    let mut rest = chunks;
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        let len = u32::from_be_bytes(*len) as usize;
        let Some((body, next)) = behind.split_at_checked(len.saturating_add(4)) else { break };
        out.extend(u32::try_from(len).unwrap_or_default().to_be_bytes());
        out.extend(body);
        out.extend(crc32fast::hash(body).to_be_bytes());
        // The file's own checksum.
        rest = next.get(4..).unwrap_or_default();
    }
    out.extend(rest);
    out
}
