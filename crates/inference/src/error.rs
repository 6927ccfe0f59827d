//! The errors of loading and running networks. Every message names the network.

use std::path::PathBuf;

use crate::device::Device;

/// Why a network cannot be used. Except for [`ModelError::Io`] and [`ModelError::Device`], the same bytes always fail
/// again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read. Check the path and its permissions.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        cause: std::io::Error,
    },
    /// The file is empty. It was probably cut off during a copy.
    #[error("{model}: the file is empty")]
    Empty {
        /// The name of the network.
        model: String,
    },
    /// The bytes are not an ONNX model, or a damaged one. Compare the file with its source.
    #[error("{model}: not an ONNX model: {reason}")]
    NotOnnx {
        /// The name of the network.
        model: String,
        /// The reason.
        reason: String,
    },
    /// The network is an ONNX file, or is to run on tract, but this program is built without the feature `tract`. Enable
    /// the feature, or load the network with a graph file:
    /// [`Model::from_graph_bytes`](crate::Model::from_graph_bytes).
    #[error(
        "{model}: this program is built without the feature `tract`, which reads ONNX files and runs networks on tract"
    )]
    NoTract {
        /// The name of the network.
        model: String,
    },
    /// The graph file is not valid, or it belongs to another ONNX file. Write it again:
    /// [`Model::to_graph_bytes`](crate::Model::to_graph_bytes).
    #[error("{model}: {reason}")]
    GraphFile {
        /// The name of the network.
        model: String,
        /// The reason.
        reason: String,
    },
    /// The network needs a feature that this crate lacks. Convert it, or use another one.
    #[error("{model}: unsupported: {reason}")]
    Unsupported {
        /// The name of the network.
        model: String,
        /// The operator or feature.
        reason: String,
    },
    /// The network does not have exactly one input.
    #[error("{model}: {found} inputs ({}), expected one", names.join(", "))]
    Inputs {
        /// The name of the network.
        model: String,
        /// The number of inputs.
        found: usize,
        /// The names of the inputs.
        names: Vec<String>,
    },
    /// The network does not accept items of this shape. Use a shape that fits [`Model::input`](crate::Model::input).
    #[error("{model}: input {input} takes {}, not {given:?}", dims(expected))]
    Shape {
        /// The name of the network.
        model: String,
        /// The name of the input.
        input: String,
        /// The shape that the input accepts, beginning with the batch. A free axis is `None`.
        expected: Vec<Option<usize>>,
        /// The requested shape, beginning with the batch.
        given: Vec<usize>,
    },
    /// The first output of the network does not have the expected number of values for an item. Check that this is the
    /// right file.
    #[error("{model}: output {output} has the shape {found:?} for an item, expected [{expected}]")]
    Output {
        /// The name of the network.
        model: String,
        /// The name of the output.
        output: String,
        /// Its shape, without the batch.
        found: Vec<usize>,
        /// The expected number of values.
        expected: usize,
    },
    /// The network cannot multiply bytes, because it has no ranges or those of another network. Calibrate it, or use
    /// [`Precision::Float`](crate::Precision::Float).
    #[error("{model}: cannot multiply bytes: {reason}")]
    Ranges {
        /// The name of the network.
        model: String,
        /// The reason.
        reason: String,
    },
    /// The device of [`Engine::Require`](crate::Engine::Require) is not available, or does not accept the network.
    /// Install the missing part, or use [`Engine::Prefer`](crate::Engine::Prefer).
    #[error("{model}: not on {device}: {reason}")]
    Device {
        /// The name of the network.
        model: String,
        /// The device.
        device: Device,
        /// The reason.
        reason: String,
    },
    /// The network cannot be planned for items of this shape: its layers do not fit together.
    #[error("{model}: cannot be planned for items of {item:?}: {reason}")]
    Plan {
        /// The name of the network.
        model: String,
        /// The shape of an item: `[channels, height, width]`.
        item: [usize; 3],
        /// The reason.
        reason: String,
    },
}

/// Why a run has no outputs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The input does not have the length that the batch requires. This is a mistake of the caller. The session can be
    /// used again.
    #[error("{model}: {given} values for {items} items of {item:?}")]
    Length {
        /// The name of the network.
        model: String,
        /// The number of items of the batch.
        items: usize,
        /// The shape of an item: `[channels, height, width]`.
        item: [usize; 3],
        /// The number of values that the caller passed.
        given: usize,
    },
    /// The network failed on an item. The next run begins with a fresh state. If it fails again, create a new session.
    #[error("{model}: item {index} failed: {reason}")]
    Failed {
        /// The name of the network.
        model: String,
        /// The index of the item in the batch.
        index: usize,
        /// The reason.
        reason: String,
    },
}

/// Returns a shape for a message, with `?` for each free axis.
fn dims(dims: &[Option<usize>]) -> String {
    let each: Vec<String> = dims.iter().map(|d| d.map_or_else(|| "?".into(), |n| n.to_string())).collect();
    format!("[{}]", each.join(", "))
}
