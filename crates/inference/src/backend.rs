//! What runs a network, and why.

use std::fmt;

use crate::Device;

/// Which engine a caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// `passerby-cnn` for networks all of whose operators it covers, which is several times faster; tract for the others.
    #[default]
    Auto,
    /// tract, whatever the network: to compare the two.
    Tract,
    /// ONNX Runtime on this device, by the feature `ort`, in float whatever [`Precision`] says. Where it cannot be had, because
    /// the library, its part for the device, a driver or the device is missing or does not take the network, as
    /// [`Engine::Auto`], which minds the precision: [`Session::fallback`](crate::Session::fallback) says why. Each session is
    /// made by itself: one that is made when the device's memory is full falls back, too, and those of its shape after it.
    /// The library is looked for once in a process: `ORT_DYLIB_PATH`, else beside the program and where the system does.
    Prefer(Device),
    /// The same, or [`ModelError::Device`](crate::ModelError::Device).
    Require(Device),
}

/// In what numbers a network computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// Single precision throughout. A [`Device`] may round products more coarsely: Core ML and OpenVINO to 10 bits, on GPUs.
    #[default]
    Float,
    /// The pointwise convolutions multiply bytes, which on processors with AVX-512 VNNI takes less than half of the time;
    /// all else is in single precision, and so is everything with instructions that gain nothing by bytes (`portable`).
    /// Needs a network with ranges: [`Model::with_ranges`](crate::Model::with_ranges).
    Int8,
}

/// What runs a network. Displayed in one line: `cnn (avx2)`, `tract (asked for)`, `onnxruntime (cuda:0)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// A plan of `passerby-cnn`.
    Cnn {
        /// The instructions that its kernels use: [`passerby_cnn::Isa::name`].
        isa: &'static str,
        /// In what numbers it computes.
        precision: Precision,
    },
    /// tract.
    Tract(Why),
    /// ONNX Runtime on this device.
    OnnxRuntime(Device),
}

/// Why tract runs a network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The caller wants it: [`Engine::Tract`].
    Asked,
    /// `passerby-cnn` does not cover an operator, or not with these settings.
    Uncovered {
        /// The name of the node in the network.
        node: String,
        /// Its operator.
        operator: String,
        /// What of it.
        what: String,
    },
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cnn { isa, precision: Precision::Float } => write!(f, "cnn ({isa})"),
            Self::Cnn { isa, precision: Precision::Int8 } => write!(f, "cnn ({isa}, int8)"),
            Self::Tract(why) => write!(f, "tract ({why})"),
            Self::OnnxRuntime(device) => write!(f, "onnxruntime ({device})"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked for"),
            Self::Uncovered { node, operator, what } => write!(f, "{operator} at {node}: {what}"),
        }
    }
}
