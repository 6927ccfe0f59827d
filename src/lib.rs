//! Real-time face analytics for one or many cameras: who passed, when, how old, on a CPU, in pure Rust.
//!
//! Three lines from a photo to its faces, and three from two photos to a verdict:
//!
//! ```
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/capture/portraits");
//! # std::env::set_current_dir(folder).unwrap();
//! let a = passerby::read_image("obama.jpg")?;
//! let faces = passerby::faces(&a)?;
//! println!("{} faces", faces.len());
//!
//! let b = passerby::read_image("obama2.jpg")?;
//! let verdict = passerby::same_person(&a, &b)?;
//! assert!(verdict.same, "similarity {}", verdict.similarity);
//! # Ok::<(), passerby::Error>(())
//! ```
//!
//! This crate re-exports the workspace's crates under short names and connects their defaults ([`stages`]). If you need one of
//! them only, depend on it alone: each stage is a crate, and its contract is a trait of [`types`].
//!
//! | module | contents |
//! |---|---|
//! | [`types`] | frames, faces, tracks, observations, and the stage traits |
//! | [`capture`] | video files, pictures, cameras, synthetic scenes |
//! | [`inference`] | networks on a CPU or GPU |
//! | [`cnn`] | plans and SIMD kernels for convolutional networks |
//! | [`pixels`] | network inputs from images in any pixel layout |
//! | [`detect`] | YuNet: faces with five landmarks |
//! | [`track`] | greedy IoU and SORT |
//! | [`reid`] | MobileFaceNet embeddings and an open-set gallery of persons |
//! | [`demographics`] | age and gender, settled per track |
//! | [`store`] | SQLite, JSON lines, memory |
//! | `annotate` | boxes and labels on pictures, blurred faces, contact sheets (feature `annotate`) |
//! | `mp4` | pictures encoded into video files (feature `mp4`) |
//! | [`workers`] | bounded queues and worker pools, usable alone |
//! | [`pipeline`] | a frame's way through all of them, with a ledger |
//!
//! # A picture with its faces
//!
//! [`write_image`] stores any picture as JPEG or PNG, here with a box around each face:
//!
//! ```
//! # #[cfg(feature = "annotate")]
//! # fn main() -> Result<(), passerby::Error> {
//! # let portrait = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/capture/portraits/obama.jpg");
//! # let folder = std::env::temp_dir().join(format!("passerby-page-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # std::fs::copy(portrait, folder.join("photo.jpg")).unwrap();
//! # std::env::set_current_dir(&folder).unwrap();
//! use passerby::annotate::{AnnotateSettings, Annotator};
//! use passerby::types::ObservedFace;
//!
//! let mut image = passerby::read_image("photo.jpg")?;
//! let faces: Vec<_> = passerby::faces(&image)?.iter().map(|face| ObservedFace::new(1, face.bbox)).collect();
//! Annotator::new(AnnotateSettings::default()).draw(&mut image, &faces);
//! passerby::write_image("seen.jpg", &image)?;
//! # std::env::set_current_dir(std::env::temp_dir()).unwrap();
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "annotate"))]
//! # fn main() {}
//! ```
//!
//! # Videos, from files to persons and a database
//!
//! ```no_run
//! use std::sync::Arc;
//! use passerby::pipeline::{Pipeline, PipelineSettings, Summary, WhenFull};
//! use passerby::{Settings, types::{CameraId, SystemClock}};
//!
//! # #[cfg(feature = "sqlite")]
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use passerby::store::{Sqlite, SqliteSettings};
//!
//! let stages = passerby::stages(&Settings::default())?;
//! let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
//!     .camera(CameraId(0), passerby::capture::open("door.mp4")?)
//!     .camera(CameraId(1), passerby::capture::open("hall.mp4")?)
//!     .sink(Sqlite::open("passerby.sqlite", SqliteSettings::default())?); // leave it out to store nothing
//! let observations = pipeline.subscribe("summary", 64, WhenFull::Block);
//! let run = std::thread::spawn(|| pipeline.run());
//! let mut summary = Summary::default();
//! for observation in observations {
//!     summary.add(&observation);
//! }
//! let report = run.join().expect("the pipeline does not panic")?;
//! println!("{} frames, {} persons", report.figures.ledger().analysed, summary.persons().len());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! [`store::Reader`](store) reads the database. [`pipeline::Flow`] does the same on the calling thread.
//!
//! # A camera
//!
//! A camera never ends, so the pipeline runs until you stop it. Each person is reported when the gallery has decided:
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! use passerby::pipeline::{Pipeline, PipelineSettings, WhenFull};
//! use passerby::{Settings, types::{CameraId, SystemClock}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let camera = passerby::capture::open("rtsp://name:password@192.168.1.20/stream1")?;
//! let stages = passerby::stages(&Settings::default())?;
//! let pipeline = Pipeline::new(stages, PipelineSettings::default(), Arc::new(SystemClock::new()))
//!     .camera(CameraId(0), camera);
//! let observations = pipeline.subscribe("door", 64, WhenFull::DropOldest);
//! let handle = pipeline.start()?;
//! for observation in observations.take(1000) {
//!     for face in &observation.faces {
//!         if let Some(person) = face.identity.person() {
//!             println!("{person} at {:?}", face.bbox);
//!         }
//!     }
//! }
//! let report = handle.stop(Duration::from_secs(5));
//! # drop(report);
//! # Ok(())
//! # }
//! ```
//!
//! If the connection breaks, the source connects again, and the pipeline counts the lost frames.
//!
//! # A stage of your own
//!
//! Each stage is a trait of [`types`]. `with_detector` replaces the detector and leaves all other stages as they are:
//!
//! ```
//! use passerby::types::{BBox, Detector, Face, Frame, StageError};
//!
//! /// Reports one face in the middle of every frame.
//! struct Middle;
//!
//! impl Detector for Middle {
//!     fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
//!         for (frame, faces) in frames.iter().zip(faces) {
//!             let (w, h) = (frame.image.width() as f32, frame.image.height() as f32);
//!             faces.clear();
//!             faces.push(Face::new(BBox::new(w * 0.4, h * 0.4, w * 0.6, h * 0.6), 0.9));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let stages = passerby::stages(&passerby::Settings::default())?.with_detector(|| Middle);
//! # drop(stages);
//! # Ok::<(), passerby::Error>(())
//! ```
//!
//! The page of [`types`] shows how a stage reads the pixels of a frame, and a source and a sink of your own.
//!
//! # Features
//! | feature | default | adds |
//! |---|---|---|
//! | `annotate` | yes | drawn boxes and labels |
//! | `bundled` | yes | the weights of all networks inside the binary, [`stages`], [`faces`], [`same_person`] |
//! | `video`, `images`, `scene` | yes | video files, picture files with [`read_image`] and [`write_image`], synthetic scenes |
//! | `rtsp`, `mjpeg` | yes | network cameras; `tls` encrypts their connections |
//! | `webcam`, `ffmpeg`, `openh264` | no | cameras at this machine, an installed ffmpeg, a second H.264 decoder |
//! | `mp4` | no | `mp4::VideoWriter`, an H.264 encoder |
//! | `sqlite`, `jsonl` | yes | sinks; `sqlite` needs a C compiler |
//! | `centerface` | no | CenterFace as a second detector |
//! | `tract` | yes | ONNX files of your own; the bundled networks do not need it |
//! | `ort` | no | networks on GPUs by ONNX Runtime |
//! | `metrics`, `prometheus` | no | the pipeline's figures for other programs |
//! | `image`, `serde`, `ndarray` | no | conversions from and to these crates |
//! | `full` | no | all of these that need no system package |

