//! Files that FFmpeg's libraries read: the same frames as the ffmpeg program gives, and nothing that a file does ends the process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::Want::{self, None as Nothing};
use crate::common::{Outcome, bytes, checksum, compare, data, drain, file, random};
use crate::ffmpeg_program::{FFMPEG_RESULTS, is_installed};
use md5::{Digest, Md5};
use passerby_capture::{DecodeLimits, Decoder, Libav, LibavSettings, OpenSettings, SourceContext, open_with};
use passerby_testkit::{shared, suite};
use passerby_types::{FramePool, FrameSource, PixelLayout, SourceError};

/// Makes a clip of 12 pictures with the ffmpeg program. `arguments` stand between the input and the output. Returns `None` if this
/// ffmpeg lacks the encoder.
fn make(folder: &Path, name: &str, arguments: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-nostdin",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=162x92:rate=25",
            "-frames:v",
            "12",
        ])
        .args(arguments.split_whitespace())
        .arg(&path)
        .output()
        .unwrap();
    if !made.status.success() {
        eprintln!("SKIPPED {name}: {}", String::from_utf8_lossy(&made.stderr).trim());
        return None;
    }
    Some(path)
}

/// Returns the MD5 sum of each frame that the ffmpeg program decodes, through the same filter for interlaced frames.
fn reference(path: &Path) -> Vec<String> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-autoscale", "0", "-vf"])
        .args(["bwdif=mode=send_frame:parity=auto:deint=interlaced,format=pix_fmts=yuv420p|yuvj420p"])
        .args(["-f", "framemd5", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let sums = text.lines().filter(|line| !line.starts_with('#'));
    sums.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// Returns the MD5 sum of each picture of a source, over all planes without padding, and the errors.
fn sums(source: &mut dyn FrameSource) -> (Vec<String>, Vec<SourceError>) {
    let mut sums = Vec::new();
    let mut errors = Vec::new();
    for picture in passerby_types::Pictures::new(source) {
        match picture {
            Ok(picture) => {
                assert_eq!(picture.image.layout(), PixelLayout::I420);
                let mut sum = Md5::new();
                for plane in 0..3 {
                    let plane = picture.image.plane(plane);
                    (0..plane.rows).for_each(|y| sum.update(plane.row(y)));
                }
                sums.push(format!("{:x}", sum.finalize()));
            }
            Err(e) => errors.push(e),
        }
    }
    (sums, errors)
}

/// Checks that the pictures equal those of the ffmpeg program. Returns their number.
fn same_as_ffmpeg(path: &Path) -> usize {
    let mut source = Libav::open(path).unwrap();
    let (ours, errors) = sums(&mut source);
    assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    let theirs = reference(path);
    assert_eq!(ours.len(), theirs.len(), "{}", path.display());
    let different = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
    assert_eq!(different, 0, "{}: {different} of {} pictures differ", path.display(), ours.len());
    ours.len()
}

fn read(path: &Path) -> (Outcome, Duration) {
    let start = Instant::now();
    let outcome = match Libav::open(path) {
        Ok(mut source) => drain(&mut source),
        Err(e) => Outcome { fatal: Some(e), ..Outcome::default() },
    };
    (outcome, start.elapsed())
}

/// The files of `shared/data/bad` for which the libraries give an error of their own.
const OWN_RESULTS: &[(&str, Want)] = &[
    ("truncated_moov_end.mp4", Nothing("truncated_moov_end.mp4")),
    ("random_bytes.mp4", Nothing("random_bytes.mp4")),
    ("stsz_count_bomb.mp4", Nothing("stsz_count_bomb.mp4")),
];

#[test]
fn the_shared_bad_files_give_the_results_of_their_readme() {
    let Some(folder) = shared("the_shared_bad_files_give_the_results_of_their_readme") else { return };
    let mut wrong = Vec::new();
    for &(name, want) in FFMPEG_RESULTS.iter().chain(OWN_RESULTS) {
        let (got, time) = read(&folder.join("data/bad").join(name));
        wrong.extend(compare(name, want, &got));
        if time > Duration::from_secs(20) {
            wrong.push(format!("{name}: took {time:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_video_of_which_no_frame_can_be_decoded_ends_with_an_error() {
    let mut clip = bytes("tiny.mp4");
    // The parameter sets.
    let at = clip.windows(4).position(|w| w == b"avcC").expect("the clip has such a box");
    clip[at + 9..at + 44].fill(0);
    let (_folder, path) = file("no_sets.mp4", &clip);
    let got = read(&path).0;
    assert_eq!((got.frames.len(), got.damaged.len()), (0, 10), "{got:?}");
    let error = got.fatal.expect("nothing came").to_string();
    assert!(error.contains("no_sets.mp4") && error.contains("none of its 10 frames"), "{error}");
}

#[test]
fn the_shared_foreign_files_give_the_frames_of_the_program() {
    let name = "the_shared_foreign_files_give_the_frames_of_the_program";
    let Some(folder) = shared(name).filter(|_| is_installed(name)) else { return };
    for (name, pictures) in [
        ("hevc.mp4", 41),
        ("av1.mp4", 41),
        ("vp9.mp4", 41),
        ("vp8.webm", 41),
        ("mpeg4part2.mp4", 41),
        ("h264_10bit.mp4", 41),
        ("h264_444.mp4", 41),
        ("odd479x269_444.mp4", 41),
        ("h264_interlaced.mp4", 20),
        ("fragmented_bf.mp4", 41),
    ] {
        assert_eq!(same_as_ffmpeg(&folder.join("data/bad").join(name)), pictures, "{name}");
    }
}

#[test]
fn containers_and_codecs_give_the_frames_of_the_program() {
    let name = "containers_and_codecs_give_the_frames_of_the_program";
    if !is_installed(name) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut read = 0;
    for (name, arguments) in [
        ("h265.mkv", "-c:v libx265 -x265-params log-level=none -bf 2"),
        ("h265.mp4", "-c:v libx265 -x265-params log-level=none -tag:v hvc1"),
        ("h265.ts", "-c:v libx265 -x265-params log-level=none"),
        ("h265.265", "-c:v libx265 -x265-params log-level=none -f hevc"),
        ("h265_10bit.mkv", "-c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=none"),
        ("h264.mkv", "-c:v libx264 -bf 3"),
        ("h264.avi", "-c:v libx264 -bf 0"),
        ("h264.mov", "-c:v libx264"),
        ("h264.flv", "-c:v libx264"),
        ("h264_422.mkv", "-c:v libx264 -pix_fmt yuv422p"),
        ("h264_full.mkv", "-c:v libx264 -pix_fmt yuv420p -color_range pc -colorspace bt709"),
        ("h264_interlaced.mkv", "-vf interlace -c:v libx264 -flags +ildct+ilme"),
        ("mpeg2.mpg", "-c:v mpeg2video"),
        ("mpeg2_interlaced.ts", "-vf interlace -c:v mpeg2video -flags +ildct+ilme"),
        ("mpeg4.avi", "-c:v mpeg4"),
        ("vp9.webm", "-c:v libvpx-vp9"),
        ("vp8.ivf", "-c:v libvpx"),
        ("mjpeg.avi", "-c:v mjpeg -pix_fmt yuvj422p"),
        ("prores.mov", "-c:v prores_ks"),
        ("wmv2.asf", "-c:v wmv2"),
        ("raw.avi", "-c:v rawvideo -pix_fmt bgr24"),
        ("raw.nut", "-c:v rawvideo -pix_fmt nv21"),
    ] {
        let Some(path) = make(folder.path(), name, arguments) else { continue };
        assert_eq!(same_as_ffmpeg(&path), 12, "{name}");
        read += 1;
    }
    assert!(read >= 5, "this ffmpeg encodes nearly nothing");
}

#[test]
fn h264_gives_the_bytes_times_and_colours_of_the_own_reader() {
    for name in ["tiny.mp4", "tiny_fragmented.mp4", "tiny_bt709_full.mp4"] {
        let mut ours = passerby_capture::Video::open(data(name)).unwrap();
        let mut theirs = Libav::open(data(name)).unwrap();
        loop {
            let (a, b) = (ours.next_picture().unwrap(), theirs.next_picture().unwrap());
            let (Some(a), Some(b)) = (&a, &b) else {
                assert!(a.is_none() && b.is_none(), "{name}");
                break;
            };
            assert_eq!(checksum(&a.image), checksum(&b.image), "{name}");
            assert_eq!(a.image.color(), b.image.color(), "{name}");
            let (a, b) = (a.pts.unwrap(), b.pts.unwrap());
            assert!(a.abs_diff(b) <= Duration::from_micros(1), "{name}: {a:?}, {b:?}");
        }
        assert_eq!(ours.info().frame_rate.map(f64::round), theirs.info().frame_rate.map(f64::round));
    }
}

#[test]
fn a_rotated_video_is_upright() {
    let name = "a_rotated_video_is_upright";
    if !is_installed(name) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(plain) = make(folder.path(), "plain.mp4", "-c:v mpeg4") else { return };
    for (turn, size) in [("90", (92, 162)), ("180", (162, 92))] {
        let rotated = folder.path().join(format!("{turn}.mov"));
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y", "-i"])
            .arg(&plain)
            .args(["-c", "copy", "-metadata:s:v:0", &format!("rotate={turn}")])
            .arg(&rotated)
            .status()
            .unwrap();
        assert!(made.success());
        let picture = Libav::open(&rotated).unwrap().next_picture().unwrap().unwrap();
        assert_eq!((picture.image.width(), picture.image.height()), size);
        // The program rotates, too.
        let (ours, _) = sums(&mut Libav::open(&rotated).unwrap());
        assert_eq!(ours, reference(&rotated), "{turn}");
    }
}

#[test]
fn time_stamps_are_those_of_the_file() {
    let name = "time_stamps_are_those_of_the_file";
    if !is_installed(name) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments) in [
        ("a.mkv", "-c:v mpeg4 -bf 2"),
        ("b.avi", "-c:v mpeg4 -bf 2"),
        ("c.ts", "-c:v mpeg2video"),
        ("d.264", "-c:v libx264 -f h264"),
        ("e.265", "-c:v libx265 -x265-params log-level=none -f hevc"),
        ("f.m2v", "-c:v mpeg2video -f mpeg2video"),
    ] {
        let Some(path) = make(folder.path(), name, arguments) else { continue };
        let got = read(&path).0;
        let times: Vec<u64> = got.frames.iter().map(|(pts, _)| pts.unwrap() / 1000).collect();
        let want: Vec<u64> = (0..12).map(|i| 40 * i).collect();
        assert_eq!(times, want, "{name}");
    }
}

#[test]
fn a_file_is_a_source() {
    assert_eq!(suite::source(Libav::open(data("tiny_mpeg4.mp4")).unwrap()).1, 0);
    assert_eq!(suite::source(Libav::open(data("tiny.mp4")).unwrap()), (10, 0));
    let (_folder, path) = file("cut.mp4", &bytes("tiny.mp4")[..2800]);
    assert!(suite::source(Libav::open(&path).unwrap()).0 >= 5);
    let mut damaged = bytes("tiny.mp4");
    let middle = damaged.len() - 900;
    damaged[middle..middle + 300].fill(0xa5);
    let (_folder, path) = file("damaged.mp4", &damaged);
    let (pictures, skipped) = suite::source(Libav::open(&path).unwrap());
    assert!(pictures + skipped >= 9, "{pictures} and {skipped}");
}

#[test]
fn several_threads_give_the_same_pictures() {
    let settings = LibavSettings { threads: 3, ..LibavSettings::default() };
    let several = drain(&mut Libav::open_with(data("tiny.mp4"), settings).unwrap());
    let one = drain(&mut Libav::open(data("tiny.mp4")).unwrap());
    assert_eq!((several.frames, several.fatal.is_none()), (one.frames, true));
}

#[test]
fn buffers_come_from_the_pool() {
    let pool = FramePool::new(8);
    let context = SourceContext { pool: pool.clone(), ..SourceContext::default() };
    let settings = LibavSettings { context, ..LibavSettings::default() };
    let out = drain(&mut Libav::open_with(data("tiny.mp4"), settings).unwrap());
    let stats = pool.stats();
    assert_eq!(stats.allocated + stats.reused, out.frames.len() as u64);
    assert!(stats.allocated <= 6, "{stats:?}");
}

#[test]
fn files_that_name_other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    std::fs::copy(data("tiny.mp4"), &clip).unwrap();
    std::fs::copy(data("tiny.jpg"), folder.path().join("1.jpg")).unwrap();
    let lists = [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n".to_owned()),
        ("list.ffconcat", "ffconcat version 1.0\nfile clip.mp4\n".to_owned()),
        ("list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n".to_owned()),
        ("list.mpd", "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"></MPD>".to_owned()),
        ("list.xspf", format!("ffmetadata\n;FFMETADATA1\nfile={}\n", clip.display())),
        ("%d.jpg", String::from_utf8_lossy(&bytes("tiny.jpg")).into_owned()),
    ];
    for (name, text) in lists {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = Libav::open(&path).expect_err(name).to_string();
        assert!(error.contains(name), "{error}");
    }
    for name in ["concat:clip.mp4", "http://127.0.0.1:9/x.mp4", "lavfi:testsrc", "/dev/zero", "-"] {
        let error = Libav::open(name).expect_err(name);
        assert!(matches!(error, SourceError::Io { .. }), "{error}");
    }
}

#[test]
fn a_file_named_like_an_address_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["concat:a.mp4", "pipe:0", "-i", "a|b.mp4", "data:x"] {
        let path = folder.path().join(name);
        std::fs::copy(data("tiny.mp4"), &path).unwrap();
        assert_eq!(read(&path).0.frames.len(), 10, "{name}");
    }
}

#[test]
fn a_video_over_the_limit_is_refused_at_open() {
    let limits = DecodeLimits { video_pixels: 64 * 42 - 1, ..DecodeLimits::default() };
    let context = SourceContext { limits, ..SourceContext::default() };
    let settings = LibavSettings { context, ..LibavSettings::default() };
    let error = Libav::open_with(data("tiny.mp4"), settings).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
}

#[test]
fn open_reads_foreign_files_unless_another_decoder_is_chosen() {
    let read = |decoder| {
        let settings = OpenSettings { decoder, ..OpenSettings::default() };
        open_with(data("tiny_mpeg4.mp4"), &settings).map(|mut source| drain(&mut *source).frames.len())
    };
    assert_eq!(read(Decoder::Auto).unwrap(), read(Decoder::Libav).unwrap());
    assert!(matches!(read(Decoder::Rusty), Err(SourceError::Unsupported { .. })));
}

#[test]
fn flipped_bytes_never_end_the_process_or_hang() {
    let mut state = 7;
    let folder = tempfile::tempdir().unwrap();
    let mut clips: Vec<Vec<u8>> =
        ["tiny.mp4", "tiny_fragmented.mp4", "tiny.264", "tiny_mpeg4.mp4"].map(bytes).to_vec();
    if is_installed("flipped_bytes_never_end_the_process_or_hang, with more formats") {
        for (name, arguments) in [
            ("a.mkv", "-c:v libx265 -x265-params log-level=none"),
            ("b.ts", "-c:v libx265 -x265-params log-level=none"),
            ("c.webm", "-c:v libvpx-vp9"),
            ("d.avi", "-c:v mjpeg -pix_fmt yuvj420p"),
            ("e.mpg", "-c:v mpeg2video"),
            ("f.mov", "-c:v prores_ks"),
        ] {
            clips.extend(make(folder.path(), name, arguments).map(|path| std::fs::read(path).unwrap()));
        }
    }
    for (clip, whole) in clips.iter().enumerate() {
        for round in 0..150 {
            let mut broken = whole.clone();
            for _ in 0..1 + round % 8 {
                let at = random(&mut state) % broken.len();
                broken[at] = [0, 0xff, 0x7f, (random(&mut state) % 256) as u8][random(&mut state) % 4];
            }
            let (_folder, path) = file("flipped.mp4", &broken);
            let (got, time) = read(&path);
            assert!(time < Duration::from_secs(10), "clip {clip}, round {round} took {time:?}");
            assert!(got.frames.len() < 1000, "clip {clip}, round {round}: {}", got.frames.len());
        }
    }
}

#[test]
fn a_colour_space_without_a_name_counts_as_the_default() {
    let name = "a_colour_space_without_a_name_counts_as_the_default";
    if !is_installed(name) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = make(folder.path(), "color.mkv", "-c:v mpeg4 -colorspace bt709") else { return };
    let mut clip = std::fs::read(&path).unwrap();
    // The element MatrixCoefficients (0x55B1) of one byte.
    let at = clip.windows(4).position(|w| w == [0x55, 0xb1, 0x81, 1]).expect("the clip declares it");
    clip[at + 3] = 0xee;
    std::fs::write(&path, clip).unwrap();
    let mut source = Libav::open(&path).unwrap();
    let picture = source.next_picture().unwrap().unwrap();
    assert_eq!(picture.image.color(), passerby_types::ColorSpace::default());
    assert_eq!(drain(&mut source).frames.len(), 11);
}
