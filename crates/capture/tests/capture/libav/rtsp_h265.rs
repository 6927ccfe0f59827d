//! RTSP cameras that send H.265, played by GStreamer's server, if it is installed, from a clip that the ffmpeg program makes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::{checksum, drain};
use crate::gstreamer::{self, Camera};
use passerby_capture::{Libav, Rtsp, RtspSettings, RtspTransport};
use passerby_types::{ErrorClass, FrameSource, SourceError};

/// Makes a clip of 30 pictures with a key frame in the middle. Returns false, and reports it, if ffmpeg, its encoder or GStreamer
/// is missing.
fn make(path: &Path, test: &str, bframes: u32) -> bool {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25"])
        .args(["-frames:v", "30", "-c:v", "libx265", "-tag:v", "hvc1", "-x265-params"])
        .arg(format!("log-level=none:keyint=15:bframes={bframes}"))
        .arg(path)
        .output();
    let ready = made.is_ok_and(|out| out.status.success()) && gstreamer::is_installed();
    if !ready {
        eprintln!("SKIPPED {test}: no ffmpeg program with libx265, or no RTSP server of GStreamer");
    }
    ready
}

#[test]
fn every_frame_arrives_over_both_transports() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for bframes in [0, 2] {
        let path = folder.path().join(format!("{bframes}.mp4"));
        if !make(&path, "every_frame_arrives_over_both_transports", bframes) {
            return;
        }
        let file = drain(&mut Libav::open(&path).expect("a good clip opens"));
        assert_eq!(file.frames.len(), 30);
        let camera = Camera::start(&[&path.display().to_string(), "--h265", "--loops", "1"]);
        for transport in [RtspTransport::Tcp, RtspTransport::Udp] {
            let settings =
                RtspSettings { transport, max_age: Duration::from_secs(60), ..RtspSettings::default() };
            let mut source = Rtsp::connect(&camera.url(), settings).expect("the camera plays");
            let mut sums = Vec::new();
            let mut times = Vec::new();
            let end = loop {
                match source.next_picture() {
                    Ok(Some(picture)) => {
                        assert!(picture.age < Duration::from_secs(1), "{:?}", picture.age);
                        sums.push(checksum(&picture.image));
                        times.push(picture.pts.expect("a time").as_micros() as u64);
                    }
                    Ok(None) => panic!("no end without a reason"),
                    Err(e) if e.class() == ErrorClass::Skip => panic!("{transport:?}: {e}"),
                    Err(e) => break e,
                }
            };
            assert!(matches!(end, SourceError::Disconnected { .. }), "{end}");
            // The end of the connection can overtake the last datagrams.
            let all = if transport == RtspTransport::Udp { sums.len().clamp(26, 30) } else { 30 };
            let want: Vec<u32> = file.frames[..all].iter().map(|frame| frame.1).collect();
            assert_eq!(sums, want, "{transport:?}, {bframes} B frames");
            for (i, time) in times.iter().enumerate() {
                assert!(time.abs_diff(i as u64 * 40_000) <= 12, "{transport:?}: picture {i} at {time} us");
            }
        }
    }
}
