//! Small files that demand much work: the time for each picture or error is bounded, and so is the memory.

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{bytes, drain, file, read};
use passerby_capture::{
    AccessUnit, DecodeError, DecodeLimits, Images, ImagesSettings, RustyDecoder, SourceContext, Video,
    VideoDecoder, VideoSettings,
};
use passerby_types::{FramePool, FrameSource, SourceError};

/// More time than any of these files takes, and far less than they would take without the bounds.
const SOON: Duration = Duration::from_secs(20);

/// Returns a box.
fn boxed(kind: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], &body].concat()
}

/// Returns a box with a version, flags and numbers.
fn full(kind: &[u8; 4], flags: u32, words: &[u32]) -> Vec<u8> {
    let words: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
    boxed(kind, &[&flags.to_be_bytes(), &words])
}

/// Returns a box of a file.
fn part<'a>(data: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = data.windows(4).position(|w| w == kind).expect("the clip has such a box") - 4;
    let len = u32::from_be_bytes(data[at..at + 4].try_into().expect("4 bytes"));
    &data[at..at + len as usize]
}

/// Returns a movie box whose track has this sample table behind its description.
fn moov(table: &[&[u8]]) -> Vec<u8> {
    let clip = bytes("tiny.mp4");
    let table = [&[part(&clip, b"stsd")][..], table].concat();
    let media =
        [part(&clip, b"mdhd"), part(&clip, b"hdlr"), &boxed(b"minf", &[&boxed(b"stbl", &table)])].concat();
    let track = boxed(b"trak", &[part(&clip, b"tkhd"), &boxed(b"mdia", &[&media])]);
    boxed(b"moov", &[&track])
}

#[test]
fn overlapping_samples_are_read_about_once() {
    // 60,000 samples, each of them the same mebibyte.
    let count = 60_000;
    let size = 1 << 20;
    let data = boxed(b"mdat", &[&vec![0; size as usize]]);
    let offsets = [&[count][..], &vec![8; count as usize]].concat();
    let table =
        [full(b"stsz", 0, &[size, count]), full(b"stsc", 0, &[1, 1, 1, 1]), full(b"stco", 0, &offsets)];
    let movie = moov(&[&table[0], &table[1], &table[2]]);
    let (_folder, path) = file("overlaid.mp4", &[&data[..], &movie].concat());
    let (got, time) = read(&path);
    assert!(time < SOON, "{time:?}");
    let error = got.fatal.expect("it ends").to_string();
    assert!(error.contains("overlaid.mp4") && error.contains("samples overlap"), "{error}");
    assert!((250..300).contains(&got.damaged.len()), "the limit plus the file: {}", got.damaged.len());
}

#[test]
fn samples_of_other_tracks_are_not_counted_one_by_one() {
    let movie = moov(&[&full(b"stsz", 0, &[0, 0])]);
    let run = full(b"trun", 0, &[8 << 20]);
    let fragment = boxed(b"traf", &[&full(b"tfhd", 0, &[99]), &run.repeat(50_000)]);
    let fragments = boxed(b"moof", &[&fragment]);
    let (_folder, path) = file("runs.mp4", &[&movie[..], &fragments].concat());
    let (got, time) = read(&path);
    assert!(time < SOON, "{time:?}");
    assert!(got.fatal.expect("it has no frames").to_string().contains("no frames"));
}

#[test]
fn the_pixels_bound_the_bytes_of_a_coded_frame() {
    let size = (3 << 20) + 1;
    let data = boxed(b"mdat", &[&vec![0; size as usize]]);
    let table = [full(b"stsz", 0, &[size, 1]), full(b"stsc", 0, &[1, 1, 1, 1]), full(b"stco", 0, &[1, 8])];
    let movie = moov(&[&table[0], &table[1], &table[2]]);
    let (_folder, path) = file("large.mp4", &[&data[..], &movie].concat());
    let limits = DecodeLimits { video_pixels: 1 << 20, ..DecodeLimits::default() };
    let settings = VideoSettings {
        context: SourceContext { limits, ..SourceContext::default() },
        ..VideoSettings::default()
    };
    let got = drain(&mut Video::open_with(&path, settings).expect("its description is valid"));
    assert!(got.damaged[0].contains("over the limit of 3145728"), "{got:?}");
    assert_eq!((got.frames.len(), got.damaged.len()), (0, 1));
}

