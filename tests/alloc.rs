//! A frame with the bundled stages allocates nothing in the steady state, whether its faces are sampled or not.
//!
//! The test counts from the picture to the sink. It decodes the pictures beforehand: a decoder is not part of the
//! count.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

#[path = "../crates/pipeline/tests/support/counted.rs"]
mod counted;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use passerby::pipeline::{Flow, FlowSettings, Pipeline, PipelineSettings, WhenFull};
use passerby::types::{
    CameraId, FramePool, FrameSource, Image, Observation, Picture, Region, Sink, SinkError, SourceError,
    SourceInfo, SystemClock,
};
use passerby::{Settings, capture, stages};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4");
/// A stretch of the clip in which no person comes or goes, played forwards and backwards.
const STRETCH: std::ops::Range<usize> = 75..85;
/// Frames that are not counted if every face is looked at in every frame. After them every buffer has its final size.
const WARM: u64 = 60;
/// The same if a face is looked at every three seconds: 24 seconds, after which the gallery keeps no more views.
const WARM_BY_DEFAULT: u64 = 600;
/// Frames that are counted.
const FRAMES: u64 = 60;
/// How long the sink and the subscriber each block once before the count begins. The queues before them are full then,
/// so the count can never see more frames in flight.
const HALT: Duration = Duration::from_secs(3);

/// The stretch to and fro, in pooled buffers. The source waits until all frames are written before the count begins,
/// and again before it ends.
struct ToAndFro {
    info: SourceInfo,
    pictures: Vec<Image>,
    pool: FramePool,
    warm: u64,
    given: u64,
    written: Arc<AtomicU64>,
}

impl ToAndFro {
    fn new(warm: u64, written: &Arc<AtomicU64>) -> Self {
        let mut clip = capture::open(CLIP).unwrap();
        let pictures = std::iter::from_fn(|| clip.next_picture().unwrap()).map(|picture| picture.image);
        Self {
            info: SourceInfo { name: "to and fro".into(), ..SourceInfo::default() },
            pictures: pictures.take(STRETCH.end).skip(STRETCH.start).collect(),
            pool: FramePool::new(64),
            warm,
            given: 0,
            written: Arc::clone(written),
        }
    }
}

impl FrameSource for ToAndFro {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if [self.warm, self.warm + FRAMES].contains(&self.given) {
            while self.written.load(Ordering::Acquire) < self.given {
                std::thread::sleep(Duration::from_millis(1));
            }
            counted::count(self.given == self.warm);
        }
        if self.given == self.warm + FRAMES {
            return Ok(None);
        }
        let place = self.given as usize % (2 * self.pictures.len() - 2);
        let last = self.pictures.len() - 1;
        let image = &self.pictures[if place > last { 2 * last - place } else { place }];
        self.given += 1;
        let whole = Region { x: 0, y: 0, width: image.width(), height: image.height() };
        let (image, _) = image.crop(whole, &self.pool).unwrap();
        Ok(Some(Picture::new(image, None)))
    }
    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// Counts the observations, and the faces, embeddings and estimates in them.
#[derive(Clone, Default)]
struct Tally {
    written: Arc<AtomicU64>,
    seen: [Arc<AtomicU64>; 3],
}

impl Sink for Tally {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        for face in batch.iter().flat_map(|observation| &observation.faces) {
            let known = [face.face.is_some(), face.embedding.is_some(), face.estimate.is_some()];
            self.seen.iter().zip(known).for_each(|(n, known)| {
                n.fetch_add(u64::from(known), Ordering::Relaxed);
            });
        }
        let before = self.written.fetch_add(batch.len() as u64, Ordering::Release);
        if before == WARM / 6 {
            std::thread::sleep(HALT);
        }
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Returns the number of allocations and of bytes over [`FRAMES`] frames. Asserts that the run gave at least `least`
/// faces, embeddings and estimates.
fn allocated(threads: bool, mut flow: FlowSettings, warm: u64, least: [u64; 3]) -> (u64, u64) {
    // Each observation is written at once, so that the source can wait for the last.
    flow.writer.batch_rows = 1;
    let stages = stages(&Settings::default()).unwrap();
    let clock = Arc::new(SystemClock::new());
    let mut tally = Tally::default();
    let mut source = ToAndFro::new(warm, &tally.written);
    counted::reset();
    if threads {
        let settings = PipelineSettings { flow, publish_metrics: false, ..PipelineSettings::default() };
        let pipeline = Pipeline::new(stages, settings, clock).camera(CameraId(0), source).sink(tally.clone());
        let handle = pipeline.start_paused().unwrap();
        let all = handle.subscribe("all", 1, WhenFull::Block);
        // A subscription ends with its pipeline, so a thread must read it until then.
        let take = move || {
            for seen in 0.. {
                let Some(_observation) = all.recv() else { break };
                if seen == WARM / 2 {
                    std::thread::sleep(HALT);
                }
            }
        };
        let taker = std::thread::Builder::new().name("take".into()).spawn(take).unwrap();
        handle.resume();
        assert!(handle.finish().abandoned.is_empty());
        taker.join().unwrap();
    } else {
        let mut flow = Flow::new(stages, flow, clock).unwrap();
        flow.run(CameraId(0), &mut source, Some(&mut tally), &mut |_| ControlFlow::Continue(()));
    }
    let seen = tally.seen.map(|n| n.load(Ordering::Relaxed));
    assert!(seen.iter().zip(least).all(|(n, least)| *n >= least), "{seen:?} faces, embeddings, estimates");
    counted::taken()
}

// Not a `#[test]`: the harness allocates when a test takes longer than a minute, as on a busy machine.
fn main() {
    let all = 2 * (WARM + FRAMES);
    for (what, threads, settings, warm, least) in [
        ("flow, every face looked at twice", false, FlowSettings::default().every_frame(), WARM, [all; 3]),
        ("pipeline, every face looked at twice", true, FlowSettings::default().every_frame(), WARM, [all; 3]),
        ("pipeline, as it is by default", true, FlowSettings::default(), WARM_BY_DEFAULT, [all, 9, 9]),
    ] {
        let allocated = allocated(threads, settings, warm, least);
        assert_eq!(allocated, (0, 0), "calls and bytes, {what}, over {FRAMES} frames");
    }
}
