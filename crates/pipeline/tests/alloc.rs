//! In the steady state a frame allocates nothing, from the reader to the sink and the subscribers.

#[path = "support/counted.rs"]
mod counted;
mod support;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use passerby_pipeline::{Flow, Pipeline, PipelineSettings, SamplingPolicy, Subscription, WhenFull};
use passerby_testkit::{FixedEmbedder, OrderTracker, PersonPerTrack};
use passerby_types::{
    CameraId, ColorSpace, Face, FrameMeta, FramePool, FrameSource, Image, Observation, Picture, PixelLayout,
    Sink, SinkError, SourceError, SourceInfo, SystemClock, TrackUpdate, Tracker,
};
use support::stages;

/// Frames of each camera that are not counted: everything has its size after them.
const WARM: u64 = 300;
/// Frames at the start that are slow: a third of them for the tracker, a third for the subscriber, a third for the sink. What
/// comes before each is full then, so that never again more frames are there.
const SLOW: u64 = 120;
/// Frames of each camera that are counted.
const FRAMES: u64 = 1000;

/// How long a slow sink or subscriber takes. Also on a busy machine everything before it is full by then.
const PAUSE: Duration = Duration::from_millis(10);

/// A file whose pictures lie in lent buffers. It waits until all frames of all files are written before the count begins,
/// and before it ends.
struct Lent {
    info: SourceInfo,
    pool: FramePool,
    given: u64,
    cameras: u64,
    written: Arc<AtomicU64>,
}

impl FrameSource for Lent {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if [WARM, WARM + FRAMES].contains(&self.given) {
            let all = self.given * self.cameras;
            support::until("all are written", || self.written.load(Ordering::Acquire) >= all);
            counted::count(self.given == WARM);
        }
        if self.given == WARM + FRAMES {
            return Ok(None);
        }
        self.given += 1;
        let lent = Image::new_in(&self.pool, PixelLayout::Gray8, 160, 120, ColorSpace::JPEG);
        Ok(lent.ok().map(|image| Picture::new(image, None)))
    }
    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// Counts the observations, the first ones slowly.
struct Tally(Arc<AtomicU64>);

impl Sink for Tally {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        if (SLOW / 3 * 2..SLOW).contains(&self.0.load(Ordering::Relaxed)) {
            std::thread::sleep(PAUSE);
        }
        self.0.fetch_add(batch.len() as u64, Ordering::Release);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Each face is a track, slowly at first.
#[derive(Default)]
struct Hesitant(OrderTracker);

impl Tracker for Hesitant {
    fn update(&mut self, meta: &FrameMeta, faces: Option<&[Face]>, out: &mut TrackUpdate) {
        if meta.seq < SLOW / 3 {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.0.update(meta, faces, out);
    }
}

/// Which way the frames go.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Flow,
    Pipeline,
    /// The pipeline with a subscriber to every observation.
    Subscribed,
}

/// What all threads together allocated over [`FRAMES`] frames of each of these cameras: how often, and how many bytes.
fn allocated(way: Way, cameras: u32, policy: SamplingPolicy, cadence: u64) -> (u64, u64) {
    let mut settings =
        PipelineSettings { detect_workers: 2, publish_metrics: false, ..PipelineSettings::default() };
    (settings.flow.embed, settings.flow.classify, settings.flow.cadence) = (policy, policy, cadence);
    // Each observation is written at once, so that the source can wait for the last, and few wait for that.
    (settings.flow.writer.batch_rows, settings.flow.writer.max_pending_rows) = (1, 8);
    let written = Arc::new(AtomicU64::new(0));
    let source = || Lent {
        info: SourceInfo { name: "lent".into(), ..SourceInfo::default() },
        pool: FramePool::new(256),
        given: 0,
        cameras: u64::from(cameras),
        written: Arc::clone(&written),
    };
    let embedder = FixedEmbedder::default();
    let stages = stages(|_| {})
        .with_tracker(Hesitant::default)
        .identifying(move || embedder.clone(), PersonPerTrack::default);
    let clock = Arc::new(SystemClock::new());
    let mut sink = Tally(Arc::clone(&written));
    counted::reset();
    if way == Way::Flow {
        let mut flow = Flow::new(stages, settings.flow, clock).expect("stages");
        let mut sources: Vec<Lent> = (0..cameras).map(|_| source()).collect();
        let lanes = sources.iter_mut().zip(0..).map(|(s, id)| (CameraId(id), s as &mut dyn FrameSource));
        flow.run_together(lanes.collect(), Some(&mut sink), &mut |_| ControlFlow::Continue(()));
    } else {
        let pipeline = Pipeline::new(stages, settings, clock).sink(sink);
        let pipeline = (0..cameras).fold(pipeline, |pipeline, id| pipeline.camera(CameraId(id), source()));
        let handle = pipeline.start_paused().expect("it starts");
        let all = (way == Way::Subscribed).then(|| handle.subscribe("all", 4, WhenFull::Block));
        let (waited, has_waited) = mpsc::sync_channel::<()>(1);
        let receive = move || {
            // A thread allocates once, at its first wait in a channel. The pipeline is paused, so this is one.
            drop(all.as_ref().map(|all| all.recv_timeout(Duration::from_millis(1))));
            drop(waited);
            for seen in 0.. {
                let Some(_observation) = all.as_ref().and_then(Subscription::recv) else { break };
                if (SLOW / 3..SLOW / 3 * 2).contains(&seen) {
                    std::thread::sleep(PAUSE);
                }
            }
        };
        let receiver = std::thread::Builder::new().name("receive".into()).spawn(receive).expect("a thread");
        has_waited.recv().expect_err("the receiver only drops its end");
        handle.resume();
        support::settled(&handle.finish());
        receiver.join().expect("it only takes");
    }
    assert_eq!(written.load(Ordering::Relaxed), (WARM + FRAMES) * u64::from(cameras));
    counted::taken()
}

// Not a `#[test]`: the harness allocates when a test takes longer than a minute, as on a busy machine.
fn main() {
    // No track gets a second sample.
    let seldom = SamplingPolicy {
        min_size: 0.0,
        initial_views: 1,
        min_gap: Duration::ZERO,
        min_quality_gain: f32::INFINITY,
        stale_after: Duration::MAX,
        recheck_after: Duration::MAX,
    };
    for way in [Way::Flow, Way::Pipeline, Way::Subscribed] {
        for (case, cameras, policy, cadence) in [
            ("detected", 1, seldom, 1),
            ("every tenth detected", 1, seldom, 10),
            // Each frame's face is cut out, embedded, identified, its attributes are estimated and fused.
            ("sampled twice", 1, SamplingPolicy::ALWAYS, 1),
            ("sampled twice, two cameras", 2, SamplingPolicy::ALWAYS, 1),
            ("sampled twice, every third detected", 1, SamplingPolicy::ALWAYS, 3),
        ] {
            let allocated = allocated(way, cameras, policy, cadence);
            assert_eq!(allocated, (0, 0), "calls and bytes, {way:?}, {case}, over {FRAMES} frames a camera");
        }
    }
}
