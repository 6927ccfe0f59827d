//! What a frame allocates in the steady state, from the reader to the sink: only what the stages' contracts say.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use passerby_pipeline::{Pipeline, PipelineSettings, Policy};
use passerby_types::{
    CameraId, ColorSpace, FramePool, FrameSource, Image, Observation, Picture, PixelLayout, Sink, SinkError,
    SourceError, SourceInfo, SystemClock,
};
use support::stages;

/// The system's allocator; while it counts, what all threads ask of it.
struct Counted;

static COUNTS: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static LARGE: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on as it is.
#[allow(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            CALLS.fetch_add(1, Ordering::Relaxed);
            BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
            LARGE.fetch_add(u64::from(layout.size() >= 4096), Ordering::Relaxed);
        }
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

/// Not counted: everything has its size by then.
const WARM: u64 = 500;
/// Counted.
const FRAMES: u64 = 1000;

/// A file whose pictures lie in lent buffers. It waits until all frames are written before the count begins, and
/// before it ends.
struct Lent {
    info: SourceInfo,
    pool: FramePool,
    given: u64,
    written: Arc<AtomicU64>,
}

impl FrameSource for Lent {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if [WARM, WARM + FRAMES].contains(&self.given) {
            support::until("all are written", || self.written.load(Ordering::Acquire) == self.given);
            COUNTS.store(self.given == WARM, Ordering::Relaxed);
        }
        if self.given == WARM + FRAMES {
            return Ok(None);
        }
        self.given += 1;
        let lent = Image::lend(&self.pool, PixelLayout::Gray8, 160, 120, ColorSpace::JPEG);
        Ok(lent.ok().map(|image| Picture::new(image, None)))
    }
    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

/// Counts the observations.
struct Tally(Arc<AtomicU64>);

impl Sink for Tally {
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        self.0.fetch_add(batch.len() as u64, Ordering::Release);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What all threads together allocated over [`FRAMES`] frames: how often, and how many bytes.
fn allocated(policy: Policy, cadence: u64) -> (u64, u64) {
    for counter in [&CALLS, &BYTES, &LARGE] {
        counter.store(0, Ordering::Relaxed);
    }
    let mut settings = PipelineSettings { detectors: 2, ..PipelineSettings::default() };
    (settings.flow.embed, settings.flow.classify, settings.flow.cadence) = (policy, policy, cadence);
    // Each observation is written at once, so that the source can wait for the last.
    settings.flow.writer.rows = 1;
    let info = SourceInfo { name: "lent".into(), ..SourceInfo::default() };
    let written = Arc::new(AtomicU64::new(0));
    let source = Lent { info, pool: FramePool::new(256), given: 0, written: Arc::clone(&written) };
    let finished = Pipeline::new(stages(|_| {}), settings, Arc::new(SystemClock::new()))
        .camera(CameraId(0), source)
        .sink(Tally(written))
        .run()
        .expect("it starts");
    support::settled(&finished);
    assert_eq!(LARGE.load(Ordering::Relaxed), 0, "nothing of 4 KiB or more");
    (CALLS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed))
}

#[test]
fn a_frame_allocates_what_the_contracts_give_and_nothing_else() {
    // No track is looked at after its first look.
    let seldom =
        Policy { min_size: 0.0, first: 1, gap: 0, better: f32::INFINITY, stale: u64::MAX, recheck: u64::MAX };
    let cases = [
        // The two lists that the detector gives, the tracks that the tracker gives, and the faces of the observation.
        ("detected", seldom, 1, 4 * FRAMES, 400),
        // The latter two for nine of ten.
        ("every tenth detected", seldom, 10, (4 + 9 * 2) * FRAMES / 10, 300),
        // Also the chip, the answers of both stages, the embedding for the observation, the sighting and the identity,
        // and the lists in which they go back and forth.
        ("looked at twice", Policy::ALWAYS, 1, 17 * FRAMES, 5500),
    ];
    for (what, policy, cadence, expected, most) in cases {
        let (calls, bytes) = allocated(policy, cadence);
        println!("{what}: {calls} allocations and {bytes} bytes over {FRAMES} frames");
        // A few more where more frames were inside at once than ever before.
        assert!((expected..expected + 20).contains(&calls), "{what}: {calls} and not {expected}");
        assert!(bytes <= most * FRAMES, "{what}: {bytes}");
    }
}
