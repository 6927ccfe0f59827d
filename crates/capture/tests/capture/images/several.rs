//! Files that hold several pictures, and pictures that are incomplete or too large.

use std::io::Cursor;
use std::path::PathBuf;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, Rgb, RgbImage};
use passerby_capture::{DecodeLimits, Images, ImagesSettings, SourceContext, open};
use passerby_types::{ErrorClass, FrameSource, SourceError};
use tempfile::TempDir;

use crate::common::{bytes, checksum, drain, file};

/// Returns the grey value and the time in milliseconds of each picture of a file.
fn read(name: &str, bytes: &[u8]) -> Vec<(u8, Option<u128>)> {
    let (_folder, path) = file(name, bytes);
    let mut source = open(path).expect("it opens");
    let mut out = Vec::new();
    while let Some(picture) = source.next_picture().expect("a good file") {
        out.push((picture.image.plane(0).row(0)[0], picture.pts.map(|pts| pts.as_millis())));
    }
    out
}

/// Writes files into a folder.
fn folder(files: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a file");
    }
    let path = folder.path().to_owned();
    (folder, path)
}

#[test]
fn a_raw_jpeg_stream_gives_all_its_pictures() {
    let jpeg = bytes("tiny.jpg");
    let one = read("one.jpg", &jpeg);
    assert_eq!((one.len(), one[0].1), (1, None));
    let many = read("raw.mjpeg", &jpeg.repeat(5));
    assert_eq!(many, [0, 40, 80, 120, 160].map(|ms| (one[0].0, Some(ms))));
    // Other bytes in between: the second one is a preview behind a photograph.
    assert_eq!(read("photo.jpg", &[&jpeg[..], b"trailing bytes", &jpeg].concat()).len(), 1);
}

#[test]
fn a_saved_stream_of_a_camera_is_read() {
    let jpeg = bytes("tiny.jpg");
    let part = [b"--frame\r\nContent-Type: image/jpeg\r\n\r\n".as_slice(), &jpeg, b"\r\n"].concat();
    assert_eq!(read("saved.mjpg", &part.repeat(3)).len(), 3);
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
    assert_eq!(read("saved", &[answer.as_slice(), &part.repeat(2)].concat()).len(), 2);
}

#[test]
fn a_stream_that_is_cut_off_gives_the_pictures_before() {
    let jpeg = bytes("tiny.jpg");
    let (_folder, path) = file("raw.mjpeg", &[&jpeg.repeat(2)[..], &jpeg[..jpeg.len() / 2]].concat());
    let seen = drain(&mut Images::open(path).expect("it opens"));
    assert_eq!(seen.frames.len(), 2);
    assert!(matches!(seen.fatal, Some(SourceError::Truncated { frames: 2, .. })), "{:?}", seen.fatal);
}

#[test]
fn an_animated_png_gives_all_its_frames() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(3, 0).expect("an animation");
    encoder.set_frame_delay(1, 20).expect("a delay");
    let mut writer = encoder.write_header().expect("a header");
    for grey in [10, 20, 30] {
        writer.write_image_data(&[grey; 16]).expect("a frame");
    }
    writer.finish().expect("an end");
    assert_eq!(read("moving.png", &bytes), [(10, Some(0)), (20, Some(50)), (30, Some(100))]);
    // The first 40 bytes of its last frame are missing.
    let (_folder, path) = file("cut.png", &bytes[..bytes.len() - 40]);
    let seen = drain(&mut Images::open(path).expect("it opens"));
    assert!(seen.frames.len() == 2 && seen.fatal.is_some(), "{seen:?}");
}

/// Returns a chunk of a WebP file.
fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = [&kind[..], &(body.len() as u32).to_le_bytes(), body].concat();
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

