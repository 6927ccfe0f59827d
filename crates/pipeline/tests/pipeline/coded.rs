//! The coded streams of a pipeline: every frame with the number and time of its observation, and nothing without a viewer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use passerby_pipeline::{CodedFrame, CodedStream, Pipeline, PipelineSettings, RecvOutcome, WhenFull};
use passerby_types::{
    CameraId, Codec, CodedDemand, CodedOffer, ColorSpace, FrameSource, Image, Picture, PixelLayout,
    SourceError, SourceInfo, SystemClock,
};

use crate::support;

const MINUTE: Duration = Duration::from_secs(60);

/// A camera whose pictures have a coded byte: their number.
struct Numbered {
    info: SourceInfo,
    coded: CodedOffer,
    given: u64,
    frames: u64,
    copies: Arc<AtomicU64>,
    panics: bool,
}

impl Numbered {
    fn new(frames: u64) -> Self {
        let info = SourceInfo { name: "numbered".into(), codec: Some(Codec::H264), ..SourceInfo::default() };
        let copies = Arc::default();
        Self { info, coded: CodedOffer::default(), given: 0, frames, copies, panics: false }
    }
}

impl FrameSource for Numbered {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if self.given == self.frames {
            assert!(!self.panics, "a camera that panics");
            return Ok(None);
        }
        let number = self.given;
        self.given += 1;
        // Every tenth picture is a key frame, every seventh is lost.
        if number % 7 == 6 {
            return Err(SourceError::Damaged {
                input: "numbered".into(),
                frame: number,
                what: "lost".into(),
            });
        }
        let copies = Arc::clone(&self.copies);
        let data = || {
            copies.fetch_add(1, Ordering::Relaxed);
            vec![number as u8].into()
        };
        let coded = self.coded.h264(data, &Arc::default(), number.is_multiple_of(10));
        let image =
            Image::from_vec(PixelLayout::Gray8, 4, 2, ColorSpace::JPEG, vec![0; 8]).expect("a picture");
        Ok(Some(Picture { coded, ..Picture::new(image, Some(Duration::from_millis(40 * number))) }))
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.coded.set_demand(demand);
    }
}

fn pipeline() -> Pipeline {
    Pipeline::new(support::stages(|_| {}), PipelineSettings::default(), Arc::new(SystemClock::new()))
}

/// Receives to the end of the camera.
fn receive(stream: &CodedStream) -> Vec<CodedFrame> {
    std::iter::from_fn(|| match stream.recv_timeout(MINUTE) {
        RecvOutcome::Item(frame) => Some(frame),
        RecvOutcome::Closed => None,
        RecvOutcome::Empty => panic!("nothing came for a minute"),
    })
    .collect()
}

#[test]
fn each_coded_frame_has_the_number_and_the_time_of_its_observation() {
    let pipeline = pipeline().camera(CameraId(0), Numbered::new(50));
    let observations = pipeline.subscribe("all", 100, WhenFull::Block);
    let handle = pipeline.start_paused().expect("it starts");
    let stream = handle.coded_streams().open(CameraId(0)).expect("the camera exists");
    handle.resume();
    let coded: Vec<_> = receive(&stream)
        .iter()
        .map(|frame| (frame.seq, Some(frame.pts), u64::from(frame.coded.data[0]), frame.dts == frame.pts))
        .collect();
    support::settled(&handle.finish());
    let observed: Vec<_> = observations.map(|o| (o.meta.seq, o.meta.pts, o.meta.seq, true)).collect();
    assert_eq!((coded.len(), &coded), (43, &observed));
}

#[test]
fn without_a_viewer_nothing_is_copied() {
    let source = Numbered::new(50);
    let copies = Arc::clone(&source.copies);
    let handle = pipeline().camera(CameraId(0), source).start().expect("it starts");
    let streams = handle.coded_streams();
    support::settled(&handle.finish());
    assert_eq!(copies.load(Ordering::Relaxed), 0);
    assert_eq!(streams.codec(CameraId(0)), Some(Codec::H264), "it is known nevertheless");
}

#[test]
fn a_camera_that_is_added_later_has_a_stream_too() {
    let handle = pipeline().start_paused().expect("it starts");
    let streams = handle.coded_streams();
    assert!(streams.open(CameraId(3)).is_none() && streams.codec(CameraId(3)).is_none());
    handle.add(CameraId(3), Numbered::new(20)).expect("a new camera");
    let stream = streams.open(CameraId(3)).expect("the camera exists");
    handle.resume();
    assert_eq!(receive(&stream).len(), 18);
    support::settled(&handle.finish());
    let late = streams.open(CameraId(3)).expect("the camera existed");
    assert!(receive(&late).is_empty(), "the camera has ended");
}

#[test]
fn a_viewer_that_reads_nothing_costs_the_camera_no_frame() {
    let pipeline = pipeline().camera(CameraId(0), Numbered::new(2000));
    let handle = pipeline.start_paused().expect("it starts");
    let streams = handle.coded_streams();
    let idle = streams.open(CameraId(0)).expect("the camera exists");
    handle.resume();
    let report = handle.finish();
    support::settled(&report);
    let ledger = &report.reports[0].ledger;
    let frames = ledger.analysed;
    assert_eq!((frames, ledger.captured), (2000 - 285, 2000), "every seventh is lost");
    let stats = idle.stats();
    assert_eq!((stats.offered, stats.received, stats.skipped + stats.waiting), (frames, 0, frames));
    assert!(stats.jumps > 0 && stats.waiting <= 64, "{stats:?}");
    let rest = receive(&idle);
    assert!(rest[0].coded.key && rest.len() as u64 == stats.waiting);
}

#[test]
fn a_panic_of_the_source_ends_its_streams() {
    let source = Numbered { panics: true, ..Numbered::new(5) };
    let handle = pipeline().camera(CameraId(0), source).start_paused().expect("it starts");
    let stream = handle.coded_streams().open(CameraId(0)).expect("the camera exists");
    handle.resume();
    assert_eq!(receive(&stream).len(), 5);
    assert!(handle.finish().reports[0].error.is_some());
}

#[test]
fn a_removed_camera_ends_its_streams() {
    let handle = pipeline().start().expect("it starts");
    let endless = passerby_capture::open("scene:size=64x48,people=0,live=100,loop").expect("a scene");
    handle.add(CameraId(0), endless).expect("a new camera");
    let stream = handle.coded_streams().open(CameraId(0)).expect("the camera exists");
    assert!(handle.remove(CameraId(0), MINUTE));
    assert!(receive(&stream).is_empty(), "a scene has no coded pictures");
    assert_eq!(handle.coded_streams().codec(CameraId(0)), None);
}