#[cfg(feature = "annotate")]
pub use passerby_annotate as annotate;
pub use passerby_capture as capture;
pub use passerby_cnn as cnn;
pub use passerby_demographics as demographics;
pub use passerby_detect as detect;
pub use passerby_inference as inference;
#[cfg(feature = "mp4")]
pub use passerby_mp4 as mp4;
pub use passerby_pipeline as pipeline;
pub use passerby_pixels as pixels;
pub use passerby_reid as reid;
pub use passerby_store as store;
pub use passerby_track as track;
pub use passerby_types as types;
pub use passerby_workers as workers;
pub use passerby_zones as zones;

#[cfg(feature = "bundled")]
mod default_stages;
mod error;
#[cfg(all(feature = "sqlite", feature = "serde"))]
pub mod persons;
#[cfg(feature = "bundled")]
mod photo;
#[cfg(feature = "images")]
mod read_image;
#[cfg(all(feature = "sqlite", feature = "serde"))]
pub mod report;
#[cfg(feature = "images")]
mod write_image;

#[cfg(feature = "bundled")]
pub use default_stages::{AttributeNetworks, NetworkReport, Settings, networks, stages, stages_with};
pub use error::Error;
#[cfg(feature = "bundled")]
pub use photo::{Verdict, faces, same_person};
#[cfg(feature = "images")]
pub use read_image::read_image;
#[cfg(feature = "images")]
pub use write_image::write_image;

/// Runs the examples in the READMEs and in `docs/`.
#[cfg(all(doctest, feature = "annotate", feature = "bundled", feature = "images"))]
mod readmes {
    macro_rules! readme {
        ($($name:ident $path:literal),* $(,)?) => { $(#[doc = include_str!($path)] pub struct $name;)* };
    }
    readme! {
        Annotate "../crates/annotate/README.md",
        Capture "../crates/capture/README.md",
        Cnn "../crates/cnn/README.md",
        Demographics "../crates/demographics/README.md",
        Detect "../crates/detect/README.md",
        Inference "../crates/inference/README.md",
        PipelineCrate "../crates/pipeline/README.md",
        Pixels "../crates/pixels/README.md",
        Reid "../crates/reid/README.md",
        Store "../crates/store/README.md",
        Track "../crates/track/README.md",
        Testkit "../crates/testkit/README.md",
        Types "../crates/types/README.md",
        Workers "../crates/workers/README.md",
        Zones "../crates/zones/README.md",
        Readme "../README.md",
        CustomDetector "../docs/custom-detector.md",
        Database "../docs/database.md",
        Library "../docs/library.md",
        Pictures "../docs/pictures.md",
        SeveralCameras "../docs/several-cameras.md",
    }
    #[cfg(feature = "mp4")]
    readme! {
        AnnotatedVideo "../docs/annotated-video.md",
        Mp4 "../crates/mp4/README.md",
    }
}
