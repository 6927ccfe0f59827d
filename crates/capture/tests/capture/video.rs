//! Videos give the same frames as ffmpeg, bit for bit, with the same time stamps.

use crate::common::{bytes, data, drain, file, golden};
use passerby_capture::{Decoder, RustyDecoder, SourceContext, Video, VideoDecoder, VideoSettings};
use passerby_testkit::{shared, suite};
use passerby_types::{ColorSpace, FramePool, FrameSource, Matrix, Range};

fn decoders() -> Vec<Decoder> {
    let mut all = vec![Decoder::Auto, Decoder::Rusty];
    if cfg!(feature = "openh264") {
        all.push(Decoder::OpenH264);
    }
    if cfg!(feature = "libav") {
        all.push(Decoder::Libav);
    }
    all
}

fn open(path: impl AsRef<std::path::Path>, decoder: Decoder) -> Video {
    let settings = VideoSettings { decoder, ..VideoSettings::default() };
    Video::open_with(path, settings).expect("a good clip opens")
}

/// Checks that the pure Rust decoder gives the golden frames. The golden file may hold only the first `limit` frames.
fn same_as_ffmpeg(path: &std::path::Path, name: &str, limit: usize) {
    let want = golden(name);
    for decoder in [Decoder::Auto, Decoder::Rusty] {
        let got = drain(&mut open(path, decoder));
        assert!(
            got.damaged.is_empty() && got.fatal.is_none(),
            "{name} {decoder:?}: {:?} {:?}",
            got.damaged.first(),
            got.fatal
        );
        assert!(
            got.frames.len() == want.len() || got.frames.len() > limit,
            "{name} {decoder:?}: {} frames, not {}",
            got.frames.len(),
            want.len()
        );
        for (index, (&(time, sum), &(want_time, want_sum))) in got.frames.iter().zip(&want).enumerate() {
            assert_eq!(sum, want_sum, "{name} {decoder:?} frame {index}: other pixels");
            let time = time.expect("a clip has time stamps");
            assert!(
                time.abs_diff(want_time) <= 1,
                "{name} {decoder:?} frame {index}: at {time} us, not {want_time} us"
            );
        }
    }
}

#[test]
fn the_small_clips_are_bit_exact() {
    for name in ["tiny", "tiny_bt709_full", "tiny_fragmented", "tiny_fragmented_base"] {
        same_as_ffmpeg(&data(&format!("{name}.mp4")), name, usize::MAX);
    }
}

#[test]
fn the_shared_clips_are_bit_exact() {
    let Some(folder) = shared("the_shared_clips_are_bit_exact") else {
        return;
    };
    let clips = [
        ("classroom4", 45),
        ("headpose_fm", 56),
        ("mosaic720", 480),
        ("onebyone_noface", 1394),
        ("walk2", 35),
        ("walkpause3", 41),
        ("walkpause3_audio", 41),
        ("walkpause3_high_bf", 41),
        ("walkpause3_rot90meta", 41),
        ("walkpause3_vfr", 41),
    ];
    for (name, frames) in clips {
        let path = folder.join(format!("data/clips/{name}.mp4"));
        assert_eq!(open(&path, Decoder::Auto).info().frames, Some(frames), "{name}");
        same_as_ffmpeg(&path, name, 499);
    }
}

/// The clips in which some frames of OpenH264 are slightly wrong. All have B slices, in which it doesn't filter all edges
/// (cisco/openh264 issue 3269). With a fix of that in its source, all frames of these clips were equal, except three of
/// `mosaic720`.
#[cfg(feature = "openh264")]
const INEXACT_CLIPS: [&str; 4] =
    ["mosaic720", "onebyone_noface", "walkpause3_high_bf", "walkpause3_rot90meta"];

