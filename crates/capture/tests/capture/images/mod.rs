//! Pictures come out upright, in 8 bits, with the right colours.

mod several;

use std::path::Path;
use std::time::Duration;

use crate::common::{Outcome, bytes, data, drain, file};
use image::{DynamicImage, ImageBuffer, ImageFormat};
use passerby_capture::{DecodeLimits, Images, ImagesSettings, SourceContext, list, open};
use passerby_testkit::{shared, suite};
use passerby_types::{ColorSpace, FrameSource, Image, PixelLayout, SourceError};

fn first(path: impl AsRef<Path>) -> Image {
    let path = path.as_ref();
    let picture = Images::open(path).and_then(|mut source| source.next_picture());
    picture.unwrap_or_else(|e| panic!("{e}")).expect("a picture").image
}

/// Returns the mean difference of two pictures of the same size, over all channels.
fn difference(a: &Image, b: &Image) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let mut sum = 0_u64;
    for y in 0..a.height() {
        for x in 0..a.width() {
            let channels = a.rgb_at(x, y).into_iter().zip(b.rgb_at(x, y));
            sum += channels.map(|(a, b)| u64::from(a.abs_diff(b))).sum::<u64>();
        }
    }
    sum as f64 / 3.0 / f64::from(a.width()) / f64::from(a.height())
}

/// Returns a picture without any symmetry.
fn pattern(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb16(ImageBuffer::from_fn(width, height, |x, y| {
        image::Rgb([(x * 3000) as u16, (y * 5000) as u16, (x * y * 777) as u16])
    }))
}

#[test]
fn every_format_gives_the_same_picture() {
    let want = pattern(20, 12).to_rgb8();
    for (format, name) in [
        (ImageFormat::Png, "a.png"),
        (ImageFormat::Bmp, "a.bmp"),
        (ImageFormat::Tiff, "a.tiff"),
        (ImageFormat::WebP, "a.webp"),
    ] {
        let mut encoded = std::io::Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(want.clone()).write_to(&mut encoded, format).unwrap();
        // The name doesn't matter.
        for name in [name, "a.mp4", "a"] {
            let (_folder, path) = file(name, encoded.get_ref());
            let image = first(&path);
            assert_eq!((image.layout(), image.width(), image.height()), (PixelLayout::Rgb8, 20, 12));
            assert_eq!(image.plane(0).data, want.as_raw(), "{name}");
            let (pictures, lost) = suite::source(Images::open(&path).unwrap());
            assert_eq!((pictures, lost), (1, 0));
            assert_eq!(drain(&mut *open(&path).unwrap()).frames.len(), 1);
        }
    }
}

#[test]
fn sixteen_bits_are_scaled_to_eight() {
    let (_folder, path) = file("a.png", &[]);
    pattern(20, 12).save(&path).unwrap();
    let image = first(&path);
    for (x, y) in [(0, 0), (19, 11), (7, 3), (13, 9)] {
        let want = [x * 3000, y * 5000, x * y * 777 % 65_536].map(|v| ((v + 128) / 257) as u8);
        assert_eq!(image.rgb_at(x, y), want, "65535 / 257 = 255");
    }
}

#[test]
fn grey_stays_grey() {
    let grey = ImageBuffer::from_fn(5, 4, |x, y| image::LumaA([(x * 15_000 + y) as u16, 0]));
    let (_folder, path) = file("a.png", &[]);
    DynamicImage::ImageLumaA16(grey).save(&path).unwrap();
    let image = first(&path);
    assert_eq!((image.layout(), image.color()), (PixelLayout::Gray8, ColorSpace::JPEG));
    assert_eq!(image.plane(0).row(0), [0, 58, 117, 175, 233], "transparency is dropped");
}

#[test]
fn the_shared_pictures_look_alike() {
    let Some(folder) = shared("the_shared_pictures_look_alike") else { return };
    let folder = folder.join("data/bad");
    let picture = |name: &str| first(folder.join(name));
    let plain = picture("bmp24.bmp");
    assert_eq!((plain.width(), plain.height()), (640, 360));
    for (name, most) in [
        ("alpha.png", 0.0),
        ("png_named.jpg", 0.0),
        ("palette.png", 8.0),
        ("progressive.jpg", 4.0),
        ("cmyk.jpg", 4.0),
        ("webp_lossy.webp", 4.0),
        ("16bit_rgb.png", 12.0),
        ("16bit.tiff", 12.0),
        ("exif_orient3.jpg", 4.0),
        ("exif_orient6.jpg", 4.0),
        ("exif_orient8.jpg", 4.0),
    ] {
        let off = difference(&picture(name), &plain);
        assert!(off <= most, "{name} is off by {off:.2}");
    }
    assert_eq!(difference(&picture("16bit.tiff"), &picture("16bit_rgb.png")), 0.0);
    let grey = picture("gray.jpg");
    for (name, most) in [("gray_alpha.png", 3.0), ("16bit_gray.png", 12.0), ("bilevel.png", 128.0)] {
        let image = picture(name);
        assert_eq!(image.layout(), PixelLayout::Gray8, "{name}");
        let off = difference(&image, &grey);
        assert!(off <= most, "{name} is off by {off:.2}");
    }
    assert_eq!(difference(&picture("garbage_tail.jpg"), &picture("frame.jpg")), 0.0);
    assert_eq!(difference(&picture("jpeg_named.mp4"), &picture("frame.jpg")), 0.0);
    let large = picture("8k.jpg");
    assert_eq!((large.width(), large.height()), (7680, 4320));
    for (name, size) in [("wide3840x2.png", (3840, 2)), ("tall2x3840.png", (2, 3840)), ("one_px.jpg", (1, 1))]
    {
        let image = picture(name);
        assert_eq!((image.width(), image.height()), size, "{name}");
    }
}

