//! The video of a camera for a browser: a fragmented MP4 whose frames and times are those of the pipeline.
#![allow(clippy::print_stderr, reason = "skipped tests are reported")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use passerby_capture::{Video, open};
use passerby_mp4::Fmp4Muxer;
use passerby_pipeline::{CodedStreamStats, Pipeline, PipelineSettings, RecvOutcome, Stages, WhenFull};
use passerby_preview::{VideoEnd, VideoFeed, VideoMessage};
use passerby_testkit::{OrderTracker, ScriptedDetector};
use passerby_types::{CameraId, FrameSource, Image, SystemClock};

const CAMERA: CameraId = CameraId(0);
const MINUTE: Duration = Duration::from_secs(60);

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../capture/tests/data").join(name)
}

fn pipeline() -> Pipeline {
    let stages = Stages::new(ScriptedDetector::default, OrderTracker::default);
    Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
}

/// Runs a clip through a pipeline. Returns its messages for a viewer, and the number and time of each frame that was analysed.
fn play(name: &str, options: &str) -> (Vec<VideoMessage>, Vec<(u64, Option<Duration>)>) {
    let input = format!("{}{options}", data(name).display());
    let pipeline = pipeline().camera(CAMERA, open(input).expect("a good clip opens"));
    let observations = pipeline.subscribe("frames", 1000, WhenFull::Block);
    let handle = pipeline.start_paused().expect("it starts");
    let mut feed = VideoFeed::new(handle.coded_streams().open(CAMERA).expect("the camera exists"));
    handle.resume();
    assert!(handle.wait(CAMERA, MINUTE));
    let report = handle.finish();
    let messages = take_all(&mut feed);
    let stats = feed.stats();
    let frames = report.reports[0].ledger.captured;
    assert_eq!((stats.offered, stats.received, stats.skipped, feed.refused()), (frames, frames, 0, 0));
    (messages, observations.map(|o| (o.meta.seq, o.meta.pts)).collect())
}

/// Takes the messages of a camera that has ended.
fn take_all(feed: &mut VideoFeed) -> Vec<VideoMessage> {
    let context = Context::from_waker(Waker::noop());
    let mut messages = Vec::new();
    loop {
        match feed.poll_next(&context) {
            Poll::Ready(Ok(message)) => messages.push(message),
            Poll::Ready(Err(end)) => {
                assert_eq!(end, VideoEnd::Camera);
                return messages;
            }
            Poll::Pending => panic!("the camera has ended"),
        }
    }
}

/// Returns all segments as one file.
fn mp4(messages: &[VideoMessage]) -> Vec<u8> {
    let segment = |message: &VideoMessage| match message {
        VideoMessage::Segment(data) => Some(data.clone()),
        VideoMessage::Description(_) => None,
    };
    messages.iter().filter_map(segment).flatten().collect()
}

/// Returns the pictures of a file, each with its time, and all pixels.
fn pictures(path: &Path) -> Vec<(Option<Duration>, Vec<u8>)> {
    let mut video = Video::open(path).expect("a good file opens");
    let pixels = |image: &Image| image.to_rgb();
    video
        .pictures()
        .map(|picture| picture.map(|p| (p.pts, pixels(&p.image))).expect("a good picture"))
        .collect()
}

/// Returns the content of the first box of this kind, wherever it is.
fn content<'a>(file: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = file.windows(4).position(|window| window == kind).expect("such a box");
    let size = u32::from_be_bytes(file[at - 4..at].try_into().expect("four bytes")) as usize;
    &file[at + 4..at - 4 + size]
}

