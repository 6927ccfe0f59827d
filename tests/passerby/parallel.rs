//! Real clips give exactly the same through the pipeline as through the flow, with any number of workers: the same
//! tracks, embeddings, persons and attributes in every frame.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use passerby::inference::Precision;
use passerby::pipeline::{Flow, FlowSettings, Pipeline, PipelineSettings, WhenFull};
use passerby::types::{CameraId, FrameSource, Observation, SystemClock};
use passerby::{Settings, capture, stages};
use passerby_testkit::Excerpt;

/// Returns `take` pictures of a video after the first `skip` pictures.
fn excerpt(path: &Path, skip: usize, take: usize) -> Excerpt<Box<dyn FrameSource>> {
    Excerpt::new(capture::open(path).expect("a good clip"), skip, take)
}

/// Returns an observation as text, without times.
fn shown(o: &Observation) -> String {
    let faces: Vec<String> = o
        .faces
        .iter()
        .map(|f| {
            let embedding = f.embedding.as_ref().map(|e| e.as_slice().to_vec());
            format!(
                "{:?} {:?} {:?} {:?} {embedding:?} {:?} {:?} {:?}",
                f.track, f.state, f.bbox, f.face, f.estimate, f.identity, f.attributes
            )
        })
        .collect();
    format!("{} {} {:?} {faces:?} {:?}", o.meta.camera, o.meta.seq, o.kind, o.ended)
}

/// Asserts that both give the same for these stretches, run as cameras at once.
fn equal(stretches: &[(PathBuf, usize, usize)], workers: &[usize]) {
    let settings = Settings { embedder: Precision::Int8, ..Settings::default() };
    let open = || stretches.iter().map(|(path, skip, take)| excerpt(path, *skip, *take)).collect::<Vec<_>>();
    let id = |i: usize| CameraId(u32::try_from(i).expect("few cameras"));

    let mut expected = Vec::new();
    let made = stages(&settings).expect("bundled networks");
    let mut flow =
        Flow::new(made.clone(), FlowSettings::default(), Arc::new(SystemClock::new())).expect("stages");
    let mut sources = open();
    let cameras = sources.iter_mut().enumerate().map(|(i, s)| (id(i), s as &mut dyn FrameSource)).collect();
    flow.run_together(cameras, None, &mut |o| {
        expected.push(shown(o));
        ControlFlow::Continue(())
    });
    let persons = expected.iter().filter(|line| line.contains("Person {")).count();
    assert!(
        persons > 20 && expected.iter().any(|line| line.contains("Age {")),
        "{persons}: the clips say something"
    );

    for &workers in workers {
        let settings = PipelineSettings { detect_workers: workers, ..PipelineSettings::default() };
        let mut pipeline = Pipeline::new(made.clone(), settings, Arc::new(SystemClock::new()));
        for (i, source) in open().into_iter().enumerate() {
            pipeline = pipeline.camera(id(i), source);
        }
        let handle = pipeline.start_paused().expect("stages");
        let all = handle.subscribe("test", 16, WhenFull::Block);
        handle.resume();
        let take = move || std::iter::from_fn(|| all.recv()).map(|o| shown(&o)).collect::<Vec<_>>();
        let taker = std::thread::Builder::new().name("take".into()).spawn(take).expect("a thread");
        let finished = handle.finish();
        let seen = taker.join().expect("it only takes");
        assert_eq!(seen.len(), expected.len());
        for (seen, expected) in seen.iter().zip(&expected) {
            // The lines hold embeddings, so a failure does not print them.
            let frame = expected.split(" [").next();
            assert!(seen == expected, "{workers} workers: {frame:?} differs");
        }
        assert!(finished.abandoned.is_empty());
    }
}

#[test]
fn two_cameras_of_the_bundled_clip_match_the_flow() {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/passersby.mp4");
    equal(&[(clip.clone(), 0, 60), (clip, 90, 45)], &[1, 3]);
}

#[test]
fn four_real_clips_match_the_flow() {
    let Some(shared) = passerby_testkit::shared("four_real_clips_match_the_flow") else { return };
    let mut clips: Vec<PathBuf> = std::fs::read_dir(shared.join("data/clips"))
        .expect("the folder of clips")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "mp4"))
        .filter(|path| !path.to_string_lossy().contains("mosaic"))
        .collect();
    clips.sort();
    let stretches: Vec<_> = clips.into_iter().take(4).map(|clip| (clip, 0, 30)).collect();
    equal(&stretches, &[2, 8]);
}