/// Both decoders give the same frames in the same order at the same times, with the same pixels. In the clips of
/// [`INEXACT_CLIPS`], less than one pixel in 100 of a plane differs, by less than 16 of 255.
#[cfg(feature = "openh264")]
#[test]
fn both_decoders_agree() {
    let mut clips: Vec<_> =
        ["tiny", "tiny_bt709_full", "tiny_fragmented"].map(|n| data(&format!("{n}.mp4"))).into();
    if let Some(folder) = shared("both_decoders_agree") {
        let all = std::fs::read_dir(folder.join("data/clips")).unwrap().map(|entry| entry.unwrap().path());
        clips.extend(all.filter(|path| path.extension().is_some_and(|e| e == "mp4")));
    }
    for path in clips {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let (share_allowed, most_allowed) =
            if INEXACT_CLIPS.contains(&&*stem) { (0.01, 15) } else { (0.0, 0) };
        let mut rusty = open(&path, Decoder::Rusty);
        let mut other = open(&path, Decoder::OpenH264);
        let mut frame = 0;
        loop {
            let a = rusty.next_picture().unwrap();
            let b = other.next_picture().unwrap();
            let (Some(a), Some(b)) = (&a, &b) else {
                assert!(a.is_none() && b.is_none(), "{path:?}: one ends at frame {frame}");
                break;
            };
            assert_eq!((a.pts, a.image.color()), (b.pts, b.image.color()), "{path:?} frame {frame}");
            for plane in 0..3 {
                let a = a.image.plane(plane);
                let b = b.image.plane(plane);
                assert_eq!((a.row_len, a.rows), (b.row_len, b.rows), "{path:?} frame {frame}");
                let mut off = 0;
                let mut most = 0;
                for y in 0..a.rows {
                    for (a, b) in a.row(y).iter().zip(b.row(y)) {
                        most = most.max(a.abs_diff(*b));
                        off += usize::from(a != b);
                    }
                }
                let share = off as f64 / (a.row_len * a.rows) as f64;
                assert!(
                    share <= share_allowed && most <= most_allowed,
                    "{path:?} frame {frame}: {share} of plane {plane}, by {most}"
                );
            }
            frame += 1;
        }
    }
}

#[test]
fn every_kind_of_video_is_a_source() {
    for name in ["tiny.mp4", "tiny_fragmented.mp4", "tiny_bt709_full.mp4", "tiny.264"] {
        for decoder in decoders() {
            assert_eq!(suite::source(open(data(name), decoder)), (10, 0), "{name} {decoder:?}");
        }
    }
}

#[test]
fn a_bare_stream_gives_the_same_frames_at_its_own_rate() {
    let bare = drain(&mut open(data("tiny.264"), Decoder::Auto));
    let boxed = drain(&mut open(data("tiny.mp4"), Decoder::Auto));
    assert_eq!(bare.frames, boxed.frames);
}

#[test]
fn the_info_describes_the_file() {
    let clip = open(data("tiny_bt709_full.mp4"), Decoder::Auto);
    let info = clip.info().clone();
    assert_eq!((info.name.as_str(), info.live), ("tiny_bt709_full.mp4", false));
    assert_eq!((info.frames, info.frame_rate), (Some(10), Some(10.0)));
}

#[test]
fn the_colour_space_is_that_of_the_stream() {
    let mut clip = open(data("tiny_bt709_full.mp4"), Decoder::Auto);
    let image = clip.next_picture().unwrap().unwrap().image;
    let bt709 = ColorSpace { matrix: Matrix::Bt709, range: Range::Full };
    assert_eq!((image.width(), image.height(), image.color()), (64, 48, bt709));

    let image = open(data("tiny.mp4"), Decoder::Auto).next_picture().unwrap().unwrap().image;
    assert_eq!((image.width(), image.height(), image.color()), (64, 42, ColorSpace::default()));
}

/// Returns the clip with another matrix in its track header.
fn rotated(matrix: [i32; 4]) -> Vec<u8> {
    let mut clip = bytes("tiny.mp4");
    let at = clip.windows(4).position(|w| w == b"tkhd").expect("a track header") + 4;
    // Version 0: 20 bytes of times and number, 4 of duration, 16 of layers and volume; a b u / c d v / x y w.
    for (cell, value) in [0, 1, 3, 4].into_iter().zip(matrix) {
        let at = at + 40 + 4 * cell;
        clip[at..at + 4].copy_from_slice(&(value << 16).to_be_bytes());
    }
    clip
}

#[test]
fn the_matrix_in_the_file_rotates_the_pictures() {
    let plain = open(data("tiny.mp4"), Decoder::Auto).next_picture().unwrap().unwrap().image;
    let w = plain.width();
    let h = plain.height();
    // Returns the stored pixel that is at (x, y) of the upright picture.
    type From = fn(u32, u32, u32, u32) -> (u32, u32);
    let cases: [([i32; 4], bool, From); 4] = [
        ([1, 0, 0, 1], false, |x, y, _, _| (x, y)),
        ([0, 1, -1, 0], true, |x, y, _, h| (y, h - 1 - x)),
        ([-1, 0, 0, -1], false, |x, y, w, h| (w - 1 - x, h - 1 - y)),
        ([0, -1, 1, 0], true, |x, y, w, _| (w - 1 - y, x)),
    ];
    for (matrix, swapped, from) in cases {
        let (_folder, path) = file("rotated.mp4", &rotated(matrix));
        let image = open(&path, Decoder::Auto).next_picture().unwrap().unwrap().image;
        let size = if swapped { (h, w) } else { (w, h) };
        assert_eq!((image.width(), image.height()), size, "{matrix:?}");
        for y in 0..image.height() {
            for x in 0..image.width() {
                let (sx, sy) = from(x, y, w, h);
                assert_eq!(image.rgb_at(x, y), plain.rgb_at(sx, sy), "{matrix:?} at ({x}, {y})");
            }
        }
    }
}