/// Writes the bits of a stream.
#[derive(Default)]
struct Bits(String);

impl Bits {
    /// Appends `n` bits.
    fn u(mut self, n: usize, value: u32) -> Self {
        if n > 0 {
            write!(self.0, "{value:0n$b}").expect("a string accepts everything");
        }
        self
    }

    /// Appends Exp-Golomb numbers (H.264 9.1).
    fn ue(mut self, values: &[u32]) -> Self {
        for value in values {
            let bits = format!("{:b}", value + 1);
            self.0 += &"0".repeat(bits.len() - 1);
            self.0 += &bits;
        }
        self
    }

    /// Returns the NAL unit behind a start code: with the stop bit, padding, and emulation prevention.
    fn nal(mut self, header: u8) -> Vec<u8> {
        self.0.push('1');
        while !self.0.len().is_multiple_of(8) {
            self.0.push('0');
        }
        let mut out = vec![0, 0, 1, header];
        let mut zeros = 0;
        for bits in self.0.as_bytes().chunks(8) {
            let byte = bits.iter().fold(0, |byte, &bit| byte << 1 | (bit - b'0'));
            if zeros == 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
        out
    }
}

/// Returns a Baseline set `id` of `side` by `side` macroblocks, with 16 references. Its frame numbers of 16 bits may have gaps.
fn sps(id: u32, side: u32) -> Vec<u8> {
    let bits =
        Bits::default().u(8, 66).u(8, 0).u(8, 52).ue(&[id, 12, 2, 16]).u(1, 1).ue(&[side - 1, side - 1]);
    // Frames only, direct prediction by 8x8, no cropping, no VUI.
    bits.u(4, 0b1100).nal(0x67)
}

/// Returns a picture set that refers to `sps`: CAVLC, one reference, the loop filter controlled by the slices.
fn pps(id: u32, sps: u32) -> Vec<u8> {
    Bits::default().ue(&[id, sps]).u(2, 0).ue(&[0, 0, 0]).u(3, 0).ue(&[0, 0, 0]).u(3, 0b100).nal(0x68)
}

/// Returns a key frame of `count` grey macroblocks: flat prediction without residual.
fn key(pps: u32, count: u32) -> Vec<u8> {
    let mut bits = Bits::default().ue(&[0, 7, pps]).u(16, 0).ue(&[0]).u(2, 0).ue(&[0, 1]);
    for _ in 0..count {
        bits = bits.u(8, 0b0010_0111);
    }
    bits.nal(0x65)
}

/// Returns a slice from macroblock `first` on that repeats `count` macroblocks of the frame before.
fn repeat(first: u32, pps: u32, frame: u32, count: u32) -> Vec<u8> {
    let bits = Bits::default().ue(&[first, 5, pps]).u(16, frame).u(3, 0).ue(&[0, 1]);
    if count > 0 { bits.ue(&[count]).nal(0x41) } else { bits.nal(0x41) }
}

const SIDE: u32 = 64;

/// Returns the decoders, with their names.
fn decoders() -> Vec<(&'static str, Box<dyn VideoDecoder>)> {
    let pixels = DecodeLimits::default().video_pixels;
    let rusty = RustyDecoder::new(FramePool::default(), pixels).low_delay();
    vec![
        ("rusty", Box::new(rusty)),
        #[cfg(feature = "libav")]
        ("libav", Box::new(libav(pixels))),
    ]
}

/// Returns a decoder of FFmpeg's libraries. Without delay, it returns a picture at once.
#[cfg(feature = "libav")]
fn libav(pixels: u64) -> passerby_capture::LibavDecoder {
    let decoder = passerby_capture::LibavDecoder::h264(FramePool::default(), pixels);
    decoder.and_then(passerby_capture::LibavDecoder::low_delay).expect("FFmpeg decodes H.264")
}

fn decode(decoder: &mut Box<dyn VideoDecoder>, unit: &[Vec<u8>]) -> (Result<(), DecodeError>, usize) {
    let mut out = Vec::new();
    let result = decoder.decode(AccessUnit { data: &unit.concat(), pts: None }, &mut out);
    (result, out.len())
}

#[test]
fn a_picture_of_very_many_slices_is_refused() {
    for (name, mut decoder) in decoders() {
        let begin = [sps(0, SIDE), pps(0, 0), key(0, SIDE * SIDE)];
        assert_eq!(decode(&mut decoder, &begin), (Ok(()), 1));
        assert_eq!(decode(&mut decoder, &[repeat(0, 0, 1, SIDE * SIDE)]), (Ok(()), 1));
        // Each of these slices covers the whole picture except its last macroblock.
        let slices: Vec<_> = (0..200_000_u32).map(|n| repeat(n.min(1), 0, 2, SIDE * SIDE - 2)).collect();
        let start = Instant::now();
        let (result, pictures) = decode(&mut decoder, &slices);
        assert!(start.elapsed() < SOON, "{name}: {:?}", start.elapsed());
        assert!(matches!(result, Err(DecodeError::Damaged(_))) && pictures == 0, "{name}: {result:?}");
        assert_eq!(
            decode(&mut decoder, &[repeat(0, 0, 2, SIDE * SIDE)]),
            (Ok(()), 1),
            "the next one is decoded"
        );
    }
}

#[test]
fn a_picture_may_have_a_slice_a_macroblock() {
    for (name, mut decoder) in decoders() {
        let begin = [sps(0, SIDE), pps(0, 0), key(0, SIDE * SIDE)];
        assert_eq!(decode(&mut decoder, &begin), (Ok(()), 1));
        let slices: Vec<_> = (0..SIDE * SIDE).map(|first| repeat(first, 0, 1, 1)).collect();
        assert_eq!(decode(&mut decoder, &slices), (Ok(()), 1), "{name}");
    }
}

#[test]
fn slices_that_cover_a_large_picture_again_and_again_are_refused() {
    const LARGE: u32 = 150;
    for (name, mut decoder) in decoders() {
        let begin = [sps(0, LARGE), pps(0, 0), key(0, LARGE * LARGE)];
        assert_eq!(decode(&mut decoder, &begin), (Ok(()), 1));
        let slices: Vec<_> = (0..2000_u32).map(|n| repeat(n.min(1), 0, 1, LARGE * LARGE - 2)).collect();
        let (result, pictures) = decode(&mut decoder, &slices);
        assert!(matches!(result, Err(DecodeError::Damaged(_))) && pictures == 0, "{name}: {result:?}");
    }
}

#[test]
fn a_small_slice_does_not_hide_larger_ones_from_the_limit() {
    for (name, mut decoder) in decoders() {
        let unit = [sps(0, 4), sps(1, 300), pps(0, 0), pps(1, 1), key(0, 16), key(1, 300 * 300)];
        let (result, pictures) = decode(&mut decoder, &unit);
        assert!(matches!(result, Err(DecodeError::Damaged(_))) && pictures == 0, "{name}: {result:?}");
        let (result, _) = decode(&mut decoder, &[key(1, 300 * 300)]);
        assert!(matches!(result, Err(DecodeError::TooLarge { .. })), "{result:?}");
        assert_eq!(decode(&mut decoder, &[key(0, 16)]), (Ok(()), 1));
    }
}

#[test]
fn a_picture_of_another_size_needs_a_key_frame() {
    for (name, mut decoder) in decoders() {
        assert_eq!(decode(&mut decoder, &[sps(0, 4), pps(0, 0), key(0, 16)]), (Ok(()), 1), "{name}");
        for side in [6, 3] {
            let unit = [sps(0, side), repeat(0, 0, 1, side * side)];
            let lacking = DecodeError::Damaged("no key frame before it".into());
            assert_eq!(decode(&mut decoder, &unit), (Err(lacking), 0));
            assert_eq!(decode(&mut decoder, &[sps(0, side), key(0, side * side)]), (Ok(()), 1));
            assert_eq!(decode(&mut decoder, &[repeat(0, 0, 1, side * side)]), (Ok(()), 1));
        }
    }
}

/// Returns the most memory that this process ever had, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

#[test]
fn substitutes_for_missing_frames_do_not_accumulate() {
    let Some(before) = peak() else {
        eprintln!("SKIPPED substitutes_for_missing_frames_do_not_accumulate: no /proc");
        return;
    };
    for (name, mut decoder) in decoders() {
        let begin = [sps(0, SIDE), pps(0, 0), key(0, SIDE * SIDE)];
        assert_eq!(decode(&mut decoder, &begin), (Ok(()), 1));
        // Gaps of 1000 frames. For each of them the decoder creates 16 substitutes of 1.7 MB: before complete pictures, and
        // before pictures that are cut off at once.
        for n in 1..30 {
            let (result, pictures) = decode(&mut decoder, &[repeat(0, 0, n * 1000, SIDE * SIDE)]);
            // FFmpeg holds some pictures back until their order is clear.
            assert!(result == Ok(()) && (pictures == 1 || name == "libav"), "{name} {n}: {result:?}");
        }
        for n in 30..130 {
            let (result, pictures) = decode(&mut decoder, &[repeat(0, 0, n % 60 * 1000, 0)]);
            // FFmpeg fills the missing parts of a picture.
            let is_replaced = name == "libav" && result == Ok(()) && pictures == 1;
            let is_refused = matches!(result, Err(DecodeError::Damaged(_))) && pictures == 0;
            assert!(is_refused || is_replaced, "{name} {n}: {result:?}");
        }
        let grown = peak().unwrap_or(0) - before;
        assert!(grown < 500 << 20, "{} MiB", grown >> 20);
        assert_eq!(decode(&mut decoder, &begin), (Ok(()), 1));
    }
}

#[test]
fn a_picture_file_with_too_many_bytes_is_refused() {
    let limits = DecodeLimits { bytes: 1000, ..DecodeLimits::default() };
    let (_folder, path) = file("large.jpg", &bytes("tiny.jpg"));
    let settings = ImagesSettings { context: SourceContext { limits, ..SourceContext::default() } };
    let error = Images::open_with(&path, settings).and_then(|mut source| source.next_picture()).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
}

#[test]
fn a_picture_with_too_many_bytes_per_pixel_is_refused() {
    // 16 bytes per pixel, but the limit is 8.
    let (_folder, path) = file("float.tiff", &[]);
    let picture = image::DynamicImage::ImageRgba32F(image::ImageBuffer::new(64, 64));
    picture.save(&path).expect("it is encoded");
    let limits = DecodeLimits { picture_pixels: 64 * 64, ..DecodeLimits::default() };
    let settings = ImagesSettings { context: SourceContext { limits, ..SourceContext::default() } };
    let error = Images::open_with(&path, settings).and_then(|mut source| source.next_picture()).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
    assert_eq!(read(&path).0.frames.len(), 1, "the default limits allow it");
}

#[test]
fn endless_headers_are_read_once() {
    let jpeg = bytes("tiny.jpg");
    for (name, fill) in [("fill.jpg", &[0xff_u8][..]), ("empty.jpg", &[0xff, 0xfe, 0, 2])] {
        let whole = [&jpeg[..2], &fill.repeat((16 << 20) / fill.len()), &jpeg[2..]].concat();
        let (_folder, path) = file(name, &whole);
        let (got, time) = read(&path);
        assert!(time < SOON, "{name}: {time:?}");
        assert!(got.frames.len() == 1 || got.fatal.is_some(), "{name}: {got:?}");
    }
}

/// Returns the result of `work`, which must come soon.
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("soon".into());
    thread.spawn(move || send.send(work())).expect("a thread for the test");
    receive.recv_timeout(SOON).expect("it does not hang")
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_opened() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let pipe = folder.path().join("pipe.mp4");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED only_regular_files_are_opened: no mkfifo");
        return;
    }
    for path in [pipe.clone(), Path::new("/dev/zero").into()] {
        let name = path.display().to_string();
        let errors = soon(move || {
            [passerby_capture::open(&path).err(), Video::open(&path).err(), Images::open(&path).err()]
        });
        for error in errors {
            let error = error.expect("it does not open").to_string();
            assert!(error.contains(&name) && error.contains("not a regular file"), "{error}");
        }
    }
    // In a folder, a pipe is one bad file among others.
    std::fs::write(folder.path().join("a.jpg"), bytes("tiny.jpg")).expect("it is written");
    let folder = folder.path().to_path_buf();
    let got = soon(move || drain(&mut Images::open(folder).expect("a folder with a picture")));
    assert_eq!((got.frames.len(), got.damaged.len()), (1, 1), "{got:?}");
    assert!(got.damaged[0].contains("pipe.mp4"), "{got:?}");
}
