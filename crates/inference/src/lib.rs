//! Neural networks for passerby: loads an ONNX model and runs it on a CPU or, with ONNX Runtime, on a GPU.
//!
//! - A [`Model`] is a network that all workers share. [`Bundled`] is a network that is part of the program.
//! - A [`Session`] is one worker's state for a network. [`Session::run`] runs one item without a copy and returns
//!   [`Outputs`]. [`Session::run_batch`] returns a [`Tensor`] for each output.
//! - A [`Calibration`] finds the ranges with which a network multiplies bytes.
//!
//! The input of a network is a list of f32. `passerby-pixels` computes it from an image in any pixel layout.
//!
//! ```
//! # #[cfg(feature = "tract")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use passerby_inference::Model;
//!
//! let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conv.onnx");
//! let model = Model::from_path(path)?;
//! let mut session = model.session([3, 32, 32])?; // channels, height, width
//!
//! session.input().fill(128.0);
//! let outputs = session.run()?;
//! assert_eq!(outputs.shape(0), [1, 4]);
//! assert_eq!(outputs.data(0).len(), 4);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tract"))]
//! # fn main() {}
//! ```
//!
//! # Engines
//! tract reads and checks an ONNX file; no public type shows it. If `passerby-cnn` supports all operators of the network,
//! the network runs on a plan of that crate, otherwise on tract. [`Session::backend`] returns the engine and the
//! reason. Both compute in f32 on the calling thread, so workers are the only parallelism.
//!
//! If the activation ranges of a network are known ([`Model::calibration`]), plans can multiply bytes instead:
//! [`Precision::Int8`]. With the feature `ort`, a network can run on a GPU or another [`Device`] with ONNX Runtime,
//! whose shared library is loaded at run time. If the device is not available, [`Engine::Prefer`] falls back to the
//! CPU.
//!
//! tract panics on some malformed models. This crate catches such a panic and returns it as an error, so no model can
//! make a caller panic. The panic hook of the process still prints it.
//!
//! # Without tract
//! tract takes most of the time that this crate needs to compile. A program that only runs known networks can do without
//! it: [`Model::to_graph_bytes`] writes the operators of an ONNX file to a graph file, once, and
//! [`Model::from_graph_bytes`] loads both files. The example `write_graph` is the command for it. The networks that are
//! bundled with the stage crates are loaded so in any case.
//!
//! # Features
//! - `tract` (default): ONNX files without a graph file, and networks with operators that `passerby-cnn` lacks.
//! - `ort`: networks on devices with ONNX Runtime.
//! - `ndarray`: array views of inputs, outputs and tensors.
//! - `serde`: [`Engine`], [`Device`] and [`Precision`] as serde types, for configuration files.

mod backend;
mod bundled;
mod calibration;
mod device;
mod error;
mod graph_network;
mod interface;
mod model;
mod onnxruntime;
mod panics;
mod plan;
mod session;
mod tensor;
mod tract;

pub use backend::{Backend, Engine, Precision, TractReason};
pub use bundled::Bundled;
pub use calibration::Calibration;
pub use device::{Device, UnknownDevice};
pub use error::{ModelError, RunError};
pub use model::Model;
pub use session::{MemoryUsage, Outputs, Session};
pub use tensor::{Tensor, TensorSpec};