#[test]
fn an_animated_webp_gives_all_its_frames() {
    let mut body = chunk(b"VP8X", &[2, 0, 0, 0, 7, 0, 0, 7, 0, 0]);
    body.extend(chunk(b"ANIM", &[0; 6]));
    for grey in [40, 50, 60] {
        let mut still = Vec::new();
        let picture = RgbImage::from_pixel(8, 8, Rgb([grey; 3]));
        let encoder = WebPEncoder::new_lossless(Cursor::new(&mut still));
        encoder.encode(&picture, 8, 8, ExtendedColorType::Rgb8).expect("a picture");
        // The place and the size of the frame, its 70 ms, that it doesn't blend, and its picture without the header of the file.
        let head = [0, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0, 70, 0, 0, 2];
        body.extend(chunk(b"ANMF", &[&head[..], &still[12..]].concat()));
    }
    let file = [b"RIFF".as_slice(), &(body.len() as u32 + 4).to_le_bytes(), b"WEBP", &body].concat();
    assert_eq!(read("moving.webp", &file), [(40, Some(0)), (50, Some(70)), (60, Some(140))]);
}

/// Returns a TIFF file with a page of 4x4 pixels for each of these grey values.
fn tiff(greys: &[u8]) -> Vec<u8> {
    let mut out = b"II*\0".to_vec();
    let mut link = out.len();
    out.extend([0; 4]);
    for &grey in greys {
        let strip = out.len() as u32;
        out.extend([grey; 16]);
        let directory = (out.len() as u32).to_le_bytes();
        out[link..link + 4].copy_from_slice(&directory);
        // Width, height, bits, compression, black is zero, strip, samples, rows of the strip, and its bytes.
        let tags: [(u16, u32); 9] =
            [(256, 4), (257, 4), (258, 8), (259, 1), (262, 1), (273, strip), (277, 1), (278, 4), (279, 16)];
        out.extend((tags.len() as u16).to_le_bytes());
        for (tag, value) in tags {
            out.extend(tag.to_le_bytes());
            out.extend(4_u16.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        link = out.len();
        out.extend([0; 4]);
    }
    out
}

#[test]
fn a_tiff_gives_all_its_pages() {
    assert_eq!(read("scan.tiff", &tiff(&[70, 80, 90])), [(70, None), (80, None), (90, None)]);
    assert_eq!(read("one.tiff", &tiff(&[70])), [(70, None)]);
}

#[test]
fn a_file_with_more_pictures_in_a_folder_gives_its_first_and_that_is_said() {
    let jpeg = bytes("tiny.jpg");
    let scan = tiff(&[70, 80]);
    let (_folder, path) = folder(&[("a.tiff", &scan), ("b.jpg", &jpeg), ("c.mjpeg", &jpeg.repeat(2))]);
    let mut source = Images::open(path).expect("pictures");
    let mut notices = Vec::new();
    let mut pictures = 0;
    loop {
        match source.next_picture() {
            Ok(Some(_)) => pictures += 1,
            Ok(None) => break,
            Err(e) => {
                assert!(matches!(e, SourceError::Notice { .. }) && e.lost().0 == 0, "{e}");
                notices.push(e.to_string());
            }
        }
    }
    assert_eq!((pictures, notices.len()), (3, 2), "{notices:?}");
    assert!(notices[0].contains("a.tiff") && notices[1].contains("c.mjpeg: it holds more"), "{notices:?}");
}

#[test]
fn a_jpeg_file_that_is_cut_off_is_shown_with_a_notice() {
    let jpeg = bytes("pattern.jpg");
    let (_whole, path) = file("whole.jpg", &jpeg);
    let whole = drain(&mut Images::open(path).expect("a picture"));
    let (_folder, path) = file("cut.jpg", &jpeg[..jpeg.len() * 95 / 100]);
    let mut source = Images::open(path).expect("a picture");
    let notice = source.next_picture().expect_err("it is said");
    assert_eq!((notice.class(), notice.lost().0), (ErrorClass::Skip, 0));
    assert!(notice.to_string().contains("cut off"), "{notice}");
    let picture = source.next_picture().expect("its upper part").expect("a picture");
    assert_eq!((picture.image.width(), picture.image.height()), whole.sizes[0]);
    assert_ne!(checksum(&picture.image), whole.frames[0].1);
    assert!(source.next_picture().expect("the end").is_none());
    // Nothing of it can be shown.
    let (_folder, path) = file("head.jpg", &jpeg[..100]);
    let error = Images::open(path).expect("a picture").next_picture().expect_err("no picture");
    assert!(matches!(error, SourceError::Truncated { frames: 0, .. }), "{error}");
}

#[test]
fn a_jpeg_file_without_huffman_tables_is_read() {
    // This encoder uses the standard tables.
    let mut jpeg = Vec::new();
    let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 4) as u8, (y * 5) as u8, 90]));
    JpegEncoder::new(&mut jpeg).encode(&picture, 64, 48, ExtendedColorType::Rgb8).expect("a picture");
    let mut bare = jpeg[..2].to_vec();
    let mut at = 2;
    loop {
        let len = 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] != 0xC4 {
            bare.extend(&jpeg[at..at + len]);
        }
        let is_scan = jpeg[at + 1] == 0xDA;
        at += len;
        if is_scan {
            break;
        }
    }
    bare.extend(&jpeg[at..]);
    assert!(bare.len() < jpeg.len());
    let of = |bytes: &[u8]| {
        let (_folder, path) = file("x.jpg", bytes);
        drain(&mut Images::open(path).expect("a picture")).frames
    };
    assert_eq!(of(&bare), of(&jpeg));
}

