//! Files cut off at every byte, and files with every byte of their index changed: they never panic or hang, the error names
//! the file, and every remaining picture comes out.

use std::io::Cursor;
use std::time::Duration;

use crate::common::{Outcome, bytes, read};
use image::{DynamicImage, ImageFormat, RgbImage};

/// Reads a cut-off file and checks the rules that hold for all of them.
fn cut(name: &str, data: &[u8]) -> Outcome {
    // Thousands of folders would take longer than the reading.
    thread_local!(static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder for the test"));
    let path = FOLDER.with(|folder| folder.path().join(name));
    std::fs::write(&path, data).expect("the file is written");
    let (got, time) = read(&path);
    let len = data.len();
    assert!(time < Duration::from_secs(10), "{name} cut to {len} bytes took {time:?}");
    for e in got.fatal.iter().map(ToString::to_string).chain(got.damaged.iter().cloned()) {
        assert!(e.contains(name), "{name} cut to {len} bytes: `{e}` does not name it");
    }
    let silent = got.frames.is_empty() && got.fatal.is_none() && got.damaged.is_empty();
    assert!(!silent, "{name} cut to {len} bytes is silently empty");
    got
}

/// Returns true if a file cut to `len` bytes ends at the end of a box, so that the cut cannot be noticed.
fn is_box_end(whole: &[u8], len: usize) -> bool {
    let mut at = 0;
    while at < len {
        at += u32::from_be_bytes(whole[at..at + 4].try_into().expect("4 bytes")) as usize;
    }
    at == len
}

#[test]
fn a_cut_off_clip_gives_the_remaining_frames() {
    // The second clip ends with an index of its own behind the last frame.
    for (name, last) in [("tiny.mp4", 9), ("tiny_fragmented.mp4", 10)] {
        let whole = bytes(name);
        let want = cut(name, &whole).frames;
        assert_eq!(want.len(), 10);
        let mut most = 0;
        for len in 0..whole.len() {
            let got = cut(name, &whole[..len]);
            assert!(
                got.frames.len() >= most,
                "{name} cut to {len} bytes gives fewer frames than a shorter one"
            );
            most = got.frames.len();
            assert!(most <= 10 && got.damaged.is_empty(), "{name} cut to {len} bytes: {got:?}");
            assert!(
                got.fatal.is_some() || is_box_end(&whole, len),
                "{name} cut to {len} bytes must report the cut"
            );
            // Times aren't compared, since they count from the earliest known frame.
            let strange = got.frames.iter().find(|(_, sum)| !want.iter().any(|(_, w)| w == sum));
            assert!(strange.is_none(), "{name} cut to {len} bytes shows a picture that isn't in the clip");
        }
        assert_eq!(most, last, "{name}");
    }
}

#[test]
fn a_cut_off_byte_stream_gives_the_frames_before_the_cut() {
    let whole = bytes("tiny.264");
    let want = cut("tiny.264", &whole).frames;
    let mut most = 0;
    for len in 0..whole.len() {
        let got = cut("tiny.264", &whole[..len]);
        let units = got.frames.len() + got.damaged.len();
        assert!((most..=10).contains(&units), "cut to {len} bytes: {units} units after {most}");
        most = units;
        // A cut inside the last slice cannot be noticed, so its picture may show traces of it.
        let strange = got.frames.iter().filter(|(_, sum)| !want.iter().any(|(_, w)| w == sum)).count();
        assert!(strange + got.damaged.len() <= 1, "cut to {len} bytes: {strange} strange, {:?}", got.damaged);
    }
    assert_eq!((want.len(), most), (10, 10));
}

#[test]
fn a_cut_off_picture_never_comes_out_unsaid() {
    let mut files = vec![("tiny.jpg", bytes("tiny.jpg")), ("tiny.gif", bytes("tiny.gif"))];
    let picture =
        RgbImage::from_fn(12, 9, |x, y| image::Rgb([(x * 20) as u8, (y * 25) as u8, (x * y) as u8]));
    for (name, format) in [
        ("tiny.png", ImageFormat::Png),
        ("tiny.bmp", ImageFormat::Bmp),
        ("tiny.tiff", ImageFormat::Tiff),
        ("tiny.webp", ImageFormat::WebP),
    ] {
        let mut encoded = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(picture.clone()).write_to(&mut encoded, format).expect("it is encoded");
        files.push((name, encoded.into_inner()));
    }
    // The same picture with a preview, which has an end marker of its own.
    let jpeg = &files[0].1;
    let preview = [&[0xff, 0xe1], &(jpeg.len() as u16 + 2).to_be_bytes()[..], jpeg].concat();
    files.push(("preview.jpg", [&jpeg[..2], &preview, &jpeg[2..]].concat()));
    for (name, whole) in files {
        let want = cut(name, &whole).frames;
        assert!(!want.is_empty(), "{name}");
        let mut most = 0;
        for len in 0..whole.len() {
            let got = cut(name, &whole[..len]);
            // The upper part of a JPEG picture comes out, after a notice.
            if got.damaged.iter().any(|said| said.contains("cut off")) {
                assert!(name.ends_with(".jpg") && got.frames.len() == 1 && got.fatal.is_none(), "{name}");
                continue;
            }
            assert_eq!(got.frames[..], want[..got.frames.len()], "{name} cut to {len} bytes");
            assert!(
                got.frames.len() >= most,
                "{name} cut to {len} bytes gives fewer pictures than a shorter one"
            );
            most = got.frames.len();
            assert!(
                most == want.len() || got.fatal.is_some(),
                "{name} cut to {len} bytes must report the cut"
            );
        }
    }
}

#[test]
fn every_byte_of_an_index_may_be_wrong() {
    for name in ["tiny.mp4", "tiny_fragmented.mp4"] {
        let whole = bytes(name);
        let data = whole.windows(4).rposition(|w| w == b"mdat").expect("the clip has such a box");
        let index = if name == "tiny.mp4" { 0..data } else { 0..whole.len() };
        let is_index = |at: &usize| name == "tiny.mp4" || !is_coded_data(&whole, *at);
        let mut whole_still = 0;
        for at in index.filter(is_index) {
            let mut broken = whole.clone();
            // A different bit of each byte.
            broken[at] ^= 1 << (at % 8);
            let got = cut(name, &broken);
            let units = got.frames.len() + got.damaged.len();
            assert!(units <= 10, "{name} with byte {at} changed has {units} frames");
            whole_still += u32::from(got.frames.len() == 10 && got.damaged.is_empty());
        }
        assert!(whole_still > 300, "{name}: many bytes of an index don't matter: {whole_still}");
    }
}

/// Returns true if a byte of a fragmented file is in the coded data.
fn is_coded_data(whole: &[u8], byte: usize) -> bool {
    let mut at = 0;
    while let Some(head) = whole.get(at..at + 8) {
        let end = at + u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if (at..end).contains(&byte) {
            return &head[4..] == b"mdat" && byte >= at + 8;
        }
        at = end;
    }
    false
}
