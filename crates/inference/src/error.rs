//! Why a network cannot be used, or gave no answer. Every message names the network.

use std::path::PathBuf;

use crate::Device;

/// Why a network cannot be used. All but [`ModelError::Io`] and [`ModelError::Device`] last: the same bytes fail again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read. Check the path and its permissions.
    #[error("{}: {cause}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// There are no bytes. The file was probably cut off when it was copied.
    #[error("{model}: no bytes")]
    Empty {
        /// Which network.
        model: String,
    },
    /// The bytes are no ONNX model, or a damaged one. Compare the file with its source.
    #[error("{model}: not an ONNX model: {reason}")]
    NotOnnx {
        /// Which network.
        model: String,
        /// What is wrong.
        reason: String,
    },
    /// The network needs something that this crate cannot do. Convert it, or use another.
    #[error("{model}: unsupported: {what}")]
    Unsupported {
        /// Which network.
        model: String,
        /// The operator or feature.
        what: String,
    },
    /// The network does not have exactly one input.
    #[error("{model}: {found} inputs ({}), only networks with one input can be used", names.join(", "))]
    Inputs {
        /// Which network.
        model: String,
        /// How many it has.
        found: usize,
        /// What they are called.
        names: Vec<String>,
    },
    /// The network does not take items of this shape. Ask for one that fits [`Model::input`](crate::Model::input).
    #[error("{model}: input {input} takes {}, not {given:?}", dims(expected))]
    Shape {
        /// Which network.
        model: String,
        /// What the input is called.
        input: String,
        /// The shape it takes, with the batch first; `None` is free.
        expected: Vec<Option<usize>>,
        /// The shape asked for, with the batch first.
        given: Vec<usize>,
    },
    /// The network's first output is not so many numbers for an item. Check that the file is the network it should be.
    #[error("{model}: output {output} is {found:?} for a batch, not [batch, {expected}]")]
    Output {
        /// Which network.
        model: String,
        /// What the output is called.
        output: String,
        /// Its shape, without the batch.
        found: Vec<usize>,
        /// How many numbers there should be.
        expected: usize,
    },
    /// The network cannot multiply bytes: it has no ranges, or they are of another network. Use
    /// [`Precision::Float`](crate::Precision::Float), or calibrate it.
    #[error("{model}: not in int8: {what}")]
    Ranges {
        /// Which network.
        model: String,
        /// What is wrong.
        what: String,
    },
    /// The device that is required cannot be had, or does not take the network: [`Engine::Require`](crate::Engine::Require).
    /// Install what is missing, or prefer the device rather than require it.
    #[error("{model}: not on {device}: {reason}")]
    Device {
        /// Which network.
        model: String,
        /// Which device.
        device: Device,
        /// What is in its way.
        reason: String,
    },
    /// The network cannot be made ready for items of this shape: its layers do not fit together.
    #[error("{model}: cannot be planned for items of {item:?}: {reason}")]
    Plan {
        /// Which network.
        model: String,
        /// The item's shape, `[channels, height, width]`.
        item: [usize; 3],
        /// What is wrong.
        reason: String,
    },
}

/// Why a batch got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The input is not as long as the batch needs. A mistake of the caller; the session is as good as before.
    #[error("{model}: {given} numbers for {items} items of {item:?}")]
    Length {
        /// Which network.
        model: String,
        /// How many items were announced.
        items: usize,
        /// The shape of one item, `[channels, height, width]`.
        item: [usize; 3],
        /// How many numbers were given.
        given: usize,
    },
    /// The network failed on an item. The session starts afresh at its next run; should it fail again, make a
    /// new one.
    #[error("{model}: item {index} failed: {reason}")]
    Failed {
        /// Which network.
        model: String,
        /// Which item of the batch.
        index: usize,
        /// What happened.
        reason: String,
    },
}

/// A shape as people write it, with `?` for what is free.
fn dims(dims: &[Option<usize>]) -> String {
    let each: Vec<String> = dims.iter().map(|d| d.map_or_else(|| "?".into(), |n| n.to_string())).collect();
    format!("[{}]", each.join(", "))
}