#[test]
fn buffers_are_reused() {
    let pool = FramePool::new(8);
    let settings = VideoSettings {
        context: SourceContext { pool: pool.clone(), ..SourceContext::default() },
        ..VideoSettings::default()
    };
    let out = drain(&mut Video::open_with(data("tiny.mp4"), settings).unwrap());
    let stats = pool.stats();
    assert_eq!(stats.allocated + stats.reused, out.frames.len() as u64);
    assert!(stats.allocated <= 6, "{stats:?}");
}

#[test]
fn a_reset_decoder_waits_for_a_key_frame() {
    use passerby_capture::{AccessUnit, DecodeError};
    let stream = bytes("tiny.264");
    let starts: Vec<usize> = (0..stream.len() - 3).filter(|&i| stream[i..i + 3] == [0, 0, 1]).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let nals: Vec<&[u8]> = starts.iter().zip(ends).map(|(&a, b)| &stream[a..b]).collect();
    let mut decoder = RustyDecoder::new(FramePool::default(), 1 << 20);
    let mut out = Vec::new();
    let mut early = 0;
    let mut slices = 0;
    for nal in nals {
        if matches!(nal[3] & 0x1f, 1 | 5) {
            if slices == 3 {
                decoder.reset();
            }
            slices += 1;
        }
        let result = decoder.decode(AccessUnit { data: nal, pts: None }, &mut out);
        early += i32::from(matches!(result, Err(DecodeError::Damaged(what)) if what.contains("key frame")));
    }
    decoder.flush(&mut out);
    assert_eq!((slices, early), (10, 2), "two frames of the first five come after the reset");
    assert!((5..=8).contains(&out.len()), "the second five are complete: {}", out.len());
}

/// Returns the clip with another edit list: the part from `start` pictures on, of `length` pictures (0: up to the end).
fn edited(start: i32, length: u32) -> Vec<u8> {
    let mut clip = bytes("tiny.mp4");
    let at = |clip: &[u8], kind: &[u8; 4]| clip.windows(4).position(|w| w == kind).expect("such a box") + 4;
    let word = |clip: &[u8], at: usize| u32::from_be_bytes(clip[at..at + 4].try_into().expect("4 bytes"));
    // A picture's time in units of the track, and the units of the movie.
    let step = word(&clip, at(&clip, b"stts") + 12);
    let movie_timescale = word(&clip, at(&clip, b"mvhd") + 12);
    let list = at(&clip, b"elst");
    assert_eq!(word(&clip, list + 4), 1, "one part");
    let first = word(&clip, list + 12).cast_signed() + start * step.cast_signed();
    // The clip has ten pictures a second.
    let length = if length == 0 { 0 } else { length * movie_timescale / 10 };
    clip[list + 8..list + 12].copy_from_slice(&length.to_be_bytes());
    clip[list + 12..list + 16].copy_from_slice(&first.to_be_bytes());
    clip
}

#[test]
fn an_edit_list_leaves_pictures_out() {
    let all = golden("tiny");
    for (start, length, want) in [(0, 0, 0..10), (3, 0, 3..10), (2, 5, 2..7), (4, 100, 4..10), (50, 0, 0..10)]
    {
        let (_folder, path) = file("edited.mp4", &edited(start, length));
        let mut video = Video::open(path).expect("a good clip opens");
        let frames = video.info().frames;
        let seen = drain(&mut video);
        let sums: Vec<_> = seen.frames.iter().map(|frame| frame.1).collect();
        let expected: Vec<_> = all[want.clone()].iter().map(|frame| frame.1).collect();
        assert_eq!(sums, expected, "from {start}, {length} pictures");
        assert_eq!((seen.frames[0].0, frames), (Some(0), Some(want.len() as u64)));
        assert_eq!((seen.lost, seen.fatal.is_none()), (0, true));
    }
}