#[test]
fn the_file_has_the_pictures_and_times_of_the_clip() {
    // With B frames, without, and as a byte stream.
    for name in ["tiny.mp4", "tiny_bt709_full.mp4", "tiny.264"] {
        let (messages, frames) = play(name, "");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("live.mp4");
        std::fs::write(&path, mp4(&messages)).expect("it is written");
        let want = pictures(&data(name));
        let got = pictures(&path);
        assert_eq!(got.len(), want.len(), "{name}");
        for (i, ((got_pts, got), (pts, want))) in got.iter().zip(&want).enumerate() {
            assert!(got == want, "{name}: picture {i} differs");
            let off = got_pts.zip(*pts).map(|(a, b)| a.abs_diff(b)).expect("times");
            assert!(off < Duration::from_micros(6), "{name}: picture {i} is off by {off:?}");
            assert_eq!(frames[i].1, *pts, "{name}: observation {i}");
        }
        ffmpeg_agrees(&path, &data(name));
    }
}

/// Checks that the ffmpeg program, if it is installed, decodes the same frames at the same times from both files.
fn ffmpeg_agrees(live: &Path, clip: &Path) {
    let frames = |path: &Path| {
        let run = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(path)
            .args(["-map", "0:v", "-vsync", "passthrough", "-enc_time_base", "1:1000", "-f", "framecrc", "-"])
            .output();
        let Ok(run) = run else { return None };
        assert!(run.status.success() && run.stderr.is_empty(), "{}", String::from_utf8_lossy(&run.stderr));
        let text = String::from_utf8(run.stdout).expect("text");
        let line =
            |line: &str| -> Vec<String> { line.split(',').map(|part| part.trim().to_owned()).collect() };
        // The time, the size and the sum of each frame.
        let lines = text.lines().filter(|l| !l.starts_with('#')).map(line);
        Some(lines.map(|l| (l[2].clone(), l[4].clone(), l[5].clone())).collect::<Vec<_>>())
    };
    let Some(live) = frames(live) else { return eprintln!("SKIPPED: no ffmpeg program") };
    let clip_frames = frames(clip).expect("it is installed");
    if clip.extension().is_some_and(|kind| kind == "mp4") {
        assert_eq!(live, clip_frames, "{}", clip.display());
    } else {
        let sums = |all: &[(String, String, String)]| all.iter().map(|f| f.2.clone()).collect::<Vec<_>>();
        assert_eq!(sums(&live), sums(&clip_frames), "a byte stream has no times of its own");
    }
}

