//! The processors that a network can run on.

use std::fmt;
use std::str::FromStr;

/// A processor that ONNX Runtime runs networks on: [`Engine::Prefer`](crate::Engine::Prefer) and
/// [`Engine::Require`](crate::Engine::Require) ask for one. A number says which of several, from 0. Displayed as it is parsed:
/// `cpu`, `cuda:0`, `tensorrt:0`, `coreml`, `directml:0`, `openvino`; `cuda` is the first. Operators of a network that ONNX
/// Runtime's part for the device does not take run on the processor, which ONNX Runtime does not say.
///
/// ```
/// use passerby_inference::Device;
///
/// assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
/// assert_eq!(Device::TensorRt(1).to_string(), "tensorrt:1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The processor that this crate's own engines run on, too: to compare with them.
    Cpu,
    /// An NVIDIA GPU by CUDA and cuDNN.
    Cuda(u32),
    /// An NVIDIA GPU by TensorRT; what that has not, by CUDA. Each session takes many seconds to make.
    TensorRt(u32),
    /// What Core ML chooses of an Apple machine: its neural engine, GPU or processor.
    CoreMl,
    /// A GPU by Windows' DirectX 12.
    DirectMl(u32),
    /// What OpenVINO chooses of an Intel machine: its `AUTO`.
    OpenVino,
}

/// No device is called so. Its text says what there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no device {0:?}: expected cpu, cuda, tensorrt, coreml, directml or openvino; cuda:1 is the second of several"
)]
pub struct UnknownDevice(String);

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice(text.to_owned());
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (name, number) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(number.unwrap_or(0))),
            ("tensorrt", _) => Ok(Self::TensorRt(number.unwrap_or(0))),
            ("coreml", None) => Ok(Self::CoreMl),
            ("directml", _) => Ok(Self::DirectMl(number.unwrap_or(0))),
            ("openvino", None) => Ok(Self::OpenVino),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::TensorRt(number) => write!(f, "tensorrt:{number}"),
            Self::CoreMl => f.write_str("coreml"),
            Self::DirectMl(number) => write!(f, "directml:{number}"),
            Self::OpenVino => f.write_str("openvino"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_shown() {
        use Device::{CoreMl, Cpu, Cuda, DirectMl, OpenVino, TensorRt};
        for device in [Cpu, Cuda(0), Cuda(3), TensorRt(1), CoreMl, DirectMl(2), OpenVino] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        for text in ["", "gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "coreml:1", "cuda:0:1"] {
            assert!(text.parse::<Device>().unwrap_err().to_string().contains("expected cpu, cuda"), "{text}");
        }
    }
}
