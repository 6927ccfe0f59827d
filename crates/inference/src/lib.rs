//! Neural networks for passerby: an ONNX file in, answers out, on a CPU or, by ONNX Runtime, a GPU, and the numbers that
//! go in straight from pixels in any layout.
//!
//! - [`Model`]: a network, shared by all workers; [`Session`]: one worker's state of it; [`Tensor`]: its answers.
//!   [`Bundled`]: a network that is part of the program.
//! - [`letterbox`]: a whole picture into a detector's input; [`warp`]: an aligned face into an embedder's or a
//!   classifier's. Both read every layout as it is and apply a network's [`Normalize`].
//! - [`to_rgb`]: a whole picture as RGB, for callers who show or save it.
//!
//! ```
//! use passerby_inference::{Letterbox, Model, Normalize, Scratch, letterbox};
//! use passerby_types::{ColorSpace, Image, PixelLayout};
//!
//! let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx");
//! let model = Model::from_path(path)?;
//!
//! let bytes = vec![128; PixelLayout::I420.tight_len(64, 48)];
//! let image = Image::from_vec(PixelLayout::I420, 64, 48, ColorSpace::default(), bytes)?;
//! let place = Letterbox::new(image.width(), image.height(), 32, 32);
//! let mut session = model.session(place.item())?;
//! let mut input = vec![0.0; place.item().iter().product()];
//! letterbox(&image, &place, &Normalize::NONE, &mut Scratch::default(), &mut input);
//!
//! let answers = session.run(1, &input)?;
//! assert_eq!(answers[0].shape(), [1, 4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The engines
//! tract, which none of the types here show, reads and checks the file. A network all of whose operators
//! `passerby-cnn` covers then runs on a plan of that crate, any other on tract: [`Session::backend`] says which, and
//! why. Both compute in f32 on the thread that calls: workers are the parallelism. Where a network's ranges are known
//! ([`Model::calibration`]), plans may multiply bytes instead: [`Precision::Int8`]. With the feature `ort` a network may
//! run on a GPU or another [`Device`] by ONNX Runtime, whose shared library is loaded at run time, and on the processor as
//! before where that cannot be had: [`Engine::Prefer`]. tract panics on some malformed
//! models; such a panic is caught and becomes an error (the process's panic hook still prints it), so no model makes a
//! caller panic.

mod backend;
mod bundled;
mod calibration;
mod check;
mod device;
mod error;
mod guard;
mod half;
mod lower;
mod model;
#[cfg_attr(not(feature = "ort"), path = "absent.rs")]
mod onnxruntime;
mod preprocess;
mod session;
mod tensor;

pub use backend::{Backend, Engine, Precision, Why};
pub use bundled::Bundled;
pub use calibration::Calibration;
pub use device::{Device, UnknownDevice};
pub use error::{ModelError, RunError};
pub use model::Model;
pub use preprocess::{Border, ChannelOrder, Letterbox, Normalize, Scratch, letterbox, to_rgb, warp};
pub use session::{Memory, Outputs, Session};
pub use tensor::{Tensor, TensorSpec};