#[test]
fn a_gif_gives_all_its_frames() {
    let mut source = Images::open(data("tiny.gif")).unwrap();
    let mut times = Vec::new();
    while let Some(picture) = source.next_picture().unwrap() {
        assert_eq!(
            (picture.image.width(), picture.image.height(), picture.image.layout()),
            (64, 48, PixelLayout::Rgb8)
        );
        times.push(picture.pts.unwrap());
    }
    assert_eq!(times, [0, 100, 200, 300, 400].map(Duration::from_millis));
    assert_eq!(suite::source(Images::open(data("tiny.gif")).unwrap()), (5, 0));
}

#[test]
fn a_cut_off_gif_gives_its_first_frames() {
    let Some(folder) = shared("a_cut_off_gif_gives_its_first_frames") else { return };
    let got = drain(&mut Images::open(folder.join("data/bad/animated.gif")).unwrap());
    assert_eq!(got.frames.len(), 41);
    // 41 frames at 12 per second, in hundredths of a second.
    assert!((3_200_000..3_450_000).contains(&got.frames[40].0.unwrap()), "{:?}", got.frames[40]);
    let cut = drain(&mut Images::open(folder.join("data/bad/truncated.gif")).unwrap());
    assert_eq!(cut.frames, got.frames[..cut.frames.len()]);
    assert!(matches!(cut.fatal, Some(SourceError::Truncated { frames: 10, .. })), "{:?}", cut.fatal);
}

#[test]
fn a_broken_picture_does_not_end_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    put("c.jpg", &bytes("tiny.jpg"));
    put("a", &bytes("tiny.jpg"));
    put("b.png", b"no picture at all");
    put("d.gif", &bytes("tiny.gif"));
    put("e.jpg", &bytes("tiny.jpg")[..500]);
    put("f.jpg", &[]);
    put("g.mp4", &bytes("tiny.mp4"));
    put("notes.txt", b"some text");
    put(".hidden.jpg", &bytes("tiny.jpg"));
    std::fs::create_dir(folder.path().join("h.jpg")).unwrap();
    let names: Vec<String> = list(folder.path())
        .unwrap()
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["a", "b.png", "c.jpg", "d.gif", "e.jpg", "f.jpg", "g.mp4"]);

    let mut source = Images::open(folder.path()).unwrap();
    assert_eq!(source.info().frames, Some(6), "the video is not one of them");
    let got = drain(&mut source);
    assert_eq!((got.frames.len(), got.damaged.len(), got.lost), (4, 4, 2), "{got:?}");
    assert!(got.fatal.is_none() && got.frames.iter().all(|(pts, _)| pts.is_none()));
    for (error, name) in
        got.damaged.iter().zip(["b.png", "d.gif: it holds more", "e.jpg: the picture is cut off", "f.jpg"])
    {
        assert!(error.contains(name), "{error}");
    }
    assert!(got.damaged[0].contains("frame 1: unrecognised format (text)"), "{}", got.damaged[0]);
    assert_eq!(suite::source(Images::open(folder.path()).unwrap()), (4, 4));
    assert_eq!(drain(&mut *open(folder.path()).unwrap()).frames, got.frames);
}

#[test]
fn a_folder_without_pictures_is_an_error() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Images::open(empty.path()), Err(SourceError::Malformed { .. })));
    assert!(list(empty.path()).unwrap().is_empty());
    assert!(matches!(list(empty.path().join("none")), Err(SourceError::Io { .. })));
}

#[test]
fn pictures_over_the_limit_are_refused() {
    let limits = DecodeLimits { picture_pixels: 64 * 48 - 1, ..DecodeLimits::default() };
    let settings = ImagesSettings { context: SourceContext { limits, ..SourceContext::default() } };
    for name in ["tiny.jpg", "tiny.gif"] {
        let error =
            Images::open_with(data(name), settings.clone()).and_then(|mut source| source.next_picture());
        assert!(matches!(error, Err(SourceError::TooLarge { .. })), "{name}");
    }
    // The same pictures are accepted if they are within the limit.
    let limits = DecodeLimits { picture_pixels: 64 * 48, ..DecodeLimits::default() };
    let settings = ImagesSettings { context: SourceContext { limits, ..SourceContext::default() } };
    for name in ["tiny.jpg", "tiny.gif"] {
        assert!(Images::open_with(data(name), settings.clone()).unwrap().next_picture().unwrap().is_some());
    }
}

#[test]
fn cut_off_pictures_never_panic() {
    for name in ["tiny.jpg", "tiny.gif"] {
        let whole = bytes(name);
        for len in 0..whole.len() - 2 {
            let (_folder, path) = file(name, &whole[..len]);
            let got = match Images::open(&path) {
                Ok(mut source) => drain(&mut source),
                Err(e) => Outcome { fatal: Some(e), ..Outcome::default() },
            };
            let is_said = got.damaged.iter().any(|said| said.contains("cut off"));
            assert!(got.fatal.is_some() || is_said, "{name} cut to {len} bytes must report the cut");
        }
    }
}