/// Returns the first bytes of a PNG file with this size, bits of a channel and kind of colour.
fn png_header(side: u32, bits: u8, color: u8) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(side.to_be_bytes());
    chunk.extend(side.to_be_bytes());
    chunk.extend([bits, color, 0, 0, 0]);
    let mut sum = !0_u32;
    for byte in &chunk {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    let head = [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &chunk, &(!sum).to_be_bytes()].concat();
    [&head[..], b"\0\0\0\0IDAT\x35\xaf\x06\x1e", b"\0\0\0\0IEND\xae\x42\x60\x82"].concat()
}

#[test]
fn the_decoded_bytes_of_a_picture_are_limited() {
    // Within the limit on pixels, but four channels of 16 bits take 512 MiB.
    let (_folder, path) = file("deep.png", &png_header(8191, 16, 6));
    let error = Images::open(path).expect("a picture").next_picture().expect_err("too large");
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("decoded bytes"), "{error}");
}

#[test]
fn an_animation_has_the_limit_of_a_video() {
    let size = 8000_u16.to_le_bytes();
    // One frame of one pixel, with two colours of its own.
    let frame = [b',', 0, 0, 0, 0, 1, 0, 1, 0, 0x80, 0, 0, 0, 9, 9, 9, 2, 2, 0x4C, 1, 0, b';'];
    let gif = [b"GIF89a".as_slice(), &size, &size, &[0, 0, 0], &frame].concat();
    let (_folder, path) = file("huge.gif", &gif);
    let error = Images::open(path).expect_err("too large");
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("an animation of 8000x8000"), "{error}");
}

#[test]
fn the_pictures_of_all_sources_share_a_limit() {
    let limits = DecodeLimits { video_pixels: 1000, shared_bytes: 1 << 20, ..DecodeLimits::default() };
    let context = SourceContext { limits, ..SourceContext::default() };
    let settings = ImagesSettings { context: context.clone() };
    let (_folder, path) = file("large.jpg", &bytes("pattern.jpg"));
    let read = || {
        let mut source = Images::open_with(&path, settings.clone()).expect("a picture");
        source.next_picture()
    };
    // 640x480 pixels as RGB take 900 kB.
    let first = read().expect("the first one fits");
    let error = read().expect_err("the second one does not");
    assert!(error.to_string().contains("the pictures of all sources"), "{error}");
    drop(first);
    assert!(read().is_ok());
    assert!(context.pool.lent_bytes() < 1 << 20);
}
