//! The engines that run networks.

use std::fmt;

use crate::device::Device;

/// The engine that a caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Engine {
    /// `passerby-cnn` if it supports all operators of the network, otherwise tract, which is several times slower.
    #[default]
    Auto,
    /// tract, even if `passerby-cnn` supports the network. Use it to compare the two. Without the feature `tract`, creating
    /// a session fails with [`ModelError::NoTract`](crate::ModelError::NoTract).
    Tract,
    /// ONNX Runtime on this device, which needs the feature `ort`. It computes in float, whatever the [`Precision`].
    ///
    /// If ONNX Runtime cannot be used, the session runs as with [`Engine::Auto`], in the chosen precision, and
    /// [`Session::fallback`](crate::Session::fallback) returns the reason: the library, its support for the device, a
    /// driver or the device is missing, or it does not accept the network. This is decided for each session. If the
    /// memory of the device is full, a new session falls back, and later sessions of the same shape do too.
    ///
    /// A process looks for the library once: at `ORT_DYLIB_PATH`, otherwise beside the program and in the search path
    /// of the system.
    Prefer(Device),
    /// ONNX Runtime on this device. If it cannot be used, creating a session fails with
    /// [`ModelError::Device`](crate::ModelError::Device).
    Require(Device),
}

/// The arithmetic of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Precision {
    /// Single precision throughout. Some [`Device`]s round products more coarsely: Core ML and OpenVINO on GPUs to 10
    /// bits.
    #[default]
    Float,
    /// The pointwise convolutions multiply bytes, which takes less than half of the time on processors with AVX-512
    /// VNNI. Everything else is in single precision. With instructions that gain nothing by bytes (`portable`), the
    /// whole network is. The network must have ranges: [`Model::with_ranges`](crate::Model::with_ranges).
    Int8,
}

/// The engine that runs a network. It displays as one line, for example `cnn (avx2)`, `tract (requested)` or
/// `onnxruntime (cuda:0)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// A plan of `passerby-cnn`.
    Cnn {
        /// The instruction set of the kernels: [`passerby_cnn::Isa::name`].
        isa: &'static str,
        /// The arithmetic.
        precision: Precision,
    },
    /// tract, with the reason.
    Tract(TractReason),
    /// ONNX Runtime on this device.
    OnnxRuntime(Device),
}

/// The reason why tract runs a network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TractReason {
    /// The caller requested it with [`Engine::Tract`].
    Requested,
    /// `passerby-cnn` does not support an operator, or not with its settings.
    Unsupported {
        /// The name of the node in the network.
        node: String,
        /// The operator.
        operator: String,
        /// The unsupported part.
        reason: String,
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

impl fmt::Display for TractReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("requested"),
            Self::Unsupported { node, operator, reason } => write!(f, "{operator} at {node}: {reason}"),
        }
    }
}