#[test]
fn a_stream_begins_with_its_description_and_a_key_frame() {
    let (messages, _) = play("tiny_bt709_full.mp4", "");
    assert_eq!(messages.len(), 2 + 10);
    assert_eq!(
        messages[0],
        VideoMessage::Description(r#"{"codec":"avc1.42c00a","width":64,"height":48}"#.into())
    );
    let VideoMessage::Segment(init) = &messages[1] else { panic!("an init segment") };
    assert_eq!(&init[4..8], b"ftyp");
    let configuration = content(init, b"avcC");
    assert_eq!(configuration[..6], [1, 66, 0xC0, 10, 0xFF, 0xE1]);
    for (number, message) in messages[2..].iter().enumerate() {
        let VideoMessage::Segment(fragment) = message else { panic!("a segment") };
        assert_eq!(&fragment[4..8], b"moof");
        let number = number as u32;
        assert_eq!(content(fragment, b"mfhd")[4..], (number + 1).to_be_bytes());
        assert_eq!(content(fragment, b"tfdt")[4..], (u64::from(number) * 9000).to_be_bytes(), "10 a second");
        let run = content(fragment, b"trun");
        assert_eq!(run[..8], [1, 0, 0x0F, 1, 0, 0, 0, 1], "one sample");
        let data_offset = u32::from_be_bytes(run[8..12].try_into().expect("four bytes")) as usize;
        let duration = u32::from_be_bytes(run[12..16].try_into().expect("four bytes"));
        assert_eq!(duration, if number == 0 { 22_500 } else { 9000 });
        let size = u32::from_be_bytes(run[16..20].try_into().expect("four bytes")) as usize;
        assert_eq!(
            (data_offset + size, &fragment[data_offset - 4..data_offset]),
            (fragment.len(), &b"mdat"[..])
        );
        assert_eq!(run[20], if number == 0 { 2 } else { 1 }, "only the first needs no other");
        assert_eq!(run[24..], [0; 4], "shown when it is decoded");
    }
}

#[test]
fn a_turned_camera_has_a_turned_track() {
    let matrix = |options: &str| {
        let (messages, _) = play("tiny.mp4", options);
        let VideoMessage::Segment(init) = &messages[1] else { panic!("an init segment") };
        let VideoMessage::Description(json) = &messages[0] else { panic!("a description") };
        let numbers = content(init, b"tkhd")[40..76].chunks_exact(4);
        let matrix: Vec<i32> =
            numbers.map(|b| i32::from_be_bytes(b.try_into().expect("four bytes")) >> 16).collect();
        (json.clone(), matrix)
    };
    let size = |width, height| format!(r#","width":{width},"height":{height}}}"#);
    for (options, shown, want) in [
        ("", size(64, 42), [1, 0, 0, 0, 1, 0, 0, 0, 16_384]),
        ("?rotate=90", size(42, 64), [0, 1, 0, -1, 0, 0, 42, 0, 16_384]),
        ("?rotate=180", size(64, 42), [-1, 0, 0, 0, -1, 0, 64, 42, 16_384]),
        ("?rotate=270", size(42, 64), [0, -1, 0, 1, 0, 0, 0, 64, 16_384]),
    ] {
        let (json, matrix) = matrix(options);
        assert!(json.ends_with(&shown), "{options}: {json}");
        assert_eq!(matrix, want, "{options}");
    }
}

#[test]
fn repeated_playback_is_one_rising_stream() {
    let input = format!("{}?live=200&loop", data("tiny.mp4").display());
    let handle = pipeline().start().expect("it starts");
    handle.add(CAMERA, open(input).expect("a good clip opens")).expect("a new camera");
    let stream = handle.coded_streams().open(CAMERA).expect("the camera exists");
    let mut muxer = Fmp4Muxer::default();
    let mut inits = 0;
    let mut last = None;
    for _ in 0..35 {
        let RecvOutcome::Item(frame) = stream.recv_timeout(MINUTE) else { panic!("the camera plays") };
        let muxed = muxer
            .push(&frame.coded, frame.pts, frame.dts)
            .expect("a good frame")
            .expect("after the key frame");
        inits += u32::from(muxed.init.is_some());
        let time = u64::from_be_bytes(content(&muxed.fragment, b"tfdt")[4..].try_into().expect("8 bytes"));
        assert!(last < Some(time), "{last:?} {time}");
        last = Some(time);
    }
    assert_eq!(inits, 1, "each loop has the same parameters");
    drop(handle);
}

#[test]
fn a_viewer_that_stops_reading_is_closed_and_holds_up_nothing() {
    let input = format!("{}?live=1000&loop", data("tiny.mp4").display());
    let handle = pipeline().start().expect("it starts");
    handle.add(CAMERA, open(input).expect("a good clip opens")).expect("a new camera");
    let streams = handle.coded_streams();
    let mut slow = VideoFeed::new(streams.open(CAMERA).expect("the camera exists"));
    let good = streams.open(CAMERA).expect("the camera exists");
    // Each group has five frames, so a full queue leaves room for 60 more after a jump.
    while slow.stats().jumps < 2 {
        assert!(matches!(good.recv_timeout(MINUTE), RecvOutcome::Item(_)));
    }
    let context = Context::from_waker(Waker::noop());
    assert_eq!(slow.poll_next(&context), Poll::Ready(Err(VideoEnd::Slow)));
    let CodedStreamStats { offered, received, skipped, waiting, .. } = slow.stats();
    assert_eq!((received, offered), (0, skipped + waiting));
    assert_eq!(good.stats().skipped, 0);
    drop(handle);
}
