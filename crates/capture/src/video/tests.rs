//! The delay of the decoder, measured with the units of video files.

use std::fs::File;
use std::io::BufReader;

use passerby_types::FramePool;

use super::access_units::{AccessUnits, NextUnit};
use super::random_access::RandomAccessFile;
use crate::h264::{AccessUnit, RustyDecoder, VideoDecoder, nal};
use crate::limits::DecodeLimits;

/// Returns the first access units of a clip.
///
/// With `silent_from`, the bits of the parameter sets end there, so that they no longer declare the reordering.
fn units(path: &str, count: usize, silent_from: Option<usize>) -> Vec<Vec<u8>> {
    let file = File::open(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let len = file.metadata().unwrap().len();
    let file = RandomAccessFile::new(BufReader::new(file), len);
    let mut units = AccessUnits::mp4(file, &DecodeLimits::default(), path).unwrap();
    let mut out = Vec::new();
    let mut unit = Vec::new();
    while let Ok(NextUnit::Unit { .. }) = units.next(&mut unit)
        && out.len() < count
    {
        let mut edited = Vec::new();
        for part in nal::split(&unit) {
            let mut part = part.to_vec();
            if let (nal::SPS, Some(flag)) = (nal::kind(&part), silent_from) {
                // The flag becomes 0, and the bit after it ends the set.
                part.truncate(flag / 8 + 1);
                part[flag / 8] &= !(0xff >> (flag % 8));
                part[flag / 8] |= 0x40 >> (flag % 8);
            }
            nal::push(&mut edited, &part);
        }
        out.push(edited);
    }
    out
}

/// Returns the largest number of pictures that the decoder held after a unit, and a row of each picture.
fn delay(mut decoder: RustyDecoder, units: &[Vec<u8>]) -> (usize, Vec<Vec<u8>>) {
    let mut out = Vec::new();
    let mut most_held = 0;
    for (i, data) in units.iter().enumerate() {
        decoder.decode(AccessUnit { data, pts: None }, &mut out).unwrap();
        most_held = most_held.max(i + 1 - out.len());
    }
    decoder.flush(&mut out);
    (most_held, out.iter().map(|picture| picture.image.plane(0).row(9).to_vec()).collect())
}

fn decoder() -> RustyDecoder {
    RustyDecoder::new(FramePool::default(), 1 << 30)
}

#[test]
fn low_delay_removes_the_delay_of_a_stream_without_reordering() {
    let silent = units("../../assets/passersby.mp4", 10, Some(118));
    let (standard, pictures) = delay(decoder(), &silent);
    assert_eq!((standard, pictures.len()), (5, 10));
    assert_eq!(delay(decoder().low_delay(), &silent), (0, pictures));
}

#[test]
fn low_delay_keeps_the_order_of_a_stream_with_b_frames() {
    let tiny = units("tests/data/tiny.mp4", 10, None);
    let (standard, pictures) = delay(decoder(), &tiny);
    let (early, same) = delay(decoder().low_delay(), &tiny);
    assert!(early <= standard && same == pictures, "{early} for {standard}");
}
